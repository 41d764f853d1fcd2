"""The counts of a period: of its whole days and hours as they are kept, and of what is left over from the calls.

So whatever the edges of a period, its counts are what a GROUP BY over the calls says.

`departments` are those whose calls count; None is all calls, also those without a department. Of agents, numbers and
circles only the counts of all calls are kept: of some departments they are counted from the calls themselves, over the
whole period, so they are to be asked only where that is cheap.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, CharField, Count, F, IntegerField, Q, QuerySet, Sum, Value, When

from calllogs.models import CallLog, Rollup
from calllogs.statistics import hour_spans
from calllogs.statistics import refresh as rollup_level
from calllogs.statistics.counting import COUNTS, FIELD_OF, Dimension, Unit
from calllogs.statistics.hour_spans import Span
from calllogs.statistics.periods import Period


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


_is_level: ContextVar[bool | None] = ContextVar("is_level", default=None)


@contextmanager
def level(*, old_s: float = 0) -> Iterator[bool]:
    """Brings the counts level, once for everything within; False if calls are still missing from them.

    `old_s`: if a worker did so less than that ago, it is not done again. A worker looks every two seconds.
    """
    known = _is_level.get()
    if known is not None:
        yield known
        return
    token = _is_level.set(rollup_level.refresh_for_page(old_s=old_s))
    try:
        yield bool(_is_level.get())
    finally:
        _is_level.reset(token)


# The kept counts, under the names of the live ones.
_KEPT = {f"n_{name}": Sum(name) for name in COUNTS}
Asked = tuple[Period, Sequence[str]]  # and dimensions
Departments = Collection[str] | None
_OF_DEPARTMENTS = (Dimension.TOTAL, Dimension.DEPARTMENT)  # what the kept counts tell of some departments


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


def _cut(period: Period, start_of: Any, end_of: Any) -> tuple[Span, list[Span]]:
    """The whole hours or days of a period, and what lies before and after them. Neither is ever negative."""
    if period.end <= period.start:
        return Span(period.start, period.start), []
    start, last = start_of(period.start), start_of(period.end)
    first = period.start if start == period.start else end_of(start)
    if last < first:
        return Span(first, first), [Span(period.start, period.end)]
    rests = [Span(period.start, first), Span(last, period.end)]
    return Span(first, last), [rest for rest in rests if rest.first < rest.next]


def _hours(period: Period) -> tuple[Span, list[Span]]:
    return _cut(period, hour_spans.start_of, hour_spans.after)


def _days(period: Period) -> tuple[Span, list[Span]]:
    return _cut(period, hour_spans.day_start, lambda start: hour_spans.days_after(start, 1))


def _rows(
    dimensions: Sequence[str], spans: Iterable[tuple[str, Span]], departments: Departments
) -> QuerySet[Rollup]:
    where = Q(pk__in=[])
    for unit, span in spans:
        if span.first < span.next:
            where |= Q(unit=unit, starts_at__gte=span.first, starts_at__lt=span.next)
    rows = Rollup.objects.filter(where, dimension__in=dimensions).order_by()
    return rows if departments is None else rows.filter(value__in=departments)


def _calls(span: Span, departments: Departments) -> QuerySet[CallLog]:
    calls = CallLog.objects.filter(started_at__gte=span.first, started_at__lt=span.next).order_by()
    return calls if departments is None else calls.filter(department__in=departments)


def counted(period: Period, dimension: str, departments: Departments = None) -> dict[str, Figures]:
    """By value; what has no calls is not there."""
    (found,) = several([(period, [dimension])], departments)
    return {value: these for (_dimension, value), these in found.items()}


def several(asked: Sequence[Asked], departments: Departments = None) -> list[dict[tuple[str, str], Figures]]:
    """For each period the counts by dimension and value; what has no calls is not there. One query for all."""
    queries = [query for number, one in enumerate(asked) for query in _queries(number, *one, departments)]
    found: list[dict[tuple[str, str], Figures]] = [defaultdict(Figures) for _one in asked]
    for number, dimension, value, *counts in queries[0].union(*queries[1:], all=True) if queries else ():
        for key in _keys(dimension, value, asked[number][1], departments):
            found[number][key] += Figures(*map(int, counts))
    return [{key: these for key, these in one.items() if these.calls} for one in found]


def _keys(
    dimension: str, value: str, wanted: Sequence[str], departments: Departments
) -> Iterator[tuple[str, str]]:
    """What a row counts for: all calls of some departments are the sum of these departments."""
    if dimension in wanted:
        yield dimension, value
    if departments is not None and dimension == Dimension.DEPARTMENT and Dimension.TOTAL in wanted:
        yield Dimension.TOTAL.value, ""


def _queries(
    number: int, period: Period, dimensions: Sequence[str], departments: Departments
) -> Iterator[QuerySet]:
    days, around = _days(period)
    spans, rests = [(Unit.DAY, days)], []
    for part in around:
        whole, few = _hours(Period(part.first, part.next))
        spans.append((Unit.HOUR, whole))
        rests += few
    kept = list(dimensions) if departments is None else [Dimension.DEPARTMENT.value]
    mark = Value(number, IntegerField())
    yield _rows(kept, spans, departments).values_list(mark, "dimension", "value").annotate(**_KEPT)
    live = [(rest, dimension) for rest in rests for dimension in kept]
    if departments is not None:
        everything = Span(period.start, period.end)
        live += [(everything, dimension) for dimension in dimensions if dimension not in _OF_DEPARTMENTS]
    for span, dimension in live:
        value = F(FIELD_OF[Dimension(dimension)]) if dimension in FIELD_OF else Value("", CharField())
        kind = Value(str(dimension), CharField())
        yield _calls(span, departments).values_list(mark, kind, value).annotate(**_live())


def hourly(*periods: Period, departments: Departments = None) -> dict[dt.datetime, Figures]:
    """By the moment at which the hour began, the first and last of a period only as far as they are of it.

    Several periods must be of whole hours.
    """
    cuts = [_hours(period) for period in periods]
    dimension = Dimension.TOTAL if departments is None else Dimension.DEPARTMENT
    rows = _rows([dimension], [(Unit.HOUR, whole) for whole, _rests in cuts], departments)
    found: dict[dt.datetime, Figures] = defaultdict(Figures)
    by_hour = rows.values_list("starts_at", *COUNTS)  # of all calls there is one row for an hour
    if departments is not None:
        by_hour = rows.values_list("starts_at").annotate(**_KEPT)
    for start, *counts in by_hour:
        found[start] = Figures(*map(int, counts))
    for rest in (rest for _whole, rests in cuts for rest in rests):
        live = _calls(rest, departments).aggregate(**_live())
        found[hour_spans.start_of(rest.first)] += Figures(*live.values())
    return found
