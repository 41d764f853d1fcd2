"""Aggregates of the calls of a period, for the home screen, the wall board, report mails and the effect of a change.

They come from the stored counts of days and hours (`Rollup`), which are refreshed first, as far as a page can wait.
The parts of a period before its first and after its last whole hour are counted from the calls. So every figure equals
a GROUP BY over the calls. A missed call has the status *Missed*; dropped calls are counted separately. `departments`
limits the calls; None means all calls.

A page that needs several aggregates loads them inside `with refreshed_counts():`, so that the refresh runs once.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from calllogs.statistics import hour_spans
from calllogs.statistics.counting import Dimension
from calllogs.statistics.periods import Period, day_of
from calllogs.statistics.queries import (
    Departments,
    Figures,
    load_counts,
    load_counts_by_value,
    load_hourly,
    refreshed_counts,
)
from ivrportal.common.phone import format_national, to_e164
from settings_sync.models import Agent

__all__ = [
    "CellCounts", "DayBar", "DayCurve", "Departments", "Dimension", "DimensionRow", "Figures", "HourBar",
    "HourlyFigures", "Period", "build_curve", "build_curves", "build_rows", "departments_text", "load_counts",
    "load_day_bars", "load_figures", "load_heatmap", "load_hour_bars", "load_hourly", "load_rows",
    "load_same_weekdays", "refreshed_counts", "same_weekday_periods", "sum_days", "sum_heatmap", "value_label",
]  # fmt: skip
TYPICAL_WEEKS = 4


@dataclass(frozen=True, slots=True)
class DimensionRow:
    """One agent, department, virtual number or circle. `value` is the value in the calls, "" if they have none."""

    value: str
    label: str
    figures: Figures


class HourBar(NamedTuple):
    start: dt.datetime
    calls: int
    missed: int


class DayBar(NamedTuple):
    day: dt.date
    calls: int
    missed: int


class CellCounts(NamedTuple):
    calls: int
    missed: int


class DayCurve(NamedTuple):
    """One day as 24 cells, one per hour of the clock. An hour that the clocks repeat is added to the same cell."""

    day: dt.date
    cells: list[CellCounts]


# --- loading from the database ------------------------------------------------------------------------------


def load_figures(period: Period, departments: Departments = None) -> Figures:
    with refreshed_counts():
        return sum(load_counts_by_value(period, Dimension.TOTAL, departments).values(), Figures())


def load_rows(dimension: str, period: Period, departments: Departments = None) -> list[DimensionRow]:
    """One row for each agent, department, virtual number or circle (`dimension`) with calls, most calls first."""
    with refreshed_counts():
        found = load_counts_by_value(period, dimension, departments)
    return build_rows(dimension, found, _load_agent_names(found) if dimension == Dimension.AGENT else {})


def load_hour_bars(period: Period, departments: Departments = None) -> list[HourBar]:
    """One bar for every hour of the period, including hours without calls. The first starts with the period."""
    with refreshed_counts():
        found = load_hourly(period, departments=departments)
    edges = hour_spans.hours_between(hour_spans.hour_start(period.start), period.end)
    return [HourBar(max(hour.first, period.start), *_cell_counts(found[hour.first])) for hour in edges]


def load_day_bars(period: Period, departments: Departments = None) -> list[DayBar]:
    """One bar for every day that overlaps the period, including days without calls."""
    with refreshed_counts():
        return sum_days(period, load_hourly(period, departments=departments))


def load_heatmap(period: Period, departments: Departments = None) -> list[list[CellCounts]]:
    """Sums of the period by weekday (from Monday) and hour of the clock: seven lists of 24 cells."""
    with refreshed_counts():
        return sum_heatmap(period, load_hourly(period, departments=departments))


def load_same_weekdays(
    day: dt.date, weeks: int = TYPICAL_WEEKS, *, departments: Departments = None
) -> list[DayCurve]:
    """The curves of the same weekday in the previous weeks, latest first. Days without calls are left out."""
    with refreshed_counts():
        found = load_hourly(*same_weekday_periods(day, weeks), departments=departments)
    return build_curves(day, found, weeks)


# --- the same from hours that are already loaded --------------------------------------------------------------

HourlyFigures = Mapping[dt.datetime, Figures]


def sum_days(period: Period, hours: HourlyFigures) -> list[DayBar]:
    length = (period.last_day - period.first_day).days + 1
    days = {period.first_day + dt.timedelta(days=number): [0, 0] for number in range(length)}
    for start, figures in _hours_within(period, hours):
        day = days[day_of(start)]
        day[0] += figures.calls
        day[1] += figures.missed
    return [DayBar(day, *counts) for day, counts in days.items()]


def sum_heatmap(period: Period, hours: HourlyFigures) -> list[list[CellCounts]]:
    zone = timezone.get_default_timezone()
    sums = [[[0, 0] for _hour in range(24)] for _weekday in range(7)]
    for start, figures in _hours_within(period, hours):
        local = start.astimezone(zone)
        cell = sums[local.weekday()][local.hour]
        cell[0] += figures.calls
        cell[1] += figures.missed
    return [[CellCounts(*cell) for cell in weekday] for weekday in sums]


def same_weekday_periods(day: dt.date, weeks: int = TYPICAL_WEEKS) -> list[Period]:
    """The same weekday in the previous weeks as periods of one day, latest first."""
    days = (day - dt.timedelta(weeks=number) for number in range(1, weeks + 1))
    return [Period.days(each, each) for each in days]


def build_curves(day: dt.date, hours: HourlyFigures, weeks: int = TYPICAL_WEEKS) -> list[DayCurve]:
    curves = (build_curve(period.first_day, hours) for period in same_weekday_periods(day, weeks))
    return [curve for curve in curves if any(cell.calls for cell in curve.cells)]


def build_curve(day: dt.date, hours: HourlyFigures) -> DayCurve:
    period = Period.days(day, day)
    return DayCurve(day, sum_heatmap(period, hours)[day.weekday()])


def build_rows(dimension: str, counts: Mapping[str, Figures], names: Mapping[str, str]) -> list[DimensionRow]:
    """Rows sorted by number of calls, most first. `names`: agent names by number."""
    rows = [
        DimensionRow(value, value_label(dimension, value, names), figures)
        for value, figures in counts.items()
    ]
    return sorted(rows, key=lambda row: (-row.figures.calls, row.label))


def value_label(dimension: str, value: str, names: Mapping[str, str] | None = None) -> str:
    """Display label of a value. `names`: agent names by number."""
    if not value:
        return {
            Dimension.AGENT.value: _("No agent"),
            Dimension.DEPARTMENT.value: _("No department"),
            Dimension.VIRTUAL_NUMBER.value: _("No number"),
        }.get(dimension, _("No circle"))
    if dimension == Dimension.AGENT:
        return (names or {}).get(value) or format_national(value)
    return format_national(value) if dimension == Dimension.VIRTUAL_NUMBER else value


def departments_text(departments: Departments) -> str:
    """The departments whose calls are counted, for the heading of a page or mail; empty for all calls."""
    if departments is None:
        return ""
    return _("Departments: %(names)s") % {"names": ", ".join(sorted(departments))}


def _hours_within(period: Period, hours: HourlyFigures) -> Iterator[tuple[dt.datetime, Figures]]:
    first = hour_spans.hour_start(period.start)
    return ((start, figures) for start, figures in hours.items() if first <= start < period.end)


def _load_agent_names(numbers: Iterable[str]) -> dict[str, str]:
    """Agent names by number; skips values that PhoneField would reject."""
    mobiles = [number for number in numbers if to_e164(number)]
    return dict(Agent.objects.filter(number__in=mobiles).values_list("number", "name"))


def _cell_counts(figures: Figures) -> CellCounts:
    return CellCounts(figures.calls, figures.missed)
