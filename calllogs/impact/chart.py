"""The curve behind the marks, for the chart and for its table: by day, or by hour for one day or two."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calllogs.calls.filters import CUSTOM, CallFilter
from calllogs.impact import Mark, summary_text
from calllogs.impact.compare import Comparison
from calllogs.models import CallLog
from calllogs.statistics import aggregates
from calllogs.statistics.aggregates import Departments
from calllogs.statistics.periods import Period, day_of

HOURS_UP_TO = 2  # days
Days = Sequence[tuple[dt.datetime, int, int]]  # moment, calls, missed


@dataclass(frozen=True, slots=True)
class Point:
    """One day, or one hour. `start` and `end` are moments; `share` is empty without calls."""

    start: dt.datetime
    end: dt.datetime
    words: str
    short: str
    calls: int
    missed: int
    share: str
    link: str
    missed_link: str
    marks: tuple[str, ...]


def links(
    first: dt.date, last: dt.date, *, departments: Departments = None, weekday: str = ""
) -> tuple[str, str]:
    """To the list of the calls of these days, and of the missed ones among them."""
    wanted = CallFilter(
        period=CUSTOM,
        date_from=first,
        date_to=last,
        departments=tuple(sorted(departments or ())),
        weekday=weekday,
    )
    missed = replace(wanted, statuses=(CallLog.Status.MISSED,))
    address = reverse("admin:calllogs_calllog_changelist")
    return f"{address}?{wanted.query()}", f"{address}?{missed.query()}"


def curve(
    period: Period,
    marks: Sequence[Mark],
    counted: Days | None = None,
    *,
    departments: Departments = None,
) -> list[Point]:
    """Every day or hour of the period that has begun, the oldest first. `counted`: its days, if they are already."""
    if (period.last_day - period.first_day).days < HOURS_UP_TO:
        bars = aggregates.by_hour(period.so_far(), departments)
        ends = [*(bar.start for bar in bars[1:]), period.so_far().end]
        return [
            _point(bar.start, end, bar.calls, bar.missed, marks, departments, is_hour=True)
            for bar, end in zip(bars, ends, strict=True)
        ]
    days = _by_day(period, counted) if counted is not None else aggregates.by_day(period, departments)
    return [
        _point(one.start, one.end, calls, missed, marks, departments, is_hour=False)
        for day, calls, missed in days
        for one in [Period.days(day, day)]
    ]


def _by_day(period: Period, counted: Days) -> list[tuple[dt.date, int, int]]:
    length = (period.last_day - period.first_day).days + 1
    found = {period.first_day + dt.timedelta(days=number): (0, 0) for number in range(length)}
    for starts_at, calls, missed in counted:
        day = day_of(starts_at)
        if day in found:
            found[day] = (found[day][0] + calls, found[day][1] + missed)
    return [(day, *both) for day, both in found.items()]


def _point(
    start: dt.datetime,
    end: dt.datetime,
    calls: int,
    missed: int,
    marks: Sequence[Mark],
    departments: Departments,
    *,
    is_hour: bool,
) -> Point:
    local = timezone.localtime(start, timezone.get_default_timezone())
    link, missed_link = links(local.date(), local.date(), departments=departments)
    return Point(
        start,
        end,
        date_format(local, "D j M, H:i" if is_hour else "D j M Y"),
        date_format(local, "H:i" if is_hour else "j M"),
        calls,
        missed,
        summary_text.percent(missed / calls, digits=0) if calls else "",
        link,
        missed_link,
        tuple(summary_text.what(mark) for mark in marks if start <= mark.at < end),
    )


def drawn(
    points: Sequence[Point],
    marks: Sequence[Mark],
    link_of: Callable[[str], str],
    *,
    chosen: str,
    found: Comparison | None,
) -> dict[str, Any]:
    """What the script draws. A mark's `place` counts in points from the left edge, with its part of a day or hour."""
    groups: dict[int, list[Mark]] = {}
    for mark in marks:
        for number, point in enumerate(points):
            if point.start <= mark.at < point.end:
                groups.setdefault(number, []).append(mark)
    return {
        "labels": [point.short for point in points],
        "titles": [point.words for point in points],
        "calls": [point.calls for point in points],
        "missed": [point.missed for point in points],
        "shares": [round(100 * point.missed / point.calls, 1) if point.calls else None for point in points],
        "sides": [_side(point, found) for point in points],
        "links": [point.link for point in points],
        "marks": [
            {
                "place": number
                + (group[0].at - points[number].start) / (points[number].end - points[number].start),
                "words": [summary_text.what(mark) for mark in group],
                "link": link_of(group[-1].key),
                "isChosen": any(mark.key == chosen for mark in group),
            }
            for number, group in sorted(groups.items())
        ],
        "names": {"calls": _("Calls"), "share": _("Missed, %"), "missed": _("missed"), "marks": _("Changes")},
    }


def _side(point: Point, found: Comparison | None) -> str:
    """Whether its day is one of those that are compared."""
    day = day_of(point.start)
    if found is None:
        return ""
    return "before" if day in found.before.days else "after" if day in found.after.days else ""
