"""What the calls of a period come to: the aggregates that home, wall board, mail and the effect of a change show.

Everything is read from the counts of days and hours (`rollups`), which are brought level first, as far as a page may
wait; what lies before the first and after the last whole hour of a period is counted from the calls. So every figure
is what a GROUP BY over the calls says. A missed call is one of status *Missed*; dropped calls are counted beside them.

Whoever asks several times for one page does so within `with level():`, and the counts are brought level once.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from calllogs.periods import Period, day_of
from calllogs.rollups import hours
from calllogs.rollups.counting import Dimension
from calllogs.rollups.reading import Figures, counted, hourly, level
from settings_sync.models import Agent
from settings_sync.phone import for_people, to_e164

__all__ = [
    "Bar", "Cell", "Curve", "DayBar", "Dimension", "Figures", "Period", "Row",
    "by", "by_day", "by_hour", "figures", "heat", "label", "level", "same_weekdays",
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


def figures(period: Period) -> Figures:
    with level():
        return sum(counted(period, Dimension.TOTAL).values(), Figures())


def by_hour(period: Period) -> list[Bar]:
    """Every hour of the period, also those without calls. The first begins when the period does."""
    with level():
        found = hourly(period)
    edges = hours.between(hours.start_of(period.start), period.end)
    return [_bar(max(hour.first, period.start), found[hour.first]) for hour in edges]


def by_day(period: Period) -> list[DayBar]:
    """Every day that the period touches, also those without calls."""
    with level():
        found = hourly(period)
    days: dict[dt.date, Figures] = defaultdict(Figures)
    for start, of_hour in found.items():
        days[day_of(start)] += of_hour
    length = (period.last_day - period.first_day).days + 1
    each = (period.first_day + dt.timedelta(days=number) for number in range(length))
    return [DayBar(day, days[day].calls, days[day].missed) for day in each]


def by(dimension: str, period: Period) -> list[Row]:
    """The rows of `agent`, `department`, `virtual_number` or `circle` that had calls, those with most first."""
    with level():
        found = counted(period, Dimension(dimension))
    names = _names(found) if dimension == Dimension.AGENT else {}
    rows = [Row(value, label(dimension, value, names), of_value) for value, of_value in found.items()]
    return sorted(rows, key=lambda row: (-row.figures.calls, row.label))


def heat(period: Period) -> list[list[Cell]]:
    """Seven weekdays from Monday, each with the 24 hours of the clock: the sums of the period."""
    with level():
        found = hourly(period)
    cells: dict[tuple[int, int], Figures] = defaultdict(Figures)
    for start, of_hour in found.items():
        local = timezone.localtime(start, timezone.get_default_timezone())
        cells[local.weekday(), local.hour] += of_hour
    return [[_cell(cells[weekday, hour]) for hour in range(24)] for weekday in range(7)]


def same_weekdays(day: dt.date, weeks: int = TYPICAL_WEEKS) -> list[Curve]:
    """The curves of the same weekday in the weeks before, the newest first; days without any call are left out."""
    days = [day - dt.timedelta(weeks=number) for number in range(1, weeks + 1)]
    with level():
        found = hourly(Period.days(days[-1], days[0]))
    curves = (_curve(one, found) for one in days)
    return [curve for curve in curves if any(cell.calls for cell in curve.cells)]


def label(dimension: str, value: str, names: dict[str, str] | None = None) -> str:
    """What a person reads; `names` of agents by number."""
    if not value:
        return {
            Dimension.AGENT.value: _("No agent"),
            Dimension.DEPARTMENT.value: _("No department"),
            Dimension.VIRTUAL_NUMBER.value: _("No number"),
        }.get(dimension, _("No circle"))
    if dimension == Dimension.AGENT:
        return (names or {}).get(value) or for_people(value)
    return for_people(value) if dimension == Dimension.VIRTUAL_NUMBER else value


def _curve(day: dt.date, found: dict[dt.datetime, Figures]) -> Curve:
    cells = [Figures()] * 24
    zone = timezone.get_default_timezone()
    period = Period.days(day, day)
    for hour in hours.between(period.start, period.end):
        cells[timezone.localtime(hour.first, zone).hour] += found.get(hour.first, Figures())
    return Curve(day, [_cell(of_hour) for of_hour in cells])


def _names(numbers: Iterable[str]) -> dict[str, str]:
    """Of agents; the field of a telephone number refuses to be asked for what is none."""
    mobiles = [number for number in numbers if to_e164(number)]
    return dict(Agent.objects.filter(number__in=mobiles).values_list("number", "name"))


def _bar(start: dt.datetime, of_hour: Figures) -> Bar:
    return Bar(start, of_hour.calls, of_hour.missed)


def _cell(of_hour: Figures) -> Cell:
    return Cell(of_hour.calls, of_hour.missed)
