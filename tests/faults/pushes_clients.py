"""Sixteen senders at once, as the provider's servers would be, that remember every answer."""

import contextlib
import datetime as dt
import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import count
from types import TracebackType

from calllogs.sample_calls import INDIA, SENDERS, LifelikeCall, calls, lifelike_agents, wire_query
from ivrportal.devserver.embedded_broker import HOST

CLIENTS = 16
SILENCE_S = 30.0
# What a push may leave out; id, date and time it always has.
OPTIONAL = tuple(
    each.name for each in fields(LifelikeCall) if each.name not in {"call_id", "started_at", "received_at"}
)


@dataclass(frozen=True, slots=True)
class Push:
    """One push to send. `number` goes with it as a parameter that the portal does not know, to find it again."""

    number: int
    call: LifelikeCall  # what this push tells; the rest is blank
    query: str


@dataclass(frozen=True, slots=True)
class Answer:
    push: Push
    status: int  # 0: the connection broke
    body: str
    seconds: float


def lifelike(seed: int | str, count: int) -> list[LifelikeCall]:
    end = dt.datetime.now(INDIA).replace(microsecond=0)
    return list(calls(seed, count, agents=lifelike_agents(), start=end - dt.timedelta(days=1), end=end))


_numbers = count(1)


def push_of(call: LifelikeCall, *, sender: int = 0) -> Push:
    number = next(_numbers)
    query = wire_query(call, sender=SENDERS[sender % len(SENDERS)])
    return Push(number, call, f"n={number}&{query}")


def endless(rng: random.Random) -> Iterator[Push]:
    """Whole pushes, each of a call of its own."""
    while True:
        for call in lifelike(f"{rng.random()}", 2000):
            yield push_of(call, sender=rng.randrange(4))


def shuffled_repeats(rng: random.Random, *, calls: int, repeats: int) -> list[Push]:
    """`repeats` pushes of `calls` calls, each call at least once, in pieces: which fields a push tells is luck."""
    known = lifelike(f"{rng.random()}", calls)
    chosen = [*known, *rng.choices(known, k=repeats - calls)]
    rng.shuffle(chosen)
    return [push_of(_piece(call, rng), sender=rng.randrange(4)) for call in chosen]


def _piece(call: LifelikeCall, rng: random.Random) -> LifelikeCall:
    left_out = {name for name in OPTIONAL if rng.random() < 0.4}
    # Our word and theirs for the status stand and fall together; the wire has only theirs.
    if "raw_status" in left_out:
        left_out |= {"status"}
    blanks = {name: None if name.endswith("_seconds") else "" for name in left_out if name != "status"}
    return replace(call, **blanks, **({"status": ""} if "raw_status" in left_out else {}))


class Crowd:
    """As a context: pushes for as long as it is open, or `wait` until the source is empty."""

    def __init__(self, port: int, key: str, source: Iterable[Push], into: list[Answer]) -> None:
        self.port, self.key, self.answers = port, key, into
        self._source, self._taking = iter(source), threading.Lock()
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._client, daemon=True) for _ in range(CLIENTS)]
        self.errors: list[BaseException] = []

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self.wait()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(SILENCE_S + 10)
            assert not thread.is_alive(), "a client hangs"
        if self.errors:
            raise self.errors[0]

    def wait_for_answers(self, wanted: int, *, body: str = "", within_s: float = 60.0) -> None:
        """Until that many more pushes were answered, with this body if one is given."""
        start, deadline = len(self.answers), time.monotonic() + within_s
        while sum(bool(a.status) and (not body or a.body == body) for a in self.answers[start:]) < wanted:
            assert time.monotonic() < deadline, (
                f"only {len(self.answers) - start} answers in {within_s:g} s: {told(self.answers[start:])}"
            )
            time.sleep(0.01)

    def _client(self) -> None:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=SILENCE_S)
        try:
            while not self._is_over.is_set():
                with self._taking:
                    push = next(self._source, None)
                if push is None:
                    return
                self.answers.append(sent(connection, push, self.key))
                if not self.answers[-1].status:
                    time.sleep(0.1)
        except BaseException as error:
            self.errors.append(error)
        finally:
            connection.close()


def sent(connection: http.client.HTTPConnection, push: Push, key: str) -> Answer:
    head, _, rest = push.query.partition("&")
    start = time.monotonic()
    try:
        connection.request("GET", f"/api/PostCallLogs?{head}&key={key}&{rest}")
        response = connection.getresponse()
        status, body = response.status, response.read().decode()
    except (OSError, http.client.HTTPException):
        connection.close()
        status, body = 0, ""
    return Answer(push, status, body, time.monotonic() - start)


def head_is_answered(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    with contextlib.closing(connection):
        try:
            connection.request("HEAD", "/api/PostCallLogs")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def told(answers: Sequence[Answer]) -> str:
    """`1,234 Successful, 5 Accepted, 16 broken`"""
    counts = Counter(
        (f"{answer.body}" if answer.status else "broken")
        + (f" ({answer.status})" if answer.status > 200 else "")
        for answer in answers
    )
    return ", ".join(f"{number:,} {word}" for word, number in counts.most_common())
