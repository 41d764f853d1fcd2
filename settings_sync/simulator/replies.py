"""Replies of the simulator: the documented ones and those that faults send instead."""

import math
from dataclasses import dataclass
from http import HTTPStatus

from settings_sync.simulator.faults import Fault, http_status
from settings_sync.simulator.request_parser import FAILURE, INVALID_TIME

TEXT = "text/plain; charset=utf-8"
REDIRECT_PATH = "/elsewhere"
HUGE_BYTES = 64 * 1024 * 1024
_RETRY_AFTER = (429, 503)
_PORTAL_PAGE = b"""<!doctype html><html><head><title>Success</title></head><body>
<h1>Welcome to the hotel's network</h1><p>Success is one click away: accept the terms.</p></body></html>"""
_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True)
class SimulatedReply:
    status: int
    body: bytes
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def summary(self) -> str:
        """The first 80 bytes of the body as text, for the log."""
        return self.body[:80].decode("utf-8", "replace").strip()


def text_reply(text: str, *, status: int = 200) -> SimulatedReply:
    return SimulatedReply(status=status, body=text.encode())


def documented_reply(text: str, *, wrong_key_status: int) -> SimulatedReply:
    """Return the reply of a healthy provider. The document defines the text but no HTTP status."""
    return text_reply(text, status=wrong_key_status if text == FAILURE else 200)


def faulty_reply(healthy: SimulatedReply, *, fault: Fault) -> SimulatedReply:
    """Return the reply under this fault. `healthy` itself for faults that do not change the reply."""
    status = http_status(fault.kind)
    if status:
        headers = (("Retry-After", str(math.ceil(fault.seconds))),) if status in _RETRY_AFTER else ()
        return SimulatedReply(status=status, body=b"Failure", headers=headers)
    match fault.kind:
        case "invalid_time":
            return text_reply(INVALID_TIME)
        case "unsuccessful":
            return text_reply("Unsuccessful")
        case "empty":
            return text_reply("")
        case "no_content":
            return text_reply("", status=204)
        case "html":
            return SimulatedReply(status=200, body=_PORTAL_PAGE, content_type="text/html; charset=utf-8")
        case "wrong_charset":
            return SimulatedReply(
                status=200, body=b"Succ\xe8s\xff", content_type="text/plain; charset=klingon"
            )
        case "redirect":
            # Without the query string, which contains the key.
            return SimulatedReply(status=302, body=b"", headers=(("Location", REDIRECT_PATH),))
    return healthy


def to_bytes(reply: SimulatedReply, *, keep_alive: bool) -> bytes:
    """Return head and body as one bytes object, so that one packet carries both and no delayed ACK intervenes."""
    lines = [f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Simulated')}"]
    if reply.status != 204:
        lines += [f"Content-Type: {reply.content_type}", f"Content-Length: {len(reply.body)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    lines += ["Cache-Control: no-store", f"Connection: {'keep-alive' if keep_alive else 'close'}"]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + reply.body


def pad_body(reply: SimulatedReply, *, length: int) -> SimulatedReply:
    """Pad the body with spaces, so that a client that reads only its beginning takes it for complete."""
    return SimulatedReply(status=reply.status, body=reply.body.ljust(length), content_type=reply.content_type)


def huge_head() -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {TEXT}", f"Content-Length: {HUGE_BYTES}", "Connection: close"]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n"
