"""The breakdowns of the home screen: sections by agent, department, number and circle, and the heat map."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calllogs.dashboard.query_params import MISSED, CallListLinks
from calllogs.dashboard.tiles import format_share
from calllogs.statistics import aggregates
from calllogs.statistics.aggregates import Departments, Dimension, Figures
from settings_sync import setting_address

ROWS_SHOWN = 8  # of each dimension; the others are in a collapsed element
HEAT_LEVELS = 5


@dataclass(frozen=True, slots=True)
class DimensionLine:
    """One row of a section. `width` and `missed_width` are bar widths in per cent; both bars start at 0."""

    label: str
    link: str
    calls: str
    width: float
    answer_rate: str
    missed: str
    missed_width: float
    missed_link: str


@dataclass(frozen=True, slots=True)
class DimensionSection:
    """One dimension: the rows that are visible at first, and the others."""

    title: str
    visible: list[DimensionLine]
    more: list[DimensionLine]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Calls by hour and weekday.

    `weekdays`: (short name, long name). `rows`: the hour, and seven cells (level, calls, missed, text, link).
    """

    weekdays: list[tuple[str, str]]
    rows: list[tuple[str, list[tuple[int, str, str, str, str]]]]


def visible_values(
    dimension: str,
    found: Mapping[tuple[str, str], Figures],
    names: Mapping[str, str],
    departments: Departments,
) -> dict[str, Figures]:
    """The values of a dimension. A department-limited user sees only agents in `names`.

    An agent of another department may have answered a call of the user's departments.
    """
    values = {value: figures for (key, value), figures in found.items() if key == dimension}
    if dimension != Dimension.AGENT or departments is None:
        return values
    return {value: figures for value, figures in values.items() if not value or value in names}


def build_section(
    dimension: str,
    found: dict[str, Figures],
    names: Mapping[str, str],
    links: CallListLinks,
    *,
    is_whole: bool,
) -> DimensionSection:
    titles = {
        Dimension.AGENT.value: _("By agent"),
        Dimension.DEPARTMENT.value: _("By department"),
        Dimension.VIRTUAL_NUMBER.value: _("By number called"),
    }
    rows = aggregates.build_rows(dimension, found, names)
    rows.sort(key=lambda row: not row.value)  # calls without a value come last and do not set the scale
    most = max((row.figures.calls for row in rows if row.value), default=0) or 1
    lines = [
        DimensionLine(
            row.label,
            links.value_url(dimension, row.value),
            intcomma(row.figures.calls),
            round(min(1, row.figures.calls / most) * 100, 1),
            format_share(row.figures.answer_rate),
            intcomma(row.figures.missed),
            round(min(1, row.figures.missed / most) * 100, 1),
            links.value_url(dimension, row.value, **MISSED) if row.figures.missed else "",
        )
        for row in rows
    ]
    note = _("Only agents of these departments.") if dimension == Dimension.AGENT and not is_whole else ""
    return DimensionSection(
        titles.get(dimension, _("By circle")), lines[:ROWS_SHOWN], lines[ROWS_SHOWN:], note
    )


def build_heatmap(cells: list[list[aggregates.CellCounts]], links: CallListLinks) -> Heatmap:
    """The hours from the first to the last with calls on any weekday."""
    busy = [hour for hour in range(24) if any(weekday[hour].calls for weekday in cells)]
    most = max(cell.calls for weekday in cells for cell in weekday) or 1
    monday = dt.date(2024, 1, 1)
    days = [monday + dt.timedelta(days=number) for number in range(7)]
    weekdays = [(date_format(day, "D"), date_format(day, "l")) for day in days]
    base = links.url()
    rows = []
    for hour in range(busy[0], busy[-1] + 1) if busy else ():
        row = []
        for index, (_short, long) in enumerate(weekdays):
            calls, missed = cells[index][hour]
            level = -(-calls * HEAT_LEVELS // most)
            text = _("%(weekday)s %(hour)s: %(calls)s calls, %(missed)s missed") % {
                "weekday": long, "hour": f"{hour:02d}:00", "calls": intcomma(calls), "missed": intcomma(missed),
            }  # fmt: skip
            link = f"{base}&weekday={setting_address.WEEKDAYS[index]}&hour={hour}" if calls else ""
            row.append((level, _format_compact(calls), _format_compact(missed), text, link))
        rows.append((f"{hour:02d}", row))
    return Heatmap(weekdays, rows)


def _format_compact(number: int) -> str:
    """At most four characters: `987`, `1.2k`, `31k`."""
    if number < 1000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 9950 else f"{round(number / 1000)}k"
