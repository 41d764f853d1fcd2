"""The curve of calls with its marks, for the chart and its table: by day, or by hour for one or two days."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calllogs.calls.filters import CUSTOM, CallFilter
from calllogs.impact import summary_text
from calllogs.impact.change_marks import ChangeMark
from calllogs.impact.comparison import Comparison
from calllogs.models import CallLog
from calllogs.statistics import aggregates
from calllogs.statistics.aggregates import Departments
from calllogs.statistics.periods import Period, day_of

MAX_DAYS_BY_HOUR = 2  # days
DayRows = Sequence[tuple[dt.datetime, int, int]]  # moment, calls, missed


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One day or one hour. `share` (of missed calls) is empty without calls."""

    start: dt.datetime
    end: dt.datetime
    label: str
    short_label: str
    calls: int
    missed: int
    share: str
    link: str
    missed_link: str
    marks: tuple[str, ...]


def build_call_links(
    first: dt.date, last: dt.date, *, departments: Departments = None, weekday: str = ""
) -> tuple[str, str]:
    """Links to the list of the calls of these days, and to the missed ones among them."""
    call_filter = CallFilter(
        period=CUSTOM,
        date_from=first,
        date_to=last,
        departments=tuple(sorted(departments or ())),
        weekday=weekday,
    )
    missed_filter = replace(call_filter, statuses=(CallLog.Status.MISSED,))
    url = reverse("admin:calllogs_calllog_changelist")
    return f"{url}?{call_filter.query()}", f"{url}?{missed_filter.query()}"


def build_curve(
    period: Period,
    marks: Sequence[ChangeMark],
    counted: DayRows | None = None,
    *,
    departments: Departments = None,
) -> list[CurvePoint]:
    """Every day of the period, or every hour that has begun, oldest first. `counted`: its days, if counted already."""
    if (period.last_day - period.first_day).days < MAX_DAYS_BY_HOUR:
        bars = aggregates.load_hour_bars(period.so_far(), departments)
        ends = [*(bar.start for bar in bars[1:]), period.so_far().end]
        return [
            _build_point(bar.start, end, bar.calls, bar.missed, marks, departments, is_hour=True)
            for bar, end in zip(bars, ends, strict=True)
        ]
    days = aggregates.load_day_bars(period, departments) if counted is None else _sum_by_day(period, counted)
    return [
        _build_point(of_day.start, of_day.end, calls, missed, marks, departments, is_hour=False)
        for day, calls, missed in days
        for of_day in [Period.days(day, day)]
    ]


def _sum_by_day(period: Period, counted: DayRows) -> list[tuple[dt.date, int, int]]:
    length = (period.last_day - period.first_day).days + 1
    sums = {period.first_day + dt.timedelta(days=number): (0, 0) for number in range(length)}
    for starts_at, calls, missed in counted:
        day = day_of(starts_at)
        if day in sums:
            sums[day] = (sums[day][0] + calls, sums[day][1] + missed)
    return [(day, *both) for day, both in sums.items()]


def _build_point(
    start: dt.datetime,
    end: dt.datetime,
    calls: int,
    missed: int,
    marks: Sequence[ChangeMark],
    departments: Departments,
    *,
    is_hour: bool,
) -> CurvePoint:
    local = timezone.localtime(start, timezone.get_default_timezone())
    link, missed_link = build_call_links(local.date(), local.date(), departments=departments)
    return CurvePoint(
        start,
        end,
        date_format(local, "D j M, H:i" if is_hour else "D j M Y"),
        date_format(local, "H:i" if is_hour else "j M"),
        calls,
        missed,
        summary_text.format_percent(missed / calls, digits=0) if calls else "",
        link,
        missed_link,
        tuple(summary_text.describe_mark(mark) for mark in marks if start <= mark.at < end),
    )


def build_chart_data(
    points: Sequence[CurvePoint],
    marks: Sequence[ChangeMark],
    build_link: Callable[[str], str],
    *,
    chosen_key: str,
    comparison: Comparison | None,
) -> dict[str, Any]:
    """The data of the chart's script. A mark's `position` is the index of its point plus the elapsed part of it."""
    groups: dict[int, list[ChangeMark]] = {}
    for mark in marks:
        for number, point in enumerate(points):
            if point.start <= mark.at < point.end:
                groups.setdefault(number, []).append(mark)
    return {
        "labels": [point.short_label for point in points],
        "titles": [point.label for point in points],
        "calls": [point.calls for point in points],
        "missed": [point.missed for point in points],
        "shares": [round(100 * point.missed / point.calls, 1) if point.calls else None for point in points],
        "sides": [_side_of_point(point, comparison) for point in points],
        "links": [point.link for point in points],
        "marks": [
            {
                "position": number
                + (group[0].at - points[number].start) / (points[number].end - points[number].start),
                "texts": [summary_text.describe_mark(mark) for mark in group],
                "link": build_link(group[-1].key),
                "isChosen": any(mark.key == chosen_key for mark in group),
            }
            for number, group in sorted(groups.items())
        ],
        "names": {"calls": _("Calls"), "share": _("Missed, %"), "missed": _("missed"), "marks": _("Changes")},
    }


def _side_of_point(point: CurvePoint, comparison: Comparison | None) -> str:
    """The side to which the point's day belongs; empty if the day is not compared."""
    day = day_of(point.start)
    if comparison is None:
        return ""
    return "before" if day in comparison.before.days else "after" if day in comparison.after.days else ""
