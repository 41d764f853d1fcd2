"""A socket server whose behaviour per connection is given by the test, HTTP or not."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

Act = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(act: Act) -> Iterator[str]:
    """Yield the base URL. `act` is called with each connection and may raise OSError."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        threading.Thread(target=_accept, args=(listener, act), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, act: Act) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, act), daemon=True).start()


def _serve(connection: socket.socket, act: Act) -> None:
    with connection, contextlib.suppress(OSError):
        act(connection)


def saying(reply: bytes) -> Act:
    """Return an `Act` that reads the request, sends `reply` and closes."""

    def act(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(reply)

    return act


def answer(body: bytes, *, status: str = "200 OK", head: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}Connection: close\r\n\r\n".encode() + body
    )


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            break
        data += chunk
    return data


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hold(connection: socket.socket) -> None:
    """Send nothing until the client closes the connection."""
    while connection.recv(65536):
        pass
