"""Calls and missed calls of single days, and of some hours of these days; and of a whole period by the hour."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet, Value
from django.db.models.functions import TruncDate
from django.utils import timezone

from calllogs.calls.office_hours_sql import midnight
from calllogs.impact.minute_spans import DAY, Span, edges, whole_hours
from calllogs.impact.significance import Count as Counted
from calllogs.models import CallLog, Rollup
from calllogs.statistics.periods import Period, day_of
from calllogs.statistics.queries import Departments

Dimension, Unit = Rollup.Dimension, Rollup.Unit
PART = "part"  # of an hour: counted from the calls, not from the rollups
Rows = list[
    tuple[str, str, str, dt.datetime, int, int]
]  # unit or PART, dimension, value, moment, calls, missed


@dataclass(slots=True)
class DayCount:
    whole: Counted = field(default_factory=Counted)
    touched: Counted = field(default_factory=Counted)


@dataclass(frozen=True, slots=True)
class ReportedDay:
    """`dates`: those that were asked for. `days`: all calls, at least of the period that was asked for; a day may stand
    there more than once."""

    dates: dict[dt.date, DayCount]
    days: list[tuple[dt.datetime, int, int]]
    department: str = ""


def read(
    dates: Sequence[dt.date],
    period: Period,
    *,
    spans: Sequence[Span] = (),
    exact: Collection[dt.date] = (),
    department: str = "",
    among: Departments = None,
) -> ReportedDay:
    """In one query of the rollups, which must be level, and of the calls where a span ends within an hour.

    All calls are those of the departments `among`, if that is not None.

    The latter only for the days `exact`: of the others, `touched` lacks what is beside the whole hours. If no call of
    these days is of the department, all calls count, and the answer's department is empty.
    """
    rows = _rows(dates, period, spans, exact, department, among)
    days = [row[3:] for row in rows if row[:2] == (Unit.DAY, _whole(among))]
    own = [row[3:] for row in rows if row[:3] == (Unit.DAY, Dimension.DEPARTMENT, department)]
    found = {date: DayCount() for date in dates}
    for starts_at, calls, missed in own or days:
        day = found.get(day_of(starts_at))
        if day is not None:
            day.whole = _sum(day.whole, calls, missed)
    hours = {hour for span in spans for hour in whole_hours(span)}
    for name, _dimension, _value, at, calls, missed in rows:
        local = timezone.localtime(at, timezone.get_default_timezone())
        day = found.get(local.date())
        if day is not None and (name == PART or (name == Unit.HOUR and local.hour in hours)):
            day.touched = _sum(day.touched, calls, missed)
    return ReportedDay(found, days, department if own else "")


def add_parts(
    days: dict[dt.date, DayCount],
    spans: Sequence[Span],
    dates: Sequence[dt.date],
    *,
    among: Departments = None,
) -> None:
    """Count what lies beside the whole hours for more of the days."""
    parts = [part for span in spans for part in edges(span)]
    for *_names, at, calls, missed in _parts(dates, parts, among):
        day = days[day_of(at)]
        day.touched = _sum(day.touched, calls, missed)


def _sum(counted: Counted, calls: int, missed: int) -> Counted:
    return Counted(counted.calls + calls, counted.missed + missed)


def _rows(
    dates: Sequence[dt.date],
    period: Period,
    spans: Sequence[Span],
    exact: Collection[dt.date],
    department: str,
    among: Departments,
) -> Rows:
    start, end = midnight(min(dates)), midnight(max(dates) + dt.timedelta(days=1))
    within = Q(starts_at__gte=start, starts_at__lt=end)
    whole = Q(dimension=_whole(among))
    if among is not None:
        whole &= Q(value__in=among)
    wanted = whole & Q(
        unit=Unit.DAY,
        starts_at__gte=min(start, period.start),
        starts_at__lt=max(end, period.end),
    )
    if department and among is None:  # else it is one of them
        wanted |= within & Q(unit=Unit.DAY, dimension=Dimension.DEPARTMENT, value=department)
    if any(whole_hours(span) for span in spans):
        wanted |= within & whole & Q(unit=Unit.HOUR)
    calls = F("answered") + F("missed") + F("dropped") + F("other")
    rows = Rollup.objects.filter(wanted).order_by()
    kept = rows.values_list("unit", "dimension", "value", "starts_at", calls, "missed")
    parts = [part for span in spans for part in edges(span)]
    return list(kept.union(_parts(exact, parts, among), all=True) if parts and exact else kept)


def _whole(among: Departments) -> str:
    """Of which dimension the rows of all calls are."""
    return Dimension.TOTAL if among is None else Dimension.DEPARTMENT


def _parts(dates: Collection[dt.date], parts: Sequence[Span], among: Departments) -> QuerySet[Any, Any]:
    """Of each day what lies in its parts of hours; the first call's moment stands for the day."""
    within = Q(pk__in=[])
    for date in dates:
        for start, end in parts:
            within |= Q(started_at__gte=_moment(date, start), started_at__lt=_moment(date, end))
    day = TruncDate("started_at", tzinfo=timezone.get_default_timezone())
    calls = CallLog.objects.filter(within).order_by()
    by_day = (calls if among is None else calls.filter(department__in=among)).values(day=day)
    return by_day.annotate(
        name=Value(PART),
        dimension=Value(Dimension.TOTAL.value),
        value=Value(""),
        at=Min("started_at"),
        calls=Count("id"),
        misses=Count("id", filter=Q(status=CallLog.Status.MISSED)),
    ).values_list("name", "dimension", "value", "at", "calls", "misses")


def _moment(date: dt.date, minute: int) -> dt.datetime:
    if minute >= DAY:
        return midnight(date + dt.timedelta(days=1))
    time = dt.time(minute // 60, minute % 60)
    return dt.datetime.combine(date, time, timezone.get_default_timezone())
