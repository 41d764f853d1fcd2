"""The push endpoint: checks a push, hands it to the writer and replies.

The ASGI middleware handles pushes before Django does: a push must not fail because of its `Host` header, must never be
redirected, and costs a fraction of a page. It is asynchronous because a push mostly waits for its batch and the disk; a
thread for each waiting push cost more than the push. The view behind Django's URL gives the same replies.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from calllogs.intake import group_commit, push_auth
from calllogs.intake.envelope import RawPush, receive
from calllogs.intake.waiters import PushResult
from ivrportal.common import network
from ivrportal.common.asgi_types import Asgi, Receive, Scope, Send

PATHS = frozenset({"/api/PostCallLogs", "/api/PostCallLogs/"})
SUCCESSFUL, ACCEPTED, INVALID_DATA, FAILURE = "Successful", "Accepted", "Invalid Data", "Failure"
MAX_BODY = 64 * 1024  # bytes of a form


# HTTP status and body
_REPLIES = {
    PushResult.COMMITTED: (200, SUCCESSFUL),
    PushResult.SPOOLED: (200, ACCEPTED),
    PushResult.UNUSABLE: (400, INVALID_DATA),
    PushResult.REFUSED: (403, FAILURE),
    PushResult.NOT_STORED: (503, FAILURE),
}


def _reply_without_storing(method: str) -> tuple[int, str] | None:
    """Status and body for a request that is not a push; None for a push."""
    if method in {"HEAD", "OPTIONS"}:
        return 200, ""
    return None if method in {"GET", "POST"} else (405, FAILURE)


def _receive_push(query: bytes, form: bytes, meta: Mapping[str, str]) -> tuple[RawPush, str]:
    """The push without its key, and the key's digest. Works on raw bytes, because Django would decode them."""
    raw = query + b"&" + form if query and form else query or form
    bare, digest = push_auth.split_off_key(raw)
    address = network.client_address(meta)
    if not push_auth.is_address_allowed(address):
        digest = push_auth.NO_KEY  # refused even with a valid key
    return receive(bare, address), digest


@lru_cache(maxsize=32)
def build_headers(status: int, length: int) -> list[tuple[str, str]]:
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
    headers.append(("Content-Length", str(length)))
    if status == 503:
        headers.append(("Retry-After", "5"))
    if status == 405:
        headers.append(("Allow", "GET, POST, HEAD, OPTIONS"))
    return headers


def status_to_send(status: int) -> int:
    """The HTTP status to send: with PUSH_ERROR_STATUS=ok, 200 for senders that take any other as a lost connection."""
    return 200 if status >= 400 and settings.PUSH_ERROR_STATUS == "ok" else status


@csrf_exempt
def post_call_logs(request: HttpRequest) -> HttpResponse:
    method = request.method or ""
    reply = _reply_without_storing(method)
    if reply is None:
        form = request.read(MAX_BODY) if method == "POST" else b""
        push, digest = _receive_push(
            request.META.get("QUERY_STRING", "").encode("latin-1", "replace"), form, request.META
        )
        reply = _REPLIES[group_commit.submit(push, digest)]
    status, body = reply
    return HttpResponse(body, status=status_to_send(status), headers=dict(build_headers(status, len(body))))


def push_endpoint_middleware(application: Asgi) -> Asgi:
    """Wrap an ASGI application: pushes are handled here, all other requests are passed on."""

    group_commit.start()

    async def push_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in PATHS:
            await application(scope, receive, send)
            return
        method = scope["method"]
        reply = _reply_without_storing(method)
        if reply is None:
            form = await _read_form(receive) if method == "POST" else b""
            push, digest = _receive_push(scope["query_string"], form, _build_meta(scope))
            reply = _REPLIES[await group_commit.asubmit(push, digest)]
        status, body = reply
        await send(_build_response_start(status_to_send(status), status, len(body)))
        await send({"type": "http.response.body", "body": body.encode()})

    return push_endpoint


def _build_meta(scope: Scope) -> dict[str, str]:
    """The entries of Django's `request.META` that give a push's client address."""
    meta = {"REMOTE_ADDR": scope["client"][0] if scope["client"] else ""}
    if settings.TRUSTED_PROXIES:
        meta["HTTP_X_FORWARDED_FOR"] = ",".join(
            value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"
        )
    return meta


async def _read_form(receive: Receive) -> bytes:
    """The first MAX_BODY bytes of a form; a push is never longer."""
    form = b""
    while len(form) < MAX_BODY:
        message = await receive()
        form += message.get("body", b"")
        if not message.get("more_body"):
            break
    return form[:MAX_BODY]


@lru_cache(maxsize=64)
def _build_response_start(sent_status: int, status: int, length: int) -> dict[str, Any]:
    headers = [(name.lower().encode(), value.encode()) for name, value in build_headers(status, length)]
    return {"type": "http.response.start", "status": sent_status, "headers": headers}
