"""Counts calls and missed calls of single days, of some hours of these days, and of all days of a period."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet, Value
from django.db.models.functions import TruncDate
from django.utils import timezone

from calllogs.calls.office_hours_sql import midnight
from calllogs.impact.minute_spans import MINUTES_PER_DAY, MinuteSpan, partial_hours, whole_hours
from calllogs.impact.significance import ComparedCount
from calllogs.models import CallLog, Rollup
from calllogs.statistics.periods import Period, day_of
from calllogs.statistics.queries import Departments

Dimension, Unit = Rollup.Dimension, Rollup.Unit
PARTIAL_HOUR = "part"  # counted from the calls, because the rollups have whole hours only
# unit or PARTIAL_HOUR, dimension, value, moment, calls, missed
CountRows = list[tuple[str, str, str, dt.datetime, int, int]]


@dataclass(slots=True)
class DayCount:
    """The calls of a whole day, and of its touched hours."""

    whole: ComparedCount = field(default_factory=ComparedCount)
    touched: ComparedCount = field(default_factory=ComparedCount)


@dataclass(frozen=True, slots=True)
class PeriodCounts:
    """`by_date` counts the requested dates, `period_days` (start, calls, missed) all calls of the period.

    `period_days` may contain more days than the period, and a day several times. `department` is empty if `by_date`
    counts all calls.
    """

    by_date: dict[dt.date, DayCount]
    period_days: list[tuple[dt.datetime, int, int]]
    department: str = ""


def count_days(
    dates: Sequence[dt.date],
    period: Period,
    *,
    spans: Sequence[MinuteSpan] = (),
    exact_dates: Collection[dt.date] = (),
    department: str = "",
    departments: Departments = None,
) -> PeriodCounts:
    """Count with one query. The rollups must be up to date.

    Only calls of `departments` are counted; None means all. If calls of the dates carry `department`, `DayCount.whole`
    counts only those.

    Spans that end within an hour are counted from the calls, for `exact_dates` only. For other dates, `touched` counts
    the whole hours of the spans alone.
    """
    rows = _load_rows(dates, period, spans, exact_dates, department, departments)
    period_days = [row[3:] for row in rows if row[:2] == (Unit.DAY, _total_dimension(departments))]
    department_days = [row[3:] for row in rows if row[:3] == (Unit.DAY, Dimension.DEPARTMENT, department)]
    by_date = {date: DayCount() for date in dates}
    for starts_at, calls, missed in department_days or period_days:
        day = by_date.get(day_of(starts_at))
        if day is not None:
            day.whole = _add_calls(day.whole, calls, missed)
    hours = {hour for span in spans for hour in whole_hours(span)}
    for name, _dimension, _value, at, calls, missed in rows:
        local = timezone.localtime(at, timezone.get_default_timezone())
        day = by_date.get(local.date())
        if day is not None and (name == PARTIAL_HOUR or (name == Unit.HOUR and local.hour in hours)):
            day.touched = _add_calls(day.touched, calls, missed)
    return PeriodCounts(by_date, period_days, department if department_days else "")


def add_partial_hours(
    by_date: dict[dt.date, DayCount],
    spans: Sequence[MinuteSpan],
    dates: Sequence[dt.date],
    *,
    departments: Departments = None,
) -> None:
    """Add the calls in partial hours of the spans to the counts of `dates`, which were not exact before."""
    parts = [part for span in spans for part in partial_hours(span)]
    for *_names, at, calls, missed in _count_partial_hours(dates, parts, departments):
        day = by_date[day_of(at)]
        day.touched = _add_calls(day.touched, calls, missed)


def _add_calls(count: ComparedCount, calls: int, missed: int) -> ComparedCount:
    return ComparedCount(count.calls + calls, count.missed + missed)


def _load_rows(
    dates: Sequence[dt.date],
    period: Period,
    spans: Sequence[MinuteSpan],
    exact_dates: Collection[dt.date],
    department: str,
    departments: Departments,
) -> CountRows:
    start, end = midnight(min(dates)), midnight(max(dates) + dt.timedelta(days=1))
    in_dates = Q(starts_at__gte=start, starts_at__lt=end)
    in_total = Q(dimension=_total_dimension(departments))
    if departments is not None:
        in_total &= Q(value__in=departments)
    condition = in_total & Q(
        unit=Unit.DAY,
        starts_at__gte=min(start, period.start),
        starts_at__lt=max(end, period.end),
    )
    if department and departments is None:  # otherwise the condition already includes it
        condition |= in_dates & Q(unit=Unit.DAY, dimension=Dimension.DEPARTMENT, value=department)
    if any(whole_hours(span) for span in spans):
        condition |= in_dates & in_total & Q(unit=Unit.HOUR)
    calls = F("answered") + F("missed") + F("dropped") + F("other")
    rollups = Rollup.objects.filter(condition).order_by()
    rows = rollups.values_list("unit", "dimension", "value", "starts_at", calls, "missed")
    parts = [part for span in spans for part in partial_hours(span)]
    if parts and exact_dates:
        rows = rows.union(_count_partial_hours(exact_dates, parts, departments), all=True)
    return list(rows)


def _total_dimension(departments: Departments) -> str:
    """The rollup dimension whose rows add up to all counted calls."""
    return Dimension.TOTAL if departments is None else Dimension.DEPARTMENT


def _count_partial_hours(
    dates: Collection[dt.date], parts: Sequence[MinuteSpan], departments: Departments
) -> QuerySet[Any, Any]:
    """Per date, the calls within the parts. The row's moment is that of the first call."""
    in_parts = Q(pk__in=[])
    for date in dates:
        for start, end in parts:
            in_parts |= Q(
                started_at__gte=_moment_at_minute(date, start), started_at__lt=_moment_at_minute(date, end)
            )
    day = TruncDate("started_at", tzinfo=timezone.get_default_timezone())
    calls = CallLog.objects.filter(in_parts).order_by()
    if departments is not None:
        calls = calls.filter(department__in=departments)
    return (
        calls.values(day=day)
        .annotate(
            name=Value(PARTIAL_HOUR),
            dimension=Value(Dimension.TOTAL.value),
            value=Value(""),
            at=Min("started_at"),
            calls=Count("id"),
            misses=Count("id", filter=Q(status=CallLog.Status.MISSED)),
        )
        .values_list("name", "dimension", "value", "at", "calls", "misses")
    )


def _moment_at_minute(date: dt.date, minute: int) -> dt.datetime:
    if minute >= MINUTES_PER_DAY:
        return midnight(date + dt.timedelta(days=1))
    time = dt.time(minute // 60, minute % 60)
    return dt.datetime.combine(date, time, timezone.get_default_timezone())
