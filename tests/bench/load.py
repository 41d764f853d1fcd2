"""A load generator that costs a few microseconds a request: raw sockets, ready-made requests, hardly any parsing.

It shares the machine with the server that it measures, so its own cost is measured with every run.
"""

import contextlib
import datetime as dt
import gc
import select
import socket
import time
from array import array
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, cycle

from calllogs.sample_calls import INDIA, SENDERS, calls, lifelike_agents, wire_query

CONNECTIONS = 16
KINDS = 5000  # different calls; after these the same ones come again under new ids
SILENCE_S = 60.0  # SQLite alone may wait 20 s for its lock
_ID = "only-its-id-differs"


@dataclass
class Load:
    """What came back. Latencies in seconds, of answers 2xx in the measured time; counts include the warm-up."""

    seconds: float = 0.0
    latencies: array = field(default_factory=lambda: array("d"))
    statuses: Counter = field(default_factory=Counter)
    spooled: int = 0  # answered `Accepted`: safe, but not yet in the database
    cpu_s: float = 0.0  # ours, in the measured time
    late_s: float = 0.0  # paced only: how far we ourselves were behind the schedule, at worst

    @property
    def answered(self) -> int:
        return sum(number for status, number in self.statuses.items() if status.startswith(b"2"))

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


def requests(*, key: str, tag: str) -> Iterator[bytes]:
    """GET requests without end, each a lifelike call of its own, with the names of the provider's sample URL."""
    end = dt.datetime.now(INDIA).replace(microsecond=0)
    made = calls(tag, KINDS, agents=lifelike_agents(), start=end - dt.timedelta(days=1), end=end)
    patterns = [
        _request(wire_query(call, sender=SENDERS[0]).replace(call.call_id, _ID), key) for call in made
    ]
    mark, prefix = _ID.encode(), tag.encode()
    numbered = zip(count(), cycle(patterns), strict=False)
    return (pattern.replace(mark, b"%s.%d" % (prefix, number)) for number, pattern in numbered)


def _request(query: str, key: str) -> bytes:
    head = f"GET /api/PostCallLogs?key={key}&{query} HTTP/1.1"
    return f"{head}\r\nHost: 127.0.0.1\r\nUser-Agent: benchmark\r\nAccept: */*\r\n\r\n".encode()


def generate(
    port: int, source: Iterator[bytes], *, warm_s: float, seconds: float, rate: float | None = None
) -> Load:
    """Send for `warm_s`, then measure for `seconds`; ends when all that was sent is answered.

    Without `rate` each connection sends as soon as it has its answer. With it, requests are due at even distances and
    latency counts from that moment, so that a slow server cannot slow the clock that judges it.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(_connect(port)) for _ in range(CONNECTIONS)]
        gc.disable()
        try:
            return _exchange(sockets, source, warm_s=warm_s, seconds=seconds, rate=rate)
        finally:
            gc.enable()


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=SILENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _exchange(
    sockets: list[socket.socket],
    source: Iterator[bytes],
    *,
    warm_s: float,
    seconds: float,
    rate: float | None,
) -> Load:
    # In one piece, because a call of a function costs as much here as what it would do.
    load, clock = Load(), time.perf_counter
    idle, waiting, halves = deque(sockets), {}, {}
    interval = 1 / rate if rate else 0.0
    now = due = clock()
    warm_until, end = now + warm_s, now + warm_s + seconds
    cpu_at_warm: float | None = None
    while waiting or now < end:
        now = clock()
        if cpu_at_warm is None and now >= warm_until:
            cpu_at_warm = time.process_time()
        while idle and now < end and (not interval or due <= now):
            connection = idle.popleft()
            sent_at = now
            if interval:
                sent_at, due = due, due + interval
                if idle and sent_at >= warm_until:  # a connection was free: the delay was our own
                    load.late_s = max(load.late_s, now - sent_at)
            connection.sendall(next(source))
            waiting[connection] = sent_at
            now = clock()
        is_early = interval and idle and now < end
        pause = max(0.0, min(due, end) - now) if is_early else SILENCE_S
        ready, _, _ = select.select(waiting, (), (), pause)
        if not ready and not is_early:
            raise RuntimeError(f"no answer for {SILENCE_S:g} s; so far {dict(load.statuses)}")
        now = clock()
        for connection in ready:
            reply = halves.pop(connection, b"") + connection.recv(65536)
            if not _is_whole(reply):
                halves[connection] = reply
                continue
            load.statuses[reply[9:12]] += 1
            load.spooled += reply.endswith(b"Accepted")
            sent_at = waiting.pop(connection)
            if warm_until <= sent_at and now <= end and reply[9:10] == b"2":
                load.latencies.append(now - sent_at)
            idle.append(connection)
    load.seconds, load.cpu_s = seconds, time.process_time() - (cpu_at_warm or 0.0)
    return load


def _is_whole(reply: bytes) -> bool:
    """All of the answer, by its Content-Length; without one it cannot be told, and is an error."""
    if not reply:
        raise RuntimeError("the server closed a connection")
    end = reply.find(b"\r\n\r\n")
    if end < 0:
        return False
    at = reply.find(b"ontent-length: ", 0, end)
    if at < 0:
        at = reply.find(b"ontent-Length: ", 0, end)
    if at < 0:
        raise RuntimeError(f"no length in {reply[:200]!r}")
    length = int(reply[at + 15 : reply.find(b"\r", at)])
    return len(reply) >= end + 4 + length
