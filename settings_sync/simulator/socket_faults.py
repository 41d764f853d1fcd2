"""Bad behaviour on an open connection: dropping, stalling, dripping, flooding. Sockets only, no HTTP."""

import select
import socket
import struct
import threading
import time
from collections.abc import Callable

DRIP_EVERY_S = 0.5
_LOOK_EVERY_S = 0.05
_CHUNK = 64 * 1024


def hung_up(connection: socket.socket) -> bool:
    """Whether the other side has closed the connection. Reads nothing away, and never blocks."""
    poll = select.poll()
    try:
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(0)) and connection.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True


def wait(connection: socket.socket, *, seconds: float, stop: threading.Event) -> bool:
    """True if the time passed, False if the client hung up or the simulator stops before."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if stop.wait(min(left, _LOOK_EVERY_S)):
            return False
        # A short wait is the ordinary latency: looking would cost more than it.
        if left > _LOOK_EVERY_S and hung_up(connection):
            return False
    return True


def reset(connection: socket.socket) -> None:
    """Closes with a reset (RST) and not an orderly end.

    Closed here already, though files made of it hold it open a moment longer: the server would otherwise shut
    it down in order first.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def drip(
    connection: socket.socket,
    data: bytes,
    *,
    seconds: float,
    stop: threading.Event,
    before_last: Callable[[], None],
) -> None:
    """One byte each half second until all is sent, the time is up, or the client has gone."""
    deadline = time.monotonic() + seconds
    for position in range(len(data)):
        last = position == len(data) - 1
        if last:
            before_last()
        connection.sendall(data[position : position + 1])
        if last or time.monotonic() >= deadline or not wait(connection, seconds=DRIP_EVERY_S, stop=stop):
            return


def flood(
    connection: socket.socket,
    first: bytes,
    *,
    total: int,
    stop: threading.Event,
    before_last: Callable[[], None],
) -> None:
    """`first`, then spaces up to `total` bytes."""
    chunk = b" " * _CHUNK
    connection.sendall(first)
    left = total - len(first)
    while left > 0 and not stop.is_set():
        if left <= _CHUNK:
            before_last()
        connection.sendall(chunk[:left])
        left -= min(left, _CHUNK)
