"""Faults of the simulator, and the plan that picks one for each request.

    SPEC    = ""                              every request is answered as documented
            | part ("," part)*                each request draws one kind by weight, seeded
            | "script:" step ("," step)*      one step per request, in order; then ok
    part    = KIND ["=" WEIGHT] [":" SECONDS] | "flap=" UP "/" DOWN
    step    = KIND ["*" TIMES] [":" SECONDS]
    SECONDS = number | number "-" number      a range is drawn from uniformly

    ok=55,http500=10,drop_before=10,drop_after=10,late=15:1-3
    script:ok,http500*3,http429:2,drop_after
    flap=5/5,ok=9,drop_after                  5 s as drawn, 5 s down, and so on

KIND is a name in `KINDS`, or `http` with a code from 400 to 599; `http503_after` makes the change before it answers.
The default weight is 1. SECONDS is the delay of the change for `late` and `slow` (default 2), how long `stall`, `drip`
and `drip_head` keep the connection open (60), and the value of `Retry-After` for `http429` and `http503` (1).
"""

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """Whether and when a request makes its change."""

    NOW = "acts"
    NEVER = "does not act"
    LATER = "acts later"


@dataclass(frozen=True)
class Fault:
    """What happens to one request. `kind` is also shown in the log."""

    kind: str
    effect: Effect
    seconds: float


@dataclass(frozen=True)
class _PlanPart:
    kind: str
    weight: float
    times: int
    low: float
    high: float


# Of each kind: whether the change is made, and a description of the response.
KINDS: dict[str, tuple[Effect, str]] = {
    "ok": (Effect.NOW, "answers as the document says"),
    "slow": (Effect.LATER, "keeps the line, acts after SECONDS, then answers"),
    "late": (Effect.LATER, "closes the connection without a reply, acts after SECONDS"),
    "drop_before": (Effect.NEVER, "resets the connection without a reply"),
    "drop_after": (Effect.NOW, "acts, then closes the connection without a reply"),
    "stall": (Effect.NEVER, "accepts and never answers"),
    "drip": (Effect.NOW, "acts, then sends the body byte by byte, one each half second"),
    "drip_head": (Effect.NOW, "acts, then sends even the status line byte by byte"),
    "huge": (Effect.NEVER, "a body of 64 MiB that begins with Success"),
    "invalid_time": (Effect.NEVER, "200 with Invalid Time, whatever was asked"),
    "unsuccessful": (Effect.NEVER, "200 with Unsuccessful"),
    "empty": (Effect.NEVER, "200 with an empty body"),
    "no_content": (Effect.NEVER, "204"),
    "html": (Effect.NEVER, "200 with a captive portal's page that holds the word Success"),
    "wrong_charset": (Effect.NEVER, "200 in a charset that does not exist, with bytes that are no UTF-8"),
    "redirect": (Effect.NEVER, "302 to a page here that says Success to whoever follows"),
}
DOWN = "flap"

_HTTP = re.compile(r"http([45][0-9]{2})(_after)?")
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_PART = re.compile(rf"([a-z0-9_]+)(?:=({_NUMBER})|\*([0-9]+))?(?::{_NUMBER}(?:-{_NUMBER})?)?")
_FLAP = re.compile(rf"flap={_NUMBER}/{_NUMBER}")
_SECONDS = {"late": 2.0, "slow": 2.0, "stall": 60.0, "drip": 60.0, "drip_head": 60.0}
_RETRY_AFTER_S = 1.0


class InvalidFaultPlan(ValueError):
    """The text is no valid fault plan. The message names the invalid part."""


def effect_of(kind: str) -> Effect:
    """Return the effect of a kind. Raises InvalidFaultPlan for an unknown kind."""
    if kind in KINDS:
        return KINDS[kind][0]
    match = _HTTP.fullmatch(kind)
    if not match:
        raise InvalidFaultPlan(f"No fault is called {kind[:40]!r}.")
    return Effect.NOW if match[2] else Effect.NEVER


def http_status(kind: str) -> int | None:
    """Return 503 for `http503` and `http503_after`, and None for kinds without a status."""
    match = _HTTP.fullmatch(kind)
    return int(match[1]) if match else None


class FaultPlan:
    """Picks one fault for each request. The same text and seed give the same faults in the same order.

    Not thread-safe: `SimulatedProvider` picks under its own lock, so that the order is that of its log.
    """

    def __init__(self, spec: str = "", *, seed: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self.spec = spec.strip()
        self.seed = seed
        self._random = random.Random(seed)
        self._clock = clock
        self._started = clock()
        self._up_s = self._down_s = 0.0
        is_script = self.spec.startswith("script:")
        texts = [text.strip() for text in self.spec.removeprefix("script:").split(",") if text.strip()]
        if not is_script:
            texts = [text for text in texts if not self._parse_flap(text)]
        parts = [_parse_part(text, is_script=is_script) for text in texts]
        self._script = [part for part in parts for _ in range(part.times)] if is_script else []
        self._script.reverse()
        self._parts = [] if is_script else parts
        self._weights = [part.weight for part in self._parts]
        if self._parts and not sum(self._weights):
            raise InvalidFaultPlan("All weights are 0.")

    def pick(self) -> Fault:
        chosen = self._choose()
        # The seconds are drawn even if unused. Otherwise a down phase would change all later draws.
        seconds = self._random.uniform(chosen.low, chosen.high)
        if self._is_down():
            return Fault(kind=DOWN, effect=Effect.NEVER, seconds=0)
        return Fault(kind=chosen.kind, effect=effect_of(chosen.kind), seconds=seconds)

    def _choose(self) -> _PlanPart:
        if self._script:
            return self._script.pop()
        if self._parts:
            return self._random.choices(self._parts, self._weights)[0]
        return _PlanPart(kind="ok", weight=1, times=1, low=0, high=0)

    def _parse_flap(self, text: str) -> bool:
        """Set the up and down times from a `flap=` part; return whether it is one."""
        match = _FLAP.fullmatch(text)
        if match:
            self._up_s, self._down_s = float(match[1]), float(match[2])
        return match is not None

    def _is_down(self) -> bool:
        period = self._up_s + self._down_s
        return bool(period) and (self._clock() - self._started) % period >= self._up_s


def _parse_part(text: str, *, is_script: bool) -> _PlanPart:
    match = _PART.fullmatch(text)
    if not match:
        raise InvalidFaultPlan(f"Not understood: {text[:40]!r}.")
    kind, weight, _, times, low, high = match.groups()
    effect_of(kind)
    if weight if is_script else times:
        raise InvalidFaultPlan(f"{text[:40]!r}: a script counts with *, a draw weighs with =.")
    if int(times or 1) > 100_000:
        raise InvalidFaultPlan(f"{text[:40]!r}: at most 100000 times.")
    shortest = float(low) if low else _SECONDS.get(kind, _RETRY_AFTER_S)
    longest = float(high) if high else shortest
    return _PlanPart(kind=kind, weight=float(weight or 1), times=int(times or 1), low=shortest, high=longest)
