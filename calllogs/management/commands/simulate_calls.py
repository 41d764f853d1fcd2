"""`simulate_calls`: push sample calls as the provider would, and count the replies."""

import datetime as dt
import heapq
import http.client
import random
import threading
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from calllogs.sample_calls import RECORDINGS, SampleCall, generate_agents, generate_calls
from calllogs.sample_pushes import SENDERS, build_push_query

REPLIES = ("Successful", "Accepted", "Invalid Data", "Failure")
NO_REPLY, OTHER = "no reply", "other"
LATE_RECORDINGS = 0.1
TIMEOUT_S = 10
_LONGEST_REPLY = 4096


class Command(BaseCommand):
    help = "Pushes lifelike calls to the portal. Exit status 1 if any push was not answered with 2xx."
    # The portal may be another one than this configuration's, so its checks do not matter.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", required=True, help="the push URL with its key")
        parser.add_argument(
            "--count", type=int, required=True, help="calls; repeats and late recordings come on top"
        )
        parser.add_argument(
            "--rate", type=float, default=0, help="pushes per second; as fast as it goes if left out"
        )
        parser.add_argument("--seed", type=int, help="of the draw of calls; random if left out")
        parser.add_argument(
            "--duplicates", type=float, default=0.05, help="share of calls that are pushed twice"
        )
        parser.add_argument("--recordings", default=RECORDINGS, help="the address below which recordings lie")
        parser.add_argument("--workers", type=int, default=8, help="connections")

    def handle(self, *args: Any, **options: Any) -> None:
        target = _target(options["url"])
        _check(options)
        seed = time.time_ns() if options["seed"] is None else options["seed"]
        now = _now()
        calls = generate_calls(
            f"pushed {seed}",
            options["count"],
            agents=generate_agents(),
            start=now - dt.timedelta(hours=1),
            end=now,
            recordings=options["recordings"],
        )
        source = random.Random(seed)  # noqa: S311  (nothing secret is drawn)
        queries = plan_pushes(calls, source=source, duplicates=options["duplicates"], zone=now.tzinfo)
        tally = push_all(queries, target=target, rate=options["rate"], workers=options["workers"])
        self.stdout.write(_summary(tally, count=options["count"]))
        if tally.refused:
            raise CommandError(f"{tally.refused} of {tally.pushed} pushes were not answered with 2xx.")


def _now() -> dt.datetime:
    return timezone.localtime().replace(microsecond=0)


def plan_pushes(
    calls: Iterator[SampleCall], *, source: random.Random, duplicates: float, zone: dt.tzinfo | None
) -> Iterator[str]:
    """Yield query strings in sending order: each call once, and some again later.

    One in ten recordings comes late, in a second push of its call. A repeat equals the first push exactly, so it may
    come after the late recording and contain less than the portal already has.
    """
    later: list[tuple[int, str]] = []
    for position, call in enumerate(calls):
        while later and later[0][0] <= position:
            yield heapq.heappop(later)[1]
        sender = source.choice(SENDERS)
        late = bool(call.recording_url) and source.random() < LATE_RECORDINGS
        first = build_push_query(call, sender=sender, zone=zone or dt.UTC, with_recording=not late)
        yield first
        if late:
            whole = build_push_query(call, sender=sender, zone=zone or dt.UTC)
            heapq.heappush(later, (position + source.randint(5, 100), whole))
        if source.random() < duplicates:
            heapq.heappush(later, (position + source.randint(1, 120), first))
    while later:
        yield heapq.heappop(later)[1]


@dataclass
class PushTally:
    """`replies` counts replies by text; `refused` counts pushes without a 2xx reply, including no reply at all."""

    replies: Counter[str] = field(default_factory=Counter)
    pushed: int = 0
    refused: int = 0
    seconds: float = 0.0

    def add(self, status: int | None, text: str) -> None:
        self.pushed += 1
        self.replies[text] += 1
        self.refused += status is None or not 200 <= status < 300


@dataclass
class _SharedWork:
    """State shared by the workers: the pushes still to send, their timing, and the tally."""

    queries: Iterator[str]
    rate: float
    started: float = field(default_factory=time.monotonic)
    taken: int = 0
    tally: PushTally = field(default_factory=PushTally)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)

    def take(self) -> str | None:
        with self.lock:
            query = None if self.stop.is_set() else next(self.queries, None)
            due = self.started + self.taken / self.rate if self.rate else 0.0
            self.taken += 1
        if query is not None and due and self.stop.wait(max(0.0, due - time.monotonic())):
            return None
        return query

    def count(self, status: int | None, text: str) -> None:
        with self.lock:
            self.tally.add(status, text)


def push_all(queries: Iterator[str], *, target: SplitResult, rate: float, workers: int) -> PushTally:
    """Send all pushes over `workers` persistent connections. Ctrl-C stops early and returns the tally so far."""
    work = _SharedWork(queries=queries, rate=rate)
    threads = [threading.Thread(target=_worker, args=(work, target), daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        work.stop.set()
        for thread in threads:
            thread.join()
    work.tally.seconds = time.monotonic() - work.started
    return work.tally


def _worker(work: _SharedWork, target: SplitResult) -> None:
    connection = _connection(target)
    path = target.path or "/"
    before = f"{path}?{target.query}&" if target.query else f"{path}?"
    try:
        while (query := work.take()) is not None:
            work.count(*_push(connection, before + query))
    finally:
        connection.close()


def _connection(target: SplitResult) -> http.client.HTTPConnection:
    connection_class = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    return connection_class(str(target.hostname), target.port, timeout=TIMEOUT_S)


def _push(connection: http.client.HTTPConnection, path: str) -> tuple[int | None, str]:
    """Return the HTTP status and the kind of reply. A connection that the server closed while idle is reopened once."""
    was_open = connection.sock is not None
    try:
        return _exchange(connection, path)
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        closed_while_idle = was_open and isinstance(error, ConnectionError)
    if not closed_while_idle:
        return None, NO_REPLY
    try:
        return _exchange(connection, path)
    except (OSError, http.client.HTTPException):
        connection.close()
        return None, NO_REPLY


def _exchange(connection: http.client.HTTPConnection, path: str) -> tuple[int, str]:
    connection.putrequest("GET", path, skip_accept_encoding=True)
    connection.endheaders()
    reply = connection.getresponse()
    text = reply.read(_LONGEST_REPLY).decode("utf-8", "replace")
    if not reply.isclosed():
        # The reply is longer than we read, so the connection cannot be reused.
        reply.close()
        connection.close()
    return reply.status, text if text in REPLIES else OTHER


def _target(url: str) -> SplitResult:
    """Parse the URL. The CommandError does not repeat it, because it contains the key."""
    try:
        target = urlsplit(url)
        is_valid = target.scheme in ("http", "https") and target.hostname and (target.port or True)
    except ValueError:
        is_valid = False
    if not is_valid or not url.isascii() or any(char.isspace() for char in url):
        raise CommandError("--url is not an http or https address.")
    return target


def _check(options: dict[str, Any]) -> None:
    if options["count"] < 0 or not options["rate"] >= 0 or not 0 <= options["duplicates"] <= 1:
        raise CommandError("--count and --rate are not negative, --duplicates is a share from 0 to 1.")
    if not 1 <= options["workers"] <= 512:
        raise CommandError("--workers is a number from 1 to 512.")


def _summary(tally: PushTally, *, count: int) -> str:
    kinds = [*REPLIES, NO_REPLY] + [OTHER] * (OTHER in tally.replies)
    replies = ", ".join(f"{text} {tally.replies[text]}" for text in kinds)
    per_second = tally.pushed / tally.seconds if tally.seconds else 0
    return f"{replies}; {count} calls, {tally.pushed} pushes, {per_second:.0f} pushes/s"
