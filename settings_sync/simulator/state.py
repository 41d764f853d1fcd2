"""What the provider knows: agents, holidays, hours, and a log of every request in the order it came.

The log also says in which order changes took place, which is another order when requests act late, and
which two requests of one lane were in flight at the same time.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from settings_sync.simulator.faults import Acts, Fault, FaultPlan
from settings_sync.simulator.request_parser import DAILY, SUCCESS, WEEK, Request

LOG_LENGTH = 100_000
OVERLAPS_KEPT = 1_000


@dataclass(eq=False)
class Entry:
    """One request. Moments are seconds since 1970; `applied_n` counts changes in the order they took place.

    `ended_at` is when the reply left, or when either side closed the connection. `status` and `reply` are
    what was sent, None if nothing was.
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
class InFlight:
    entry: Entry
    hung_up: Callable[[], bool]


class Provider:
    """Safe for threads. `daily_overwrites` is the reading of `Daily`: it sets all seven days, or it is a
    setting of its own that counts on days without hours of their own."""

    def __init__(self, *, plan: FaultPlan, daily_overwrites: bool) -> None:
        self.daily_overwrites = daily_overwrites
        self._lock = threading.Lock()
        self._plan = plan
        self._clear()

    def begin(self, request: Request, *, hung_up: Callable[[], bool]) -> tuple[Entry, Fault]:
        """Logs the request and draws its fault. `hung_up` says whether its client has closed the connection.

        A client that gave up and comes again has closed its first connection before it opens the second, so
        asking then is exact, and a stalled request whose client is gone is no overlap.
        """
        with self._lock:
            self._requests += 1
            now = time.time()
            fault = self._plan.pick()
            entry = Entry(
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
            self._enter_lane(InFlight(entry=entry, hung_up=hung_up))
            if request.reply == SUCCESS and fault.acts is not Acts.NEVER:
                self._pending.add(entry)
            return entry, fault

    def end(self, entry: Entry, *, status: int | None = None, reply: str | None = None) -> None:
        """Called before the last byte leaves: afterwards the client may rightly send the next one at once."""
        with self._lock:
            if entry.ended_at is None:
                entry.ended_at, entry.status, entry.reply = time.time(), status, reply
                self._leave_lane(entry)

    def act(self, entry: Entry) -> None:
        """Makes the change, unless the request is one that changes nothing or a reset came in between."""
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
        """As new: no settings, no log, what was still to come forgotten, the faults from their beginning."""
        with self._lock:
            self._plan = FaultPlan(self._plan.spec, seed=self._plan.seed)
            self._clear()

    def state(self, *, since: int = 0, limit: int = LOG_LENGTH) -> dict[str, Any]:
        """Ready for JSON; the log's entries with `n` above `since`, the newest `limit` of them.

        `pending` counts the changes that are still to come, `hours` is what callers meet under the reading
        of Daily, `daily` is what Daily was last set to.
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
        self._log: deque[Entry] = deque(maxlen=LOG_LENGTH)
        self._overlaps: deque[dict[str, Any]] = deque(maxlen=OVERLAPS_KEPT)
        self._lanes: dict[str, list[InFlight]] = {}
        self._pending: set[Entry] = set()
        self._requests = self._changes = self._redirects_followed = 0

    def _enter_lane(self, newcomer: InFlight) -> None:
        lane = newcomer.entry.lane
        if lane is None:
            return
        others = [other for other in self._lanes.get(lane, []) if not other.hung_up()]
        for other in others:
            self._overlaps.append(
                {"lane": lane, "first": other.entry.n, "second": newcomer.entry.n, "at": newcomer.entry.at}
            )
        self._lanes[lane] = [*others, newcomer]

    def _leave_lane(self, entry: Entry) -> None:
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
