"""A load generator that costs a few microseconds a request: raw sockets, prepared requests, minimal parsing.

It shares the machine with the measured server, so its own CPU time is measured with every run.
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

from calllogs.sample_calls import generate_agents, generate_calls
from calllogs.sample_pushes import INDIA, SENDERS, build_push_query

CONNECTIONS = 16
DISTINCT_CALLS = 5000  # these are repeated under new ids
ANSWER_TIMEOUT_S = 60.0  # SQLite may wait 20 s for its lock
_ID = "placeholder-for-the-id"


@dataclass
class LoadResult:
    """The answers. Latencies in seconds, of 2xx answers in the measured time; counts include the warm-up."""

    seconds: float = 0.0
    latencies: array = field(default_factory=lambda: array("d"))
    statuses: Counter = field(default_factory=Counter)
    spooled: int = 0  # answered `Accepted`: on disk, but not yet in the database
    cpu_s: float = 0.0  # of the generator, in the measured time
    late_s: float = 0.0  # paced only: the generator's largest delay behind its schedule

    @property
    def answered(self) -> int:
        return sum(number for status, number in self.statuses.items() if status.startswith(b"2"))

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


def generate_requests(*, key: str, tag: str) -> Iterator[bytes]:
    """Endless GET requests, each with a different sample call, with the field names of the provider's sample URL."""
    end = dt.datetime.now(INDIA).replace(microsecond=0)
    made = generate_calls(
        tag, DISTINCT_CALLS, agents=generate_agents(), start=end - dt.timedelta(days=1), end=end
    )
    templates = [
        _request(build_push_query(call, sender=SENDERS[0]).replace(call.call_id, _ID), key) for call in made
    ]
    mark, prefix = _ID.encode(), tag.encode()
    numbered = zip(count(), cycle(templates), strict=False)
    return (template.replace(mark, b"%s.%d" % (prefix, number)) for number, template in numbered)


def _request(query: str, key: str) -> bytes:
    head = f"GET /api/PostCallLogs?key={key}&{query} HTTP/1.1"
    return f"{head}\r\nHost: 127.0.0.1\r\nUser-Agent: benchmark\r\nAccept: */*\r\n\r\n".encode()


def run_load(
    port: int, source: Iterator[bytes], *, warm_s: float, seconds: float, rate: float | None = None
) -> LoadResult:
    """Send for `warm_s`, then measure for `seconds`. Returns when every request is answered.

    Without `rate` each connection sends again as soon as it has its answer. With `rate`, requests are due at even
    intervals and latency counts from the due time, so that a slow server cannot hide its delay.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(_connect(port)) for _ in range(CONNECTIONS)]
        gc.disable()
        try:
            return _exchange(sockets, source, warm_s=warm_s, seconds=seconds, rate=rate)
        finally:
            gc.enable()


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _exchange(
    sockets: list[socket.socket],
    source: Iterator[bytes],
    *,
    warm_s: float,
    seconds: float,
    rate: float | None,
) -> LoadResult:
    # One long function, because function calls would dominate the cost.
    load, clock = LoadResult(), time.perf_counter
    idle, waiting, partial_replies = deque(sockets), {}, {}
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
                if idle and sent_at >= warm_until:  # a connection was free: the delay is the generator's
                    load.late_s = max(load.late_s, now - sent_at)
            connection.sendall(next(source))
            waiting[connection] = sent_at
            now = clock()
        is_early = interval and idle and now < end
        pause = max(0.0, min(due, end) - now) if is_early else ANSWER_TIMEOUT_S
        ready, _, _ = select.select(waiting, (), (), pause)
        if not ready and not is_early:
            raise RuntimeError(f"no answer for {ANSWER_TIMEOUT_S:g} s; so far {dict(load.statuses)}")
        now = clock()
        for connection in ready:
            reply = partial_replies.pop(connection, b"") + connection.recv(65536)
            if not _is_complete(reply):
                partial_replies[connection] = reply
                continue
            load.statuses[reply[9:12]] += 1
            load.spooled += reply.endswith(b"Accepted")
            sent_at = waiting.pop(connection)
            if warm_until <= sent_at and now <= end and reply[9:10] == b"2":
                load.latencies.append(now - sent_at)
            idle.append(connection)
    load.seconds, load.cpu_s = seconds, time.process_time() - (cpu_at_warm or 0.0)
    return load


def _is_complete(reply: bytes) -> bool:
    """True if the answer is complete by its Content-Length. An answer without one is an error."""
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
