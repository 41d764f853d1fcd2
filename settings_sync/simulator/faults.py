"""The faults that the simulator can show, and the plan that picks one for each request.

    SPEC    = ""                              every request is answered as the document says
            | part ("," part)*                each request draws one kind, by weight, seeded
            | "script:" step ("," step)*      one step for each request, in order; then ok
    part    = KIND ["=" WEIGHT] [":" SECONDS] | "flap=" UP "/" DOWN
    step    = KIND ["*" TIMES] [":" SECONDS]
    SECONDS = number | number "-" number      a range is drawn from evenly

    ok=55,http500=10,drop_before=10,drop_after=10,late=15:1-3
    script:ok,http500*3,http429:2,drop_after
    flap=5/5,ok=9,drop_after                  5 s as drawn, 5 s down, and so on

KIND is a name in `KINDS`, or `http` with a code from 400 to 599; `http503_after` acts before it answers so.
A weight left out is 1. SECONDS is how late `late` and `slow` act (2 if left out), how long `stall`, `drip`
and `drip_head` hold the line (60), and what `Retry-After` says with `http429` and `http503` (1).
"""

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Acts(StrEnum):
    NOW = "acts"
    NEVER = "does not act"
    LATER = "acts later"


@dataclass(frozen=True)
class Fault:
    """What happens to one request; `kind` is also what the log shows."""

    kind: str
    acts: Acts
    seconds: float


@dataclass(frozen=True)
class _Part:
    kind: str
    weight: float
    times: int
    low: float
    high: float


# Each kind: does the change take place, and what the client meets.
KINDS: dict[str, tuple[Acts, str]] = {
    "ok": (Acts.NOW, "answers as the document says"),
    "slow": (Acts.LATER, "keeps the line, acts after SECONDS, then answers"),
    "late": (Acts.LATER, "closes the connection without a reply, acts after SECONDS"),
    "drop_before": (Acts.NEVER, "resets the connection without a reply"),
    "drop_after": (Acts.NOW, "acts, then closes the connection without a reply"),
    "stall": (Acts.NEVER, "accepts and never answers"),
    "drip": (Acts.NOW, "acts, then sends the body byte by byte, one each half second"),
    "drip_head": (Acts.NOW, "acts, then sends even the status line byte by byte"),
    "huge": (Acts.NEVER, "a body of 64 MiB that begins with Success"),
    "invalid_time": (Acts.NEVER, "200 with Invalid Time, whatever was asked"),
    "unsuccessful": (Acts.NEVER, "200 with Unsuccessful"),
    "empty": (Acts.NEVER, "200 with an empty body"),
    "no_content": (Acts.NEVER, "204"),
    "html": (Acts.NEVER, "200 with a captive portal's page that holds the word Success"),
    "wrong_charset": (Acts.NEVER, "200 in a charset that does not exist, with bytes that are no UTF-8"),
    "redirect": (Acts.NEVER, "302 to a page here that says Success to whoever follows"),
}
DOWN = "flap"

_HTTP = re.compile(r"http([45][0-9]{2})(_after)?")
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_PART = re.compile(rf"([a-z0-9_]+)(?:=({_NUMBER})|\*([0-9]+))?(?::{_NUMBER}(?:-{_NUMBER})?)?")
_FLAP = re.compile(rf"flap={_NUMBER}/{_NUMBER}")
_SECONDS = {"late": 2.0, "slow": 2.0, "stall": 60.0, "drip": 60.0, "drip_head": 60.0}
_RETRY_AFTER_S = 1.0


class BadFaults(ValueError):
    """The text is no fault plan; the message says which part of it."""


def acts_of(kind: str) -> Acts:
    """Raises BadFaults for a kind that does not exist."""
    if kind in KINDS:
        return KINDS[kind][0]
    match = _HTTP.fullmatch(kind)
    if not match:
        raise BadFaults(f"No fault is called {kind[:40]!r}.")
    return Acts.NOW if match[2] else Acts.NEVER


def http_status(kind: str) -> int | None:
    """503 for `http503` and `http503_after`, None for every other kind."""
    match = _HTTP.fullmatch(kind)
    return int(match[1]) if match else None


class FaultPlan:
    """Picks one fault for each request. The same text and seed give the same faults in the same order.

    Not safe for threads by itself: the provider picks under its own lock, so that order is the log's order.
    """

    def __init__(self, spec: str = "", *, seed: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self.spec = spec.strip()
        self.seed = seed
        self._random = random.Random(seed)
        self._clock = clock
        self._started = clock()
        self._up_s = self._down_s = 0.0
        scripted = self.spec.startswith("script:")
        texts = [text.strip() for text in self.spec.removeprefix("script:").split(",") if text.strip()]
        if not scripted:
            texts = [text for text in texts if not self._is_flap(text)]
        parts = [_parse(text, scripted=scripted) for text in texts]
        self._script = [part for part in parts for _ in range(part.times)] if scripted else []
        self._script.reverse()
        self._parts = [] if scripted else parts
        self._weights = [part.weight for part in self._parts]
        if self._parts and not sum(self._weights):
            raise BadFaults("All weights are 0.")

    def pick(self) -> Fault:
        chosen = self._choose()
        # The seconds are drawn even where they are not used, or going down would shift all that follows.
        seconds = self._random.uniform(chosen.low, chosen.high)
        if self._is_down():
            return Fault(kind=DOWN, acts=Acts.NEVER, seconds=0)
        return Fault(kind=chosen.kind, acts=acts_of(chosen.kind), seconds=seconds)

    def _choose(self) -> _Part:
        if self._script:
            return self._script.pop()
        if self._parts:
            return self._random.choices(self._parts, self._weights)[0]
        return _Part(kind="ok", weight=1, times=1, low=0, high=0)

    def _is_flap(self, text: str) -> bool:
        match = _FLAP.fullmatch(text)
        if match:
            self._up_s, self._down_s = float(match[1]), float(match[2])
        return match is not None

    def _is_down(self) -> bool:
        period = self._up_s + self._down_s
        return bool(period) and (self._clock() - self._started) % period >= self._up_s


def _parse(text: str, *, scripted: bool) -> _Part:
    match = _PART.fullmatch(text)
    if not match:
        raise BadFaults(f"Not understood: {text[:40]!r}.")
    kind, weight, _, times, low, high = match.groups()
    acts_of(kind)
    if weight if scripted else times:
        raise BadFaults(f"{text[:40]!r}: a script counts with *, a draw weighs with =.")
    if int(times or 1) > 100_000:
        raise BadFaults(f"{text[:40]!r}: at most 100000 times.")
    shortest = float(low) if low else _SECONDS.get(kind, _RETRY_AFTER_S)
    longest = float(high) if high else shortest
    return _Part(kind=kind, weight=float(weight or 1), times=int(times or 1), low=shortest, high=longest)
