"""Calls and missed calls of single days, and of some hours of these days; and of a whole period by the hour."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet, Value
from django.db.models.functions import TruncDate
from django.utils import timezone

from calllogs.effect.chance import Count as Counted
from calllogs.effect.spans import DAY, Span, edges, whole_hours
from calllogs.models import CallLog, Rollup
from calllogs.office_time import midnight
from calllogs.periods import Period, day_of

Dimension = Rollup.Dimension
PART = "part"  # of an hour: counted from the calls, not from the rollups
Rows = list[tuple[str, dt.datetime, int, int]]  # dimension or PART, moment, calls, missed


@dataclass(slots=True)
class DayCount:
    whole: Counted = field(default_factory=Counted)
    touched: Counted = field(default_factory=Counted)


@dataclass(frozen=True, slots=True)
class Told:
    """`days`: those that were asked for. `hours`: of all calls, at least those of the period that was asked for."""

    days: dict[dt.date, DayCount]
    hours: list[tuple[dt.datetime, int, int]]
    department: str = ""


def read(
    dates: Sequence[dt.date],
    period: Period,
    *,
    spans: Sequence[Span] = (),
    exact: Collection[dt.date] = (),
    department: str = "",
) -> Told:
    """In one query of the rollups, which must be level, and of the calls where a span ends within an hour.

    The latter only for the days `exact`: of the others, `touched` lacks what is beside the whole hours.

    If no call of these days is of the department, all calls count, and the answer's department is empty.
    """
    rows = _rows(dates, period, [part for span in spans for part in edges(span)], exact, department)
    own = [row for row in rows if row[0] == Dimension.DEPARTMENT]
    whole = [row for row in rows if row[0] == Dimension.TOTAL]
    days = _days(dates, own or whole, [row for row in rows if row[0] == PART], spans)
    return Told(days, [row[1:] for row in whole], department if own else "")


def _days(
    dates: Sequence[dt.date], hours: Rows, parts: Rows, spans: Sequence[Span]
) -> dict[dt.date, DayCount]:
    found = {date: DayCount() for date in dates}
    touched = {hour for span in spans for hour in whole_hours(span)}
    zone = timezone.get_default_timezone()
    for _dimension, starts_at, calls, missed in hours:
        local = timezone.localtime(starts_at, zone)
        day = found.get(local.date())
        if day is not None:
            day.whole = _sum(day.whole, calls, missed)
            if local.hour in touched:
                day.touched = _sum(day.touched, calls, missed)
    for _dimension, at, calls, missed in parts:
        day = found[day_of(at)]
        day.touched = _sum(day.touched, calls, missed)
    return found


def _sum(counted: Counted, calls: int, missed: int) -> Counted:
    return Counted(counted.calls + calls, counted.missed + missed)


def add_parts(days: dict[dt.date, DayCount], spans: Sequence[Span], dates: Sequence[dt.date]) -> None:
    """Count what lies beside the whole hours for more of the days."""
    for _name, at, calls, missed in _parts(dates, [part for span in spans for part in edges(span)]):
        day = days[day_of(at)]
        day.touched = _sum(day.touched, calls, missed)


def _rows(
    dates: Sequence[dt.date],
    period: Period,
    parts: Sequence[Span],
    exact: Collection[dt.date],
    department: str,
) -> Rows:
    start, end = midnight(min(dates)), midnight(max(dates) + dt.timedelta(days=1))
    wanted = Q(
        dimension=Dimension.TOTAL, starts_at__gte=min(start, period.start), starts_at__lt=max(end, period.end)
    )
    if department:
        of_it = Q(dimension=Dimension.DEPARTMENT, value=department)
        wanted |= of_it & Q(starts_at__gte=start, starts_at__lt=end)
    calls = F("answered") + F("missed") + F("dropped") + F("other")
    rows = Rollup.objects.filter(wanted).order_by().values_list("dimension", "starts_at", calls, "missed")
    return list(rows.union(_parts(exact, parts), all=True) if parts and exact else rows)


def _parts(dates: Collection[dt.date], parts: Sequence[Span]) -> QuerySet[Any, Any]:
    """Of each day what lies in its parts of hours; the first call's moment stands for the day."""
    within = Q(pk__in=[])
    for date in dates:
        for start, end in parts:
            within |= Q(started_at__gte=_moment(date, start), started_at__lt=_moment(date, end))
    day = TruncDate("started_at", tzinfo=timezone.get_default_timezone())
    by_day = CallLog.objects.filter(within).order_by().values(day=day)
    return by_day.annotate(
        name=Value(PART),
        at=Min("started_at"),
        calls=Count("id"),
        misses=Count("id", filter=Q(status=CallLog.Status.MISSED)),
    ).values_list("name", "at", "calls", "misses")


def _moment(date: dt.date, minute: int) -> dt.datetime:
    if minute >= DAY:
        return midnight(date + dt.timedelta(days=1))
    time = dt.time(minute // 60, minute % 60)
    return dt.datetime.combine(date, time, timezone.get_default_timezone())
