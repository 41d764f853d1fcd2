"""Calls and missed calls of single days, and of some hours of these days."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Count, F, Q
from django.db.models.functions import TruncDate
from django.utils import timezone

from calllogs.effect.chance import Count as Counted
from calllogs.effect.spans import DAY, Span, edges, whole_hours
from calllogs.models import CallLog, Rollup
from calllogs.office_time import midnight


@dataclass(slots=True)
class DayCount:
    whole: Counted = field(default_factory=Counted)
    touched: Counted = field(default_factory=Counted)


def of(
    dates: Sequence[dt.date], *, spans: Sequence[Span] = (), department: str = ""
) -> dict[dt.date, DayCount]:
    """For each of the dates; `touched` counts what began in the spans. One query of the rollups, and one of the calls
    if a span begins or ends within an hour."""
    found = {date: DayCount() for date in dates}
    hours = {hour for span in spans for hour in whole_hours(span)}
    zone = timezone.get_default_timezone()
    for starts_at, calls, missed in _hours(dates, department):
        local = timezone.localtime(starts_at, zone)
        day = found.get(local.date())
        if day is not None:
            counted = Counted(calls, missed)
            day.whole = _sum(day.whole, counted)
            if local.hour in hours:
                day.touched = _sum(day.touched, counted)
    if parts := [part for span in spans for part in edges(span)]:
        for date, calls, missed in _parts(dates, parts, department):
            found[date].touched = _sum(found[date].touched, Counted(calls, missed))
    return found


def _sum(one: Counted, other: Counted) -> Counted:
    return Counted(one.calls + other.calls, one.missed + other.missed)


def _hours(dates: Sequence[dt.date], department: str) -> list[tuple[dt.datetime, int, int]]:
    if not dates:
        return []
    start, end = midnight(min(dates)), midnight(max(dates) + dt.timedelta(days=1))
    dimension = Rollup.Dimension.DEPARTMENT if department else Rollup.Dimension.TOTAL
    rows = Rollup.objects.filter(
        dimension=dimension, value=department, starts_at__gte=start, starts_at__lt=end
    ).order_by()
    calls = F("answered") + F("missed") + F("dropped") + F("other")
    return list(rows.values_list("starts_at", calls, "missed"))


def _parts(
    dates: Sequence[dt.date], parts: Sequence[Span], department: str
) -> list[tuple[dt.date, int, int]]:
    zone = timezone.get_default_timezone()
    within = Q(pk__in=[])
    for date in dates:
        for start, end in parts:
            within |= Q(started_at__gte=_moment(date, start), started_at__lt=_moment(date, end))
    calls = CallLog.objects.filter(within).order_by()
    if department:
        calls = calls.filter(department=department)
    missed = Count("id", filter=Q(status=CallLog.Status.MISSED))
    return list(
        calls.values_list(TruncDate("started_at", tzinfo=zone)).annotate(calls=Count("id"), missed=missed)
    )


def _moment(date: dt.date, minute: int) -> dt.datetime:
    if minute >= DAY:
        return midnight(date + dt.timedelta(days=1))
    time = dt.time(minute // 60, minute % 60)
    return dt.datetime.combine(date, time, timezone.get_default_timezone())
