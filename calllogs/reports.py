"""What the calls of a period come to: the aggregates that home, wall board, mail and the effect of a change show.

Everything is read from the counts of the hours (`rollups`), which are brought level first, as far as a page may wait;
what lies before the first and after the last whole hour of a period is counted from the calls. So every figure is what
a GROUP BY over the calls says. A missed call is one of status *Missed*; dropped calls are counted beside them.

Whoever asks several times for one page does so within `with level():`, and the counts are brought level once.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Case, Count, F, QuerySet, Sum, When
from django.utils import timezone
from django.utils.translation import gettext as _

from calllogs.models import CallLog, Rollup
from calllogs.periods import Period, day_of
from calllogs.rollups import hours
from calllogs.rollups import level as rollup_level
from calllogs.rollups.counting import COUNTS, FIELD_OF
from settings_sync.models import Agent
from settings_sync.phone import for_people, to_e164

__all__ = [
    "Bar", "Cell", "Curve", "DayBar", "Dimension", "Figures", "Period", "Row",
    "by", "by_day", "by_hour", "figures", "heat", "label", "level", "same_weekdays",
]  # fmt: skip
Dimension = Rollup.Dimension
TYPICAL_WEEKS = 4


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of calls, sums of seconds, and what follows from them. `ivr_calls` and `talk_calls` told their seconds."""

    answered: int = 0
    missed: int = 0
    dropped: int = 0
    other: int = 0
    ivr_seconds: int = 0
    ivr_calls: int = 0
    talk_seconds: int = 0
    talk_calls: int = 0

    @property
    def calls(self) -> int:
        return self.answered + self.missed + self.dropped + self.other

    @property
    def answer_rate(self) -> float | None:
        """From 0 to 1: answered calls among all. None without calls."""
        return self.answered / self.calls if self.calls else None

    @property
    def missed_rate(self) -> float | None:
        """From 0 to 1: missed calls among all. None without calls."""
        return self.missed / self.calls if self.calls else None

    @property
    def average_wait_s(self) -> float | None:
        """Seconds in the IVR, over the calls that told them, answered or not."""
        return self.ivr_seconds / self.ivr_calls if self.ivr_calls else None

    @property
    def average_talk_s(self) -> float | None:
        """Seconds of talk, over the answered calls that told them."""
        return self.talk_seconds / self.talk_calls if self.talk_calls else None

    def __add__(self, more: "Figures") -> "Figures":
        return Figures(*(getattr(self, name) + getattr(more, name) for name in COUNTS))


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
        return sum(_counted(period, Dimension.TOTAL).values(), Figures())


def by_hour(period: Period) -> list[Bar]:
    """Every hour of the period, also those without calls. The first begins when the period does."""
    with level():
        found = _by_hour(period)
    edges = hours.between(hours.start_of(period.start), period.end)
    return [_bar(max(hour.first, period.start), found[hour.first]) for hour in edges]


def by_day(period: Period) -> list[DayBar]:
    """Every day that the period touches, also those without calls."""
    with level():
        found = _by_hour(period)
    days: dict[dt.date, Figures] = defaultdict(Figures)
    for start, counted in found.items():
        days[day_of(start)] += counted
    length = (period.last_day - period.first_day).days + 1
    each = (period.first_day + dt.timedelta(days=number) for number in range(length))
    return [DayBar(day, days[day].calls, days[day].missed) for day in each]


def by(dimension: str, period: Period) -> list[Row]:
    """The rows of `agent`, `department`, `virtual_number` or `circle` that had calls, those with most first."""
    with level():
        found = _counted(period, Dimension(dimension))
    names = _names(found) if dimension == Dimension.AGENT else {}
    rows = [Row(value, label(dimension, value, names), counted) for value, counted in found.items()]
    return sorted(rows, key=lambda row: (-row.figures.calls, row.label))


def heat(period: Period) -> list[list[Cell]]:
    """Seven weekdays from Monday, each with the 24 hours of the clock: the sums of the period."""
    with level():
        found = _by_hour(period)
    cells: dict[tuple[int, int], Figures] = defaultdict(Figures)
    for start, counted in found.items():
        local = timezone.localtime(start, timezone.get_default_timezone())
        cells[local.weekday(), local.hour] += counted
    return [[_cell(cells[weekday, hour]) for hour in range(24)] for weekday in range(7)]


def same_weekdays(day: dt.date, weeks: int = TYPICAL_WEEKS) -> list[Curve]:
    """The curves of the same weekday in the weeks before, the newest first; days without any call are left out."""
    days = [day - dt.timedelta(weeks=number) for number in range(1, weeks + 1)]
    with level():
        found = _by_hour(Period.days(days[-1], days[0]))
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


_is_level: ContextVar[bool | None] = ContextVar("is_level", default=None)


@contextmanager
def level() -> Iterator[bool]:
    """Brings the counts level, once for everything within; False if calls are still missing from them."""
    known = _is_level.get()
    if known is not None:
        yield known
        return
    token = _is_level.set(rollup_level.bring())
    try:
        yield bool(_is_level.get())
    finally:
        _is_level.reset(token)


# --- reading ----------------------------------------------------------------------------------------------

_SUMS = {f"n_{name}": Sum(name) for name in COUNTS}


def _live() -> dict[str, Any]:
    """The same counts of calls themselves."""

    def of(status: str) -> Case:
        return Case(When(status=status, then=1))

    named = {name: Count(of(name.upper())) for name in ("answered", "missed", "dropped")}
    talk = Case(When(status=CallLog.Status.ANSWERED, then=F("talk_seconds")))
    known = [CallLog.Status.ANSWERED, CallLog.Status.MISSED, CallLog.Status.DROPPED]
    return {
        **{f"n_{name}": count for name, count in named.items()},
        "n_other": Count(Case(When(status__in=known, then=None), default=1)),
        "n_ivr_seconds": Sum("ivr_seconds", default=0),
        "n_ivr_calls": Count("ivr_seconds"),
        "n_talk_seconds": Sum(talk, default=0),
        "n_talk_calls": Count(talk),
    }


def _split(period: Period) -> tuple[tuple[dt.datetime, dt.datetime], list[tuple[dt.datetime, dt.datetime]]]:
    """The whole hours of a period, and what lies before and after them."""
    start, end = hours.start_of(period.start), hours.start_of(period.end)
    first = start if start == period.start else hours.after(start)
    if end < first:
        return (first, first), [(period.start, period.end)] if period.start < period.end else []
    rests = [(period.start, first), (end, period.end)]
    return (first, end), [(begins, ends) for begins, ends in rests if begins < ends]


def _rows(span: tuple[dt.datetime, dt.datetime], dimension: str) -> QuerySet[Rollup]:
    return Rollup.objects.filter(
        dimension=dimension, starts_at__gte=span[0], starts_at__lt=span[1]
    ).order_by()


def _calls(span: tuple[dt.datetime, dt.datetime]) -> QuerySet[CallLog]:
    return CallLog.objects.filter(started_at__gte=span[0], started_at__lt=span[1]).order_by()


def _counted(period: Period, dimension: Dimension) -> dict[str, Figures]:
    """By value; what has no calls is not there."""
    whole, rests = _split(period)
    found: dict[str, Figures] = defaultdict(Figures)
    for value, *counts in _rows(whole, dimension).values_list("value").annotate(**_SUMS):
        found[value] += Figures(*counts)
    name = FIELD_OF.get(dimension)
    for rest in rests:
        if name:
            for value, *counts in _calls(rest).values_list(name).annotate(**_live()):
                found[value] += Figures(*counts)
        else:
            found[""] += Figures(*_calls(rest).aggregate(**_live()).values())
    return {value: counted for value, counted in found.items() if counted.calls}


def _by_hour(period: Period) -> dict[dt.datetime, Figures]:
    """By the moment at which the hour began, the first and last only as far as they are of the period."""
    whole, rests = _split(period)
    found: dict[dt.datetime, Figures] = defaultdict(Figures)
    for start, *counts in _rows(whole, Dimension.TOTAL).values_list("starts_at", *COUNTS):
        found[start] = Figures(*counts)
    for rest in rests:
        found[hours.start_of(rest[0])] += Figures(*_calls(rest).aggregate(**_live()).values())
    return found


def _curve(day: dt.date, found: dict[dt.datetime, Figures]) -> Curve:
    cells = [Figures()] * 24
    zone = timezone.get_default_timezone()
    period = Period.days(day, day)
    for hour in hours.between(period.start, period.end):
        cells[timezone.localtime(hour.first, zone).hour] += found.get(hour.first, Figures())
    return Curve(day, [_cell(counted) for counted in cells])


def _names(numbers: Iterable[str]) -> dict[str, str]:
    """Of agents; the field of a telephone number refuses to be asked for what is none."""
    mobiles = [number for number in numbers if to_e164(number)]
    return dict(Agent.objects.filter(number__in=mobiles).values_list("number", "name"))


def _bar(start: dt.datetime, counted: Figures) -> Bar:
    return Bar(start, counted.calls, counted.missed)


def _cell(counted: Figures) -> Cell:
    return Cell(counted.calls, counted.missed)
