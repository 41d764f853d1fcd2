"""The provider's door. It checks, hands over, answers.

The door stands before Django's own handler: a push must not fail for a `Host` header that nobody told the
provider, must never be redirected, and costs a fraction of a page. Django's URLs lead to the same function.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from calllogs import auth, writer
from calllogs.arrival import receive
from calllogs.writer import Kept
from settings_sync import network

PATHS = frozenset({"/api/PostCallLogs", "/api/PostCallLogs/"})
SUCCESSFUL, ACCEPTED, INVALID_DATA, FAILURE = "Successful", "Accepted", "Invalid Data", "Failure"
MAX_BODY = 64 * 1024  # bytes of a form; the longest push that was seen has one

Wsgi = Callable[..., Iterable[bytes]]  # (environ, start_response)


_ANSWERS = {
    Kept.COMMITTED: (200, SUCCESSFUL),
    Kept.SPOOLED: (200, ACCEPTED),
    Kept.UNUSABLE: (400, INVALID_DATA),
    Kept.REFUSED: (403, FAILURE),
    Kept.NOWHERE: (503, FAILURE),
}


_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


def answer(method: str, meta: Mapping[str, str], read: Callable[[int], bytes]) -> tuple[int, str]:
    """One push, by GET or as a form: status and body, to the contract's letter."""
    if method in {"HEAD", "OPTIONS"}:
        return 200, ""
    if method not in {"GET", "POST"}:
        return 405, FAILURE
    raw = _raw(method, meta, read)
    address = network.client_address(meta)
    bare, digest = auth.parted(raw)
    if not auth.is_address_allowed(address):
        digest = auth.NO_KEY  # refused, whatever key it carries
    return _ANSWERS[writer.submit(receive(bare, address), digest)]


def _raw(method: str, meta: Mapping[str, str], read: Callable[[int], bytes]) -> bytes:
    """The query as bytes, and behind it the form, if any; never Django's own reading of them."""
    query = meta.get("QUERY_STRING", "").encode("latin-1", "replace")
    if method != "POST":
        return query
    return b"&".join(part for part in (query, read(MAX_BODY)) if part)


@lru_cache(maxsize=32)
def headers_of(status: int, length: int) -> list[tuple[str, str]]:
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
    headers.append(("Content-Length", str(length)))
    if status == 503:
        headers.append(("Retry-After", "5"))
    if status == 405:
        headers.append(("Allow", "GET, POST, HEAD, OPTIONS"))
    return headers


def shown_status(status: int) -> int:
    """The HTTP status to send: some senders take anything but 200 for a lost line, and are told so in the body."""
    return 200 if status >= 400 and settings.PUSH_ERROR_STATUS == "ok" else status


@csrf_exempt
def post_call_logs(request: HttpRequest) -> HttpResponse:
    status, body = answer(request.method or "", request.META, request.read)
    return HttpResponse(body, status=shown_status(status), headers=dict(headers_of(status, len(body))))


def with_door(application: Wsgi) -> Wsgi:
    """The application with the provider's door before it."""

    writer.start()

    def door(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") not in PATHS:
            return application(environ, start_response)
        status, text = answer(environ["REQUEST_METHOD"], environ, environ["wsgi.input"].read)
        body = text.encode()
        shown = shown_status(status)
        start_response(_LINES[shown], headers_of(status, len(body)))
        return [body]

    return door
