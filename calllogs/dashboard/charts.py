"""The two charts of the home screen: a day by the hour, and a period by the day."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from calllogs.dashboard.query_params import MISSED, Links
from calllogs.statistics import aggregates
from calllogs.statistics.aggregates import Curve
from calllogs.statistics.periods import day_of


@dataclass(frozen=True, slots=True)
class Chart:
    """`drawn` is what home.js draws; `head` and `lines` are the same as a table: (label, link, cells)."""

    title: str
    note: str
    drawn: dict[str, Any]
    head: list[str]
    lines: list[tuple[str, str, list[str]]]


def by_hour(day: dt.date, now: dt.datetime, hours: aggregates.Hours, links: Links) -> Chart:
    """The day's calls against what its weekday usually has."""
    today, usual = aggregates.curve_of(day, hours), _usual(aggregates.curves_of(day, hours))
    until = localtime(now).hour if day == day_of(now) else 23
    lines, values = [], []
    for hour, cell in enumerate(today.cells):
        is_over = hour <= until
        link = links.to(hour=str(hour))
        calls, missed = (cell.calls, cell.missed) if is_over or cell.calls else (None, None)
        values.append((calls, missed, *usual[hour]))
        words = f"{hour:02d}:00–{hour + 1:02d}:00"
        lines.append((words, link, [_or_dash(value) for value in values[-1]]))
    names = [_("Calls"), _("Missed"), _("Calls, usually"), _("Missed, usually")]
    columns = list(zip(*values, strict=True))
    looks = [("bar", "calls"), ("bar", "missed"), ("line", "calls"), ("line", "missed")]
    has_usual = any(value is not None for value in columns[2])
    count = 4 if has_usual else 2
    drawn = {
        "labels": [f"{hour:02d}" for hour in range(24)],
        "links": [link for _words, link, _cells in lines],
        "missedLinks": [links.to(hour=str(hour), **MISSED) for hour in range(24)],
        "series": [
            {"name": name, "type": look, "colour": colour, "values": column}
            for name, (look, colour), column in list(zip(names, looks, columns, strict=True))[:count]
        ],
    }
    return Chart(
        _("%(day)s, hour by hour") % {"day": date_format(day, "l, j F")},
        _("“Usually” is the average of the same weekday in the four weeks before.")
        if has_usual
        else _("No calls on this weekday in the four weeks before, to compare with."),
        drawn,
        [_("Hour"), *names[:count]],
        [(words, link, cells[:count]) for words, link, cells in lines],
    )


def _usual(curves: Sequence[Curve]) -> list[tuple[float | None, float | None]]:
    """The average of these days, by hour."""
    if not curves:
        return [(None, None)] * 24
    cells = list(zip(*(curve.cells for curve in curves), strict=True))
    return [
        (
            round(sum(cell.calls for cell in hour) / len(curves), 1),
            round(sum(cell.missed for cell in hour) / len(curves), 1),
        )
        for hour in cells
    ]


def by_day(days: Sequence[aggregates.DayBar], whole: Links) -> Chart:
    names = [_("Calls"), _("Missed")]
    every = [whole.on(bar.day) for bar in days]
    links = [link.to() for link in every]
    drawn = {
        "labels": [date_format(bar.day, "j M") for bar in days],
        "links": links,
        "missedLinks": [link.to(**MISSED) for link in every],
        "series": [
            {"name": names[0], "type": "bar", "colour": "calls", "values": [bar.calls for bar in days]},
            {"name": names[1], "type": "bar", "colour": "missed", "values": [bar.missed for bar in days]},
        ],
    }
    lines = [
        (date_format(bar.day, "D j M Y"), link, [intcomma(bar.calls), intcomma(bar.missed)])
        for bar, link in zip(days, links, strict=True)
    ]
    return Chart(_("Day by day"), "", drawn, [_("Day"), *names], lines)


def _or_dash(value: float | None) -> str:
    return "–" if value is None else intcomma(int(value) if value == int(value) else value)
