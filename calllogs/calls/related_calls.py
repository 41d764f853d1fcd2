"""Calls related to a call: by the same caller, the same agent and the same department.

The work is bounded for any table size: a caller's calls come from the caller index; agent and department have no
index, so only the calls just before this one are scanned, newest first.
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
from calllogs.calls.timeline import describe_duration
from calllogs.models import CallLog
from calllogs.models.call import STATUS_BADGE
from ivrportal.common.phone import format_national
from settings_sync.models import Agent

MOST_OF_CALLER = 500
SCANNED_CALLS = 500  # calls before this one that are scanned for the same agent or department
BEFORE, AFTER, LATEST = 4, 3, 5


@dataclass(frozen=True, slots=True)
class RelatedCall:
    """One row of a list of related calls; `is_this` marks the call of the page."""

    pk: int
    at: str
    status: str
    colour: str
    icon: str
    other_party: str
    talk: str
    is_this: bool = False


@dataclass(frozen=True, slots=True)
class CallerHistory:
    """A caller's calls around this one, and counts. `newer` and `older`: ids of the neighbouring calls, or None."""

    calls: list[RelatedCall] = field(default_factory=list)
    newer: int | None = None
    older: int | None = None
    count: int = 0
    has_more: bool = False
    answered: int = 0
    missed: int = 0
    first: str = ""
    is_beyond_counted: bool = False  # this call is older than all counted calls


def _newest_rows(calls: QuerySet[CallLog]) -> QuerySet[CallLog, Any]:
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


def load_caller_history(call: CallLog, visibility: CallVisibility) -> CallerHistory:
    """Load in one query. Empty for withheld numbers, which belong to different people."""
    if not call.caller:
        return CallerHistory()
    found = list(_newest_rows(visibility.calls().filter(caller=call.caller))[: MOST_OF_CALLER + 1])
    has_more, rows = len(found) > MOST_OF_CALLER, found[:MOST_OF_CALLER]
    counts = Counter(row["status"] for row in rows)
    position = next((index for index, row in enumerate(rows) if row["pk"] == call.pk), None)
    nearby = [] if position is None else rows[max(0, position - AFTER) : position + BEFORE + 1]
    return CallerHistory(
        calls=[_build_related_call(row, visibility, by_agent=True, this=call.pk) for row in nearby],
        newer=rows[position - 1]["pk"] if position else None,
        older=rows[position + 1]["pk"] if position is not None and position + 1 < len(rows) else None,
        count=len(rows),
        has_more=has_more,
        answered=counts[CallLog.Status.ANSWERED],
        missed=counts[CallLog.Status.MISSED] + counts[CallLog.Status.DROPPED],
        first=_format_minute(rows[-1]["started_at"]) if rows else "",
        is_beyond_counted=position is None,
    )


def load_latest_of_agent_and_department(
    call: CallLog, visibility: CallVisibility
) -> tuple[list[RelatedCall], list[RelatedCall]]:
    """Load the latest calls of the agent and of the department before this call, in one query."""
    if not (call.agent_number or call.department):
        return [], []
    earlier = CallLog.objects.filter(started_at__lte=call.started_at)
    # Hidden departments are removed afterwards, so that the scan is equally short for every user.
    rows = [
        row
        for row in _newest_rows(earlier)[:SCANNED_CALLS]
        if row["pk"] != call.pk and visibility.covers(row["department"])
    ]
    agents = (row for row in rows if call.agent_number and row["agent_number"] == call.agent_number)
    departments = (row for row in rows if call.department and row["department"] == call.department)
    return _build_latest(agents, visibility, by_agent=False), _build_latest(
        departments, visibility, by_agent=True
    )


def _build_latest(
    rows: Iterable[dict[str, Any]], visibility: CallVisibility, *, by_agent: bool
) -> list[RelatedCall]:
    return [
        _build_related_call(row, visibility, by_agent=by_agent)
        for row, _n in zip(rows, range(LATEST), strict=False)
    ]


def _build_related_call(
    row: dict[str, Any], visibility: CallVisibility, *, by_agent: bool, this: int | None = None
) -> RelatedCall:
    colour, icon = STATUS_BADGE[row["status"]]
    agent = (
        row["agent"] or format_national(row["agent_number"]) or row["department"]
    )  # an unanswered call has a department at least
    return RelatedCall(
        row["pk"],
        _format_minute(row["started_at"]),
        str(CallLog.Status(row["status"]).label),
        colour,
        icon,
        (agent if by_agent else visibility.format_number(row["caller"])) or "–",
        describe_duration(row["talk_seconds"]) if row["talk_seconds"] else "–",
        row["pk"] == this,
    )


def _format_minute(moment: dt.datetime) -> str:
    return date_format(timezone.localtime(moment), "j M Y, H:i")
