"""What the calls of a period come to: the aggregates that home, wall board, mail and the effect of a change show.

Everything is read from the counts of days and hours (`rollups`), which are brought level first, as far as a page may
wait; what lies before the first and after the last whole hour of a period is counted from the calls. So every figure
is what a GROUP BY over the calls says. A missed call is one of status *Missed*; dropped calls are counted beside them.
`departments` are those whose calls count; None is all calls.

Whoever asks several times for one page does so within `with level():`, and the counts are brought level once.
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
from calllogs.statistics.queries import Departments, Figures, counted, hourly, level, several
from ivrportal.common.phone import format_national, to_e164
from settings_sync.models import Agent

__all__ = [
    "Bar", "Cell", "Curve", "DayBar", "Departments", "Dimension", "Figures", "Period", "Row", "by", "by_day", "by_hour",
    "curve_of", "curves_of", "days_of", "departments_words", "figures", "heat", "heat_of", "hourly", "label", "level",
    "rows", "same_days", "same_weekdays", "several",
]  # fmt: skip
TYPICAL_WEEKS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One agent, department, virtual number or circle. `value` is a call's own, "" where the call has none."""

    value: str
    label: str
    figures: Figures


class Bar(NamedTuple):
    start: dt.datetime
    calls: int
    missed: int


class DayBar(NamedTuple):
    day: dt.date
    calls: int
    missed: int


class Cell(NamedTuple):
    calls: int
    missed: int


class Curve(NamedTuple):
    """One day: a cell for each of the 24 hours of the clock. An hour that was struck twice is in one cell."""

    day: dt.date
    cells: list[Cell]


# --- what is asked ----------------------------------------------------------------------------------------


def figures(period: Period, departments: Departments = None) -> Figures:
    with level():
        return sum(counted(period, Dimension.TOTAL, departments).values(), Figures())


def by(dimension: str, period: Period, departments: Departments = None) -> list[Row]:
    """The rows of `agent`, `department`, `virtual_number` or `circle` that had calls, those with most first."""
    with level():
        found = counted(period, dimension, departments)
    return rows(dimension, found, _names(found) if dimension == Dimension.AGENT else {})


def by_hour(period: Period, departments: Departments = None) -> list[Bar]:
    """Every hour of the period, also those without calls. The first begins when the period does."""
    with level():
        found = hourly(period, departments=departments)
    edges = hour_spans.between(hour_spans.start_of(period.start), period.end)
    return [Bar(max(hour.first, period.start), *_cell(found[hour.first])) for hour in edges]


def by_day(period: Period, departments: Departments = None) -> list[DayBar]:
    """Every day that the period touches, also those without calls."""
    with level():
        return days_of(period, hourly(period, departments=departments))


def heat(period: Period, departments: Departments = None) -> list[list[Cell]]:
    """Seven weekdays from Monday, each with the 24 hours of the clock: the sums of the period."""
    with level():
        return heat_of(period, hourly(period, departments=departments))


def same_weekdays(
    day: dt.date, weeks: int = TYPICAL_WEEKS, *, departments: Departments = None
) -> list[Curve]:
    """The curves of the same weekday in the weeks before, the newest first; days without any call are left out."""
    with level():
        found = hourly(*same_days(day, weeks), departments=departments)
    return curves_of(day, found, weeks)


# --- the same, of hours that are read already -----------------------------------------------------------------

Hours = Mapping[dt.datetime, Figures]


def days_of(period: Period, found: Hours) -> list[DayBar]:
    length = (period.last_day - period.first_day).days + 1
    days = {period.first_day + dt.timedelta(days=number): [0, 0] for number in range(length)}
    for start, of_hour in _within(period, found):
        day = days[day_of(start)]
        day[0] += of_hour.calls
        day[1] += of_hour.missed
    return [DayBar(day, *counts) for day, counts in days.items()]


def heat_of(period: Period, found: Hours) -> list[list[Cell]]:
    zone = timezone.get_default_timezone()
    sums = [[[0, 0] for _hour in range(24)] for _weekday in range(7)]
    for start, of_hour in _within(period, found):
        local = start.astimezone(zone)
        cell = sums[local.weekday()][local.hour]
        cell[0] += of_hour.calls
        cell[1] += of_hour.missed
    return [[Cell(*cell) for cell in weekday] for weekday in sums]


def same_days(day: dt.date, weeks: int = TYPICAL_WEEKS) -> list[Period]:
    """The same weekday of the weeks before, the newest first."""
    days = (day - dt.timedelta(weeks=number) for number in range(1, weeks + 1))
    return [Period.days(one, one) for one in days]


def curves_of(day: dt.date, found: Hours, weeks: int = TYPICAL_WEEKS) -> list[Curve]:
    curves = (curve_of(one.first_day, found) for one in same_days(day, weeks))
    return [curve for curve in curves if any(cell.calls for cell in curve.cells)]


def curve_of(day: dt.date, found: Hours) -> Curve:
    period = Period.days(day, day)
    return Curve(day, heat_of(period, found)[day.weekday()])


def rows(dimension: str, found: Mapping[str, Figures], names: Mapping[str, str]) -> list[Row]:
    """Those with most calls first; `names` of agents by number."""
    each = [Row(value, label(dimension, value, names), of_value) for value, of_value in found.items()]
    return sorted(each, key=lambda row: (-row.figures.calls, row.label))


def label(dimension: str, value: str, names: Mapping[str, str] | None = None) -> str:
    """What a person reads; `names` of agents by number."""
    if not value:
        return {
            Dimension.AGENT.value: _("No agent"),
            Dimension.DEPARTMENT.value: _("No department"),
            Dimension.VIRTUAL_NUMBER.value: _("No number"),
        }.get(dimension, _("No circle"))
    if dimension == Dimension.AGENT:
        return (names or {}).get(value) or format_national(value)
    return format_national(value) if dimension == Dimension.VIRTUAL_NUMBER else value


def departments_words(departments: Departments) -> str:
    """Whose calls count, for the head of a page or a mail; empty if it is all calls."""
    if departments is None:
        return ""
    return _("Departments: %(names)s") % {"names": ", ".join(sorted(departments))}


def _within(period: Period, found: Hours) -> Iterator[tuple[dt.datetime, Figures]]:
    first = hour_spans.start_of(period.start)
    return ((start, of_hour) for start, of_hour in found.items() if first <= start < period.end)


def _names(numbers: Iterable[str]) -> dict[str, str]:
    """Of agents; the field of a telephone number refuses to be asked for what is none."""
    mobiles = [number for number in numbers if to_e164(number)]
    return dict(Agent.objects.filter(number__in=mobiles).values_list("number", "name"))


def _cell(of_hour: Figures) -> Cell:
    return Cell(of_hour.calls, of_hour.missed)
