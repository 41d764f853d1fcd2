"""A minimal SMTP server on loopback whose replies a test can set."""

import contextlib
import email
import email.message
import email.policy
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.settings_sync.delivery.raw_server import serving


@dataclass
class MailServer:
    """`replies` replaces the positive reply by SMTP verb. None means no reply until the client disconnects."""

    port: int = 0
    replies: dict[str, str | None] = field(default_factory=dict)
    received: list[email.message.EmailMessage] = field(default_factory=list)
    connections: int = 0

    def serve(self, connection: socket.socket) -> None:
        self.connections += 1
        lines = connection.makefile("rb")
        connection.sendall(b"220 tests\r\n")
        for line in iter(lines.readline, b""):
            verb = line.split()[0].upper().decode() if line.split() else ""
            reply = self.replies.get(verb, {"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 ok"))
            if reply is None:
                lines.read()
                return
            if verb == "DATA" and reply.startswith("354"):
                connection.sendall(b"354 go on\r\n")
                self._receive(lines)
                reply = self.replies.get(".", "250 taken")
                if reply is None:
                    lines.read()
                    return
            connection.sendall(f"{reply}\r\n".encode())
            if verb == "QUIT":
                return

    def _receive(self, lines) -> None:
        text = b""
        for line in iter(lines.readline, b".\r\n"):
            if not line:
                return
            text += line[1:] if line.startswith(b"..") else line
        self.received.append(email.message_from_bytes(text, policy=email.policy.default))


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    with serving(server.serve) as url:
        server.port = int(url.rsplit(":", 1)[1])
        yield server
