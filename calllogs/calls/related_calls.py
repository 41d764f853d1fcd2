"""What else happened around a call: the same caller, the same agent, the same department.

Bounded, whatever the table holds: the caller's calls come from the index of callers; agent and department are looked
for among the calls just before this one, newest first, because no index names them.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.formats import date_format

from calllogs.access.visibility import CallVisibility
from calllogs.calls.timeline import lasting
from calllogs.models import CallLog
from calllogs.models.call import STATUS_LOOK
from ivrportal.common.phone import format_national
from settings_sync.models import Agent

MOST_OF_CALLER = 500
LOOKED_AT = 500  # calls before this one, among which agent and department are looked for
BEFORE, AFTER, LATEST = 4, 3, 5


@dataclass(frozen=True, slots=True)
class Other:
    """One line of a list: another call, or this one."""

    pk: int
    at: str
    status: str
    colour: str
    icon: str
    who: str
    talk: str
    is_this: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """What one caller did. `newer` and `older` are the neighbours of this call; None if there are none."""

    lines: list[Other] = field(default_factory=list)
    newer: int | None = None
    older: int | None = None
    count: int = 0
    has_more: bool = False
    answered: int = 0
    missed: int = 0
    first: str = ""
    is_far: bool = False  # this call is older than all that were looked at


def _rows(calls: QuerySet[CallLog]) -> QuerySet[CallLog, Any]:
    name = Agent.objects.filter(number=OuterRef("agent_number")).order_by().values("name")
    return calls.order_by("-started_at", "-id").values(
        "pk",
        "started_at",
        "status",
        "caller",
        "agent_number",
        "department",
        "talk_seconds",
        agent=Subquery(name),
    )


def of_caller(call: CallLog, sight: CallVisibility) -> Caller:
    """In one query. Somebody who hid the number is many people: of them nothing is told."""
    if not call.caller:
        return Caller()
    found = list(_rows(sight.calls().filter(caller=call.caller))[: MOST_OF_CALLER + 1])
    has_more, rows = len(found) > MOST_OF_CALLER, found[:MOST_OF_CALLER]
    counts = Counter(row["status"] for row in rows)
    place = next((index for index, row in enumerate(rows) if row["pk"] == call.pk), None)
    near = [] if place is None else rows[max(0, place - AFTER) : place + BEFORE + 1]
    return Caller(
        lines=[_line(row, sight, by_agent=True, this=call.pk) for row in near],
        newer=rows[place - 1]["pk"] if place else None,
        older=rows[place + 1]["pk"] if place is not None and place + 1 < len(rows) else None,
        count=len(rows),
        has_more=has_more,
        answered=counts[CallLog.Status.ANSWERED],
        missed=counts[CallLog.Status.MISSED] + counts[CallLog.Status.DROPPED],
        first=_at(rows[-1]["started_at"]) if rows else "",
        is_far=place is None,
    )


def of_agent_and_department(call: CallLog, sight: CallVisibility) -> tuple[list[Other], list[Other]]:
    """The latest of each before this call, in one query."""
    if not (call.agent_number or call.department):
        return [], []
    earlier = CallLog.objects.filter(started_at__lte=call.started_at)
    # What a person may not see is left out afterwards: so the look stays as short for everybody.
    rows = [
        row for row in _rows(earlier)[:LOOKED_AT] if row["pk"] != call.pk and sight.covers(row["department"])
    ]
    agents = (row for row in rows if call.agent_number and row["agent_number"] == call.agent_number)
    departments = (row for row in rows if call.department and row["department"] == call.department)
    return _first(agents, sight, by_agent=False), _first(departments, sight, by_agent=True)


def _first(rows: Iterable[dict[str, Any]], sight: CallVisibility, *, by_agent: bool) -> list[Other]:
    return [_line(row, sight, by_agent=by_agent) for row, _n in zip(rows, range(LATEST), strict=False)]


def _line(row: dict[str, Any], sight: CallVisibility, *, by_agent: bool, this: int | None = None) -> Other:
    colour, icon = STATUS_LOOK[row["status"]]
    agent = (
        row["agent"] or format_national(row["agent_number"]) or row["department"]
    )  # who was to answer, at least
    return Other(
        row["pk"],
        _at(row["started_at"]),
        str(CallLog.Status(row["status"]).label),
        colour,
        icon,
        (agent if by_agent else sight.number(row["caller"])) or "–",
        lasting(row["talk_seconds"]) if row["talk_seconds"] else "–",
        row["pk"] == this,
    )


def _at(moment: dt.datetime) -> str:
    return date_format(timezone.localtime(moment), "j M Y, H:i")
