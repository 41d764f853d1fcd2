"""The two charts of the home screen: a day by the hour, and a period by the day."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from calllogs.dashboard.query_params import MISSED, CallListLinks
from calllogs.statistics import aggregates
from calllogs.statistics.aggregates import DayCurve
from calllogs.statistics.periods import day_of


@dataclass(frozen=True, slots=True)
class Chart:
    """`data` is the input of dashboard.js; `columns` and `rows` are the same as a table.

    A row is (label, link, cells).
    """

    title: str
    note: str
    data: dict[str, Any]
    columns: list[str]
    rows: list[tuple[str, str, list[str]]]


def build_hour_chart(
    day: dt.date, now: dt.datetime, hours: aggregates.HourlyFigures, links: CallListLinks
) -> Chart:
    """The calls of the day by hour, with the average of the same weekday in the previous weeks."""
    today, usual = aggregates.build_curve(day, hours), _average_curves(aggregates.build_curves(day, hours))
    until = localtime(now).hour if day == day_of(now) else 23
    rows, values = [], []
    for hour, cell in enumerate(today.cells):
        is_started = hour <= until
        link = links.url(hour=str(hour))
        calls, missed = (cell.calls, cell.missed) if is_started or cell.calls else (None, None)
        values.append((calls, missed, *usual[hour]))
        label = f"{hour:02d}:00–{hour + 1:02d}:00"
        rows.append((label, link, [_or_dash(value) for value in values[-1]]))
    names = [_("Calls"), _("Missed"), _("Calls, usually"), _("Missed, usually")]
    series = list(zip(*values, strict=True))
    styles = [("bar", "calls"), ("bar", "missed"), ("line", "calls"), ("line", "missed")]
    has_usual = any(value is not None for value in series[2])
    count = 4 if has_usual else 2
    data = {
        "labels": [f"{hour:02d}" for hour in range(24)],
        "links": [link for _label, link, _cells in rows],
        "missedLinks": [links.url(hour=str(hour), **MISSED) for hour in range(24)],
        "series": [
            {"name": name, "type": style, "colour": colour, "values": column}
            for name, (style, colour), column in list(zip(names, styles, series, strict=True))[:count]
        ],
    }
    return Chart(
        _("%(day)s, hour by hour") % {"day": date_format(day, "l, j F")},
        _("“Usually” is the average of the same weekday in the four weeks before.")
        if has_usual
        else _("No calls on this weekday in the four weeks before, to compare with."),
        data,
        [_("Hour"), *names[:count]],
        [(label, link, cells[:count]) for label, link, cells in rows],
    )


def _average_curves(curves: Sequence[DayCurve]) -> list[tuple[float | None, float | None]]:
    """Average (calls, missed) of these days for each of the 24 hours; None without days."""
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


def build_day_chart(days: Sequence[aggregates.DayBar], links: CallListLinks) -> Chart:
    names = [_("Calls"), _("Missed")]
    day_links = [links.for_day(bar.day) for bar in days]
    urls = [day.url() for day in day_links]
    data = {
        "labels": [date_format(bar.day, "j M") for bar in days],
        "links": urls,
        "missedLinks": [day.url(**MISSED) for day in day_links],
        "series": [
            {"name": names[0], "type": "bar", "colour": "calls", "values": [bar.calls for bar in days]},
            {"name": names[1], "type": "bar", "colour": "missed", "values": [bar.missed for bar in days]},
        ],
    }
    rows = [
        (date_format(bar.day, "D j M Y"), link, [intcomma(bar.calls), intcomma(bar.missed)])
        for bar, link in zip(days, urls, strict=True)
    ]
    return Chart(_("Day by day"), "", data, [_("Day"), *names], rows)


def _or_dash(value: float | None) -> str:
    return "–" if value is None else intcomma(int(value) if value == int(value) else value)
