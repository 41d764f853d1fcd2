"""State of the simulated provider: agents, holidays, hours, and a log of every request in order of arrival.

The log also records the order of the changes, which differs when requests act late. `overlaps` records requests of one
lane that were in flight at the same time.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from settings_sync.simulator.faults import Effect, Fault, FaultPlan
from settings_sync.simulator.request_parser import DAILY, SUCCESS, WEEK, ParsedRequest

LOG_LENGTH = 100_000
OVERLAPS_KEPT = 1_000


@dataclass(eq=False)
class RequestLogEntry:
    """One request. Times are in seconds since 1970; `applied_n` numbers the changes in the order they were made.

    `ended_at` is when the reply was sent, or when either side closed the connection. `status` and `reply` are None if
    nothing was sent.
    """

    n: int
    at: float
    received_at: float
    action: str
    address: str | None
    lane: str | None
    value: str
    fault: str
    status: int | None = None
    reply: str | None = None
    applied: bool = False
    applied_at: float | None = None
    applied_n: int | None = None
    ended_at: float | None = None


@dataclass(frozen=True)
class RequestInFlight:
    entry: RequestLogEntry
    hung_up: Callable[[], bool]


class SimulatedProvider:
    """State of the provider; thread-safe.

    `daily_overwrites` selects the meaning of `Daily`: it sets all seven days, or it is a default for days without hours
    of their own.
    """

    def __init__(self, *, plan: FaultPlan, daily_overwrites: bool) -> None:
        self.daily_overwrites = daily_overwrites
        self._lock = threading.Lock()
        self._plan = plan
        self._clear()

    def begin(self, request: ParsedRequest, *, hung_up: Callable[[], bool]) -> tuple[RequestLogEntry, Fault]:
        """Log the request and pick its fault. `hung_up` tells whether its client has closed the connection.

        A client that gave up closes its first connection before it opens the next. So checking `hung_up` at the next
        request is exact, and a stalled request whose client is gone counts as no overlap.
        """
        with self._lock:
            self._requests += 1
            now = time.time()
            fault = self._plan.pick()
            entry = RequestLogEntry(
                n=self._requests,
                at=now,
                received_at=now,
                action=request.action,
                address=request.address,
                lane=request.lane,
                value=request.value,
                fault=fault.kind,
            )
            self._log.append(entry)
            self._enter_lane(RequestInFlight(entry=entry, hung_up=hung_up))
            if request.reply == SUCCESS and fault.effect is not Effect.NEVER:
                self._pending.add(entry)
            return entry, fault

    def end(self, entry: RequestLogEntry, *, status: int | None = None, reply: str | None = None) -> None:
        """Record the end of a request. Called before the last byte is sent: then the client may send the next one."""
        with self._lock:
            if entry.ended_at is None:
                entry.ended_at, entry.status, entry.reply = time.time(), status, reply
                self._leave_lane(entry)

    def act(self, entry: RequestLogEntry) -> None:
        """Make the change of a request. Does nothing if it has none or the state was reset meanwhile."""
        with self._lock:
            if entry.address is None or entry not in self._pending:
                return
            self._pending.remove(entry)
            self._changes += 1
            entry.applied, entry.applied_at, entry.applied_n = True, time.time(), self._changes
            self._set(entry.address, value=entry.value)

    def follow_redirect(self) -> None:
        with self._lock:
            self._redirects_followed += 1

    def set_plan(self, plan: FaultPlan) -> None:
        with self._lock:
            self._plan = plan

    def reset(self) -> None:
        """Clear settings and log, discard pending changes, and restart the fault plan."""
        with self._lock:
            self._plan = FaultPlan(self._plan.spec, seed=self._plan.seed)
            self._clear()

    def state(self, *, since: int = 0, limit: int = LOG_LENGTH) -> dict[str, Any]:
        """Return the state, JSON-serialisable, with the newest `limit` log entries whose `n` is above `since`.

        `pending` counts the changes not yet made, `hours` are the effective hours under `daily_overwrites`, and `daily`
        is the last value of Daily.
        """
        with self._lock:
            first = self._log[0].n if self._log else 1
            skip = max(since + 1 - first, len(self._log) - limit, 0)
            return {
                "agents": dict(sorted(self._agents.items())),
                "holidays": sorted(self._holidays),
                "hours": self._effective_hours(),
                "daily": list(self._daily) if self._daily else None,
                "daily_overwrites": self.daily_overwrites,
                "faults": self._plan.spec,
                "seed": self._plan.seed,
                "requests": self._requests,
                "changes": self._changes,
                "pending": len(self._pending),
                "redirects_followed": self._redirects_followed,
                "overlaps": list(self._overlaps),
                "log": [asdict(entry) for entry in list(self._log)[skip:]],
            }

    def _clear(self) -> None:
        self._agents: dict[str, str] = {}
        self._holidays: set[str] = set()
        self._hours: dict[str, tuple[str, str]] = {}
        self._daily: tuple[str, str] | None = None
        self._log: deque[RequestLogEntry] = deque(maxlen=LOG_LENGTH)
        self._overlaps: deque[dict[str, Any]] = deque(maxlen=OVERLAPS_KEPT)
        self._lanes: dict[str, list[RequestInFlight]] = {}
        self._pending: set[RequestLogEntry] = set()
        self._requests = self._changes = self._redirects_followed = 0

    def _enter_lane(self, request: RequestInFlight) -> None:
        lane = request.entry.lane
        if lane is None:
            return
        others = [other for other in self._lanes.get(lane, []) if not other.hung_up()]
        for other in others:
            self._overlaps.append(
                {"lane": lane, "first": other.entry.n, "second": request.entry.n, "at": request.entry.at}
            )
        self._lanes[lane] = [*others, request]

    def _leave_lane(self, entry: RequestLogEntry) -> None:
        if entry.lane in self._lanes:
            rest = [other for other in self._lanes[entry.lane] if other.entry is not entry]
            if rest:
                self._lanes[entry.lane] = rest
            else:
                del self._lanes[entry.lane]

    def _set(self, address: str, *, value: str) -> None:
        kind, _, name = address.partition(":")
        if kind == "agent":
            self._agents[name] = value
        elif kind == "holiday":
            self._holidays.add(name)
        else:
            opens, _, closes = value.partition("-")
            self._set_hours(name, hours=(opens, closes))

    def _set_hours(self, day: str, *, hours: tuple[str, str]) -> None:
        if day != DAILY:
            self._hours[day] = hours
            return
        self._daily = hours
        if self.daily_overwrites:
            self._hours = dict.fromkeys(WEEK, hours)

    def _effective_hours(self) -> dict[str, list[str]]:
        known = {day: self._hours.get(day, self._daily) for day in WEEK}
        return {day: list(hours) for day, hours in known.items() if hours}
