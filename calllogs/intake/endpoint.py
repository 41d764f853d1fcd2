"""The provider's door. It checks, hands over, answers.

The door stands before Django's own handler: a push must not fail for a `Host` header that nobody told the
provider, must never be redirected, and costs a fraction of a page. It is ASGI, because a push is mostly waiting: for
others who share its commit, and for the disk. A thread for each that waits cost more than the push. Django's URL leads
to a view that answers the same.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from calllogs.intake import group_commit, push_auth
from calllogs.intake.envelope import RawPush, receive
from calllogs.intake.waiters import PushResult
from ivrportal.common import network

PATHS = frozenset({"/api/PostCallLogs", "/api/PostCallLogs/"})
SUCCESSFUL, ACCEPTED, INVALID_DATA, FAILURE = "Successful", "Accepted", "Invalid Data", "Failure"
MAX_BODY = 64 * 1024  # bytes of a form; the longest push that was seen has one

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


_ANSWERS = {
    PushResult.COMMITTED: (200, SUCCESSFUL),
    PushResult.SPOOLED: (200, ACCEPTED),
    PushResult.UNUSABLE: (400, INVALID_DATA),
    PushResult.REFUSED: (403, FAILURE),
    PushResult.NOWHERE: (503, FAILURE),
}


def _without_storing(method: str) -> tuple[int, str] | None:
    """Status and body for a request that is no push."""
    if method in {"HEAD", "OPTIONS"}:
        return 200, ""
    return None if method in {"GET", "POST"} else (405, FAILURE)


def _received(query: bytes, form: bytes, meta: Mapping[str, str]) -> tuple[RawPush, str]:
    """The push without its key, and the key's digest. Raw bytes: never Django's own reading of them."""
    raw = query + b"&" + form if query and form else query or form
    bare, digest = push_auth.split_off_key(raw)
    address = network.client_address(meta)
    if not push_auth.is_address_allowed(address):
        digest = push_auth.NO_KEY  # refused, whatever key it carries
    return receive(bare, address), digest


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
    method = request.method or ""
    said = _without_storing(method)
    if said is None:
        form = request.read(MAX_BODY) if method == "POST" else b""
        push, digest = _received(
            request.META.get("QUERY_STRING", "").encode("latin-1", "replace"), form, request.META
        )
        said = _ANSWERS[group_commit.submit(push, digest)]
    status, body = said
    return HttpResponse(body, status=shown_status(status), headers=dict(headers_of(status, len(body))))


def push_endpoint_middleware(application: Asgi) -> Asgi:
    """The application with the provider's door before it."""

    group_commit.start()

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in PATHS:
            await application(scope, receive, send)
            return
        method = scope["method"]
        said = _without_storing(method)
        if said is None:
            form = await _form(receive) if method == "POST" else b""
            push, digest = _received(scope["query_string"], form, _meta(scope))
            said = _ANSWERS[await group_commit.asubmit(push, digest)]
        status, text = said
        await send(_start(shown_status(status), status, len(text)))
        await send({"type": "http.response.body", "body": text.encode()})

    return door


def _meta(scope: Scope) -> dict[str, str]:
    """What tells where a push came from, by the names that Django uses."""
    meta = {"REMOTE_ADDR": scope["client"][0] if scope["client"] else ""}
    if settings.TRUSTED_PROXIES:
        meta["HTTP_X_FORWARDED_FOR"] = ",".join(
            value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"
        )
    return meta


async def _form(receive: Receive) -> bytes:
    """The beginning of a form; whatever is longer is no push."""
    form = b""
    while len(form) < MAX_BODY:
        message = await receive()
        form += message.get("body", b"")
        if not message.get("more_body"):
            break
    return form[:MAX_BODY]


@lru_cache(maxsize=64)
def _start(shown: int, status: int, length: int) -> dict[str, Any]:
    headers = [(name.lower().encode(), value.encode()) for name, value in headers_of(status, length)]
    return {"type": "http.response.start", "status": shown, "headers": headers}
