"""Sixteen concurrent senders, like the provider's servers. They record every answer."""

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

from calllogs.sample_calls import SampleCall, generate_agents, generate_calls
from calllogs.sample_pushes import INDIA, SENDERS, build_push_query
from ivrportal.devserver.embedded_broker import HOST

CLIENTS = 16
ANSWER_TIMEOUT_S = 30.0
# Fields that a push may omit; it always has its id, date and time.
OPTIONAL = tuple(
    each.name for each in fields(SampleCall) if each.name not in {"call_id", "started_at", "received_at"}
)


@dataclass(frozen=True, slots=True)
class Push:
    """One push to send. `number` is sent as an unknown parameter `n`, which identifies the push in the database."""

    number: int
    call: SampleCall  # the fields of this push; omitted ones are blank
    query: str


@dataclass(frozen=True, slots=True)
class PushAnswer:
    push: Push
    status: int  # 0: the connection broke
    body: str
    seconds: float


def generate_sample_calls(seed: int | str, count: int) -> list[SampleCall]:
    end = dt.datetime.now(INDIA).replace(microsecond=0)
    return list(
        generate_calls(seed, count, agents=generate_agents(), start=end - dt.timedelta(days=1), end=end)
    )


_numbers = count(1)


def build_push(call: SampleCall, *, sender: int = 0) -> Push:
    number = next(_numbers)
    query = build_push_query(call, sender=SENDERS[sender % len(SENDERS)])
    return Push(number, call, f"n={number}&{query}")


def generate_endless_pushes(rng: random.Random) -> Iterator[Push]:
    """Complete pushes without end, each of a different call."""
    while True:
        for call in generate_sample_calls(f"{rng.random()}", 2000):
            yield build_push(call, sender=rng.randrange(4))


def shuffle_partial_pushes(rng: random.Random, *, calls: int, repeats: int) -> list[Push]:
    """`repeats` partial pushes of `calls` calls, each call at least once. Each has a random subset of the fields."""
    known = generate_sample_calls(f"{rng.random()}", calls)
    chosen = [*known, *rng.choices(known, k=repeats - calls)]
    rng.shuffle(chosen)
    return [build_push(_blank_random_fields(call, rng), sender=rng.randrange(4)) for call in chosen]


def _blank_random_fields(call: SampleCall, rng: random.Random) -> SampleCall:
    left_out = {name for name in OPTIONAL if rng.random() < 0.4}
    # `status` is derived from `raw_status`; a push contains only the latter.
    if "raw_status" in left_out:
        left_out |= {"status"}
    blanks = {name: None if name.endswith("_seconds") else "" for name in left_out if name != "status"}
    return replace(call, **blanks, **({"status": ""} if "raw_status" in left_out else {}))


class PushSenders:
    """As a context manager: sends until it is left. `wait` returns when the source is exhausted."""

    def __init__(self, port: int, key: str, source: Iterable[Push], into: list[PushAnswer]) -> None:
        self.port, self.key, self.answers = port, key, into
        self._source, self._source_lock = iter(source), threading.Lock()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._client, daemon=True) for _ in range(CLIENTS)]
        self.errors: list[BaseException] = []

    def __enter__(self) -> "PushSenders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self.wait()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(ANSWER_TIMEOUT_S + 10)
            assert not thread.is_alive(), "a client hangs"
        if self.errors:
            raise self.errors[0]

    def wait_for_answers(self, wanted: int, *, body: str = "", within_s: float = 60.0) -> None:
        """Wait until `wanted` more pushes were answered, with this body if one is given."""
        start, deadline = len(self.answers), time.monotonic() + within_s
        while sum(bool(a.status) and (not body or a.body == body) for a in self.answers[start:]) < wanted:
            assert time.monotonic() < deadline, (
                f"only {len(self.answers) - start} answers in {within_s:g} s: {format_answers(self.answers[start:])}"
            )
            time.sleep(0.01)

    def _client(self) -> None:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=ANSWER_TIMEOUT_S)
        try:
            while not self._stopped.is_set():
                with self._source_lock:
                    push = next(self._source, None)
                if push is None:
                    return
                self.answers.append(send_push(connection, push, self.key))
                if not self.answers[-1].status:
                    time.sleep(0.1)
        except BaseException as error:
            self.errors.append(error)
        finally:
            connection.close()


def send_push(connection: http.client.HTTPConnection, push: Push, key: str) -> PushAnswer:
    head, _, rest = push.query.partition("&")
    start = time.monotonic()
    try:
        connection.request("GET", f"/api/PostCallLogs?{head}&key={key}&{rest}")
        response = connection.getresponse()
        status, body = response.status, response.read().decode()
    except (OSError, http.client.HTTPException):
        connection.close()
        status, body = 0, ""
    return PushAnswer(push, status, body, time.monotonic() - start)


def is_endpoint_answering(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    with contextlib.closing(connection):
        try:
            connection.request("HEAD", "/api/PostCallLogs")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def format_answers(answers: Sequence[PushAnswer]) -> str:
    """`1,234 Successful, 5 Accepted, 16 broken`"""
    counts = Counter(
        (f"{answer.body}" if answer.status else "broken")
        + (f" ({answer.status})" if answer.status > 200 else "")
        for answer in answers
    )
    return ", ".join(f"{number:,} {word}" for word, number in counts.most_common())
