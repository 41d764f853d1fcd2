"""Faults on an open connection: reset, stall, drip and flood. Sockets only, no HTTP."""

import select
import socket
import struct
import threading
import time
from collections.abc import Callable

DRIP_EVERY_S = 0.5
_CHECK_EVERY_S = 0.05
_CHUNK = 64 * 1024


def has_hung_up(connection: socket.socket) -> bool:
    """Whether the client has closed the connection. Consumes no data and never blocks."""
    poll = select.poll()
    try:
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(0)) and connection.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True


def wait(connection: socket.socket, *, seconds: float, stop: threading.Event) -> bool:
    """Wait. Returns False at once if the client hangs up or the simulator stops."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if stop.wait(min(left, _CHECK_EVERY_S)):
            return False
        # Not checked in a short wait, which is the normal latency: the check would cost more than the wait.
        if left > _CHECK_EVERY_S and has_hung_up(connection):
            return False
    return True


def reset(connection: socket.socket) -> None:
    """Close the connection with a reset (RST).

    Closed here, before the server does an orderly shutdown, although file objects still hold the socket open.
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
    """Send one byte every half second until all is sent, the time is over, or the client hangs up."""
    deadline = time.monotonic() + seconds
    for position in range(len(data)):
        is_last = position == len(data) - 1
        if is_last:
            before_last()
        connection.sendall(data[position : position + 1])
        if is_last or time.monotonic() >= deadline or not wait(connection, seconds=DRIP_EVERY_S, stop=stop):
            return


def flood(
    connection: socket.socket,
    first: bytes,
    *,
    total: int,
    stop: threading.Event,
    before_last: Callable[[], None],
) -> None:
    """Send `first`, then spaces up to `total` bytes."""
    chunk = b" " * _CHUNK
    connection.sendall(first)
    left = total - len(first)
    while left > 0 and not stop.is_set():
        if left <= _CHUNK:
            before_last()
        connection.sendall(chunk[:left])
        left -= min(left, _CHUNK)
