"""What goes over the wire: the document's replies, and the wrong ones that a fault sends instead."""

import math
from dataclasses import dataclass
from http import HTTPStatus

from settings_sync.simulator.faults import Fault, http_status
from settings_sync.simulator.request_parser import FAILURE, INVALID_TIME

TEXT = "text/plain; charset=utf-8"
ELSEWHERE = "/elsewhere"
HUGE_BYTES = 64 * 1024 * 1024
_RETRY_AFTER = (429, 503)
_PORTAL_PAGE = b"""<!doctype html><html><head><title>Success</title></head><body>
<h1>Welcome to the hotel's network</h1><p>Success is one click away: accept the terms.</p></body></html>"""
_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def in_words(self) -> str:
        """For the log: the beginning of the body, readable whatever it holds."""
        return self.body[:80].decode("utf-8", "replace").strip()


def plain(text: str, *, status: int = 200) -> Reply:
    return Reply(status=status, body=text.encode())


def documented(text: str, *, wrong_key_status: int) -> Reply:
    """What a healthy provider answers. The document names the words, and no HTTP code but by its silence."""
    return plain(text, status=wrong_key_status if text == FAILURE else 200)


def instead_of(healthy: Reply, *, fault: Fault) -> Reply:
    """The reply under this fault; `healthy` itself for those that answer truly, early or late or never."""
    status = http_status(fault.kind)
    if status:
        later = (("Retry-After", str(math.ceil(fault.seconds))),) if status in _RETRY_AFTER else ()
        return Reply(status=status, body=b"Failure", headers=later)
    match fault.kind:
        case "invalid_time":
            return plain(INVALID_TIME)
        case "unsuccessful":
            return plain("Unsuccessful")
        case "empty":
            return plain("")
        case "no_content":
            return plain("", status=204)
        case "html":
            return Reply(status=200, body=_PORTAL_PAGE, content_type="text/html; charset=utf-8")
        case "wrong_charset":
            return Reply(status=200, body=b"Succ\xe8s\xff", content_type="text/plain; charset=klingon")
        case "redirect":
            # Without the query: the key must not travel on.
            return Reply(status=302, body=b"", headers=(("Location", ELSEWHERE),))
    return healthy


def to_bytes(reply: Reply, *, keep_alive: bool) -> bytes:
    """Head and body in one piece, so that one packet carries both and no delayed ACK comes between."""
    lines = [f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Simulated')}"]
    if reply.status != 204:
        lines += [f"Content-Type: {reply.content_type}", f"Content-Length: {len(reply.body)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    lines += ["Cache-Control: no-store", f"Connection: {'keep-alive' if keep_alive else 'close'}"]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + reply.body


def padded(reply: Reply, *, length: int) -> Reply:
    """The body filled up with spaces: whoever reads only its beginning takes it for the whole."""
    return Reply(status=reply.status, body=reply.body.ljust(length), content_type=reply.content_type)


def huge_head() -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {TEXT}", f"Content-Length: {HUGE_BYTES}", "Connection: close"]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n"
