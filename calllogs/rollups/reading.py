"""The counts of a period: of its whole days and hours as they are kept, and of what is left over from the calls.

So whatever the edges of a period, its counts are what a GROUP BY over the calls says.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, CharField, Count, F, IntegerField, Q, QuerySet, Sum, Value, When

from calllogs.models import CallLog, Rollup
from calllogs.periods import Period
from calllogs.rollups import hours
from calllogs.rollups import level as rollup_level
from calllogs.rollups.counting import COUNTS, FIELD_OF, Dimension, Unit
from calllogs.rollups.hours import Span


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
    token = _is_level.set(rollup_level.bring(old_s=old_s))
    try:
        yield bool(_is_level.get())
    finally:
        _is_level.reset(token)


# The kept counts, under the names of the live ones.
_KEPT = {f"n_{name}": Sum(name) for name in COUNTS}
Asked = tuple[Period, Sequence[str]]  # and dimensions


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
    return _cut(period, hours.start_of, hours.after)


def _days(period: Period) -> tuple[Span, list[Span]]:
    return _cut(period, hours.day_start, lambda start: hours.days_after(start, 1))


def _rows(dimensions: Sequence[str], spans: Iterable[tuple[str, Span]]) -> QuerySet[Rollup]:
    where = Q(pk__in=[])
    for unit, span in spans:
        if span.first < span.next:
            where |= Q(unit=unit, starts_at__gte=span.first, starts_at__lt=span.next)
    return Rollup.objects.filter(where, dimension__in=dimensions).order_by()


def _calls(span: Span) -> QuerySet[CallLog]:
    return CallLog.objects.filter(started_at__gte=span.first, started_at__lt=span.next).order_by()


def counted(period: Period, dimension: str) -> dict[str, Figures]:
    """By value; what has no calls is not there."""
    (found,) = several([(period, [dimension])])
    return {value: these for (_dimension, value), these in found.items()}


def several(asked: Sequence[Asked]) -> list[dict[tuple[str, str], Figures]]:
    """For each period the counts by dimension and value; what has no calls is not there. One query for all."""
    queries = [query for number, one in enumerate(asked) for query in _queries(number, *one)]
    found: list[dict[tuple[str, str], Figures]] = [defaultdict(Figures) for _one in asked]
    for number, dimension, value, *counts in queries[0].union(*queries[1:], all=True) if queries else ():
        found[number][dimension, value] += Figures(*map(int, counts))
    return [{key: these for key, these in one.items() if these.calls} for one in found]


def _queries(number: int, period: Period, dimensions: Sequence[str]) -> Iterator[QuerySet]:
    days, around = _days(period)
    spans, rests = [(Unit.DAY, days)], []
    for part in around:
        whole, few = _hours(Period(part.first, part.next))
        spans.append((Unit.HOUR, whole))
        rests += few
    mark = Value(number, IntegerField())
    yield _rows(dimensions, spans).values_list(mark, "dimension", "value").annotate(**_KEPT)
    for rest in rests:
        for dimension in dimensions:
            value = F(FIELD_OF[Dimension(dimension)]) if dimension in FIELD_OF else Value("", CharField())
            kind = Value(str(dimension), CharField())
            yield _calls(rest).values_list(mark, kind, value).annotate(**_live())


def hourly(*periods: Period) -> dict[dt.datetime, Figures]:
    """By the moment at which the hour began, the first and last of a period only as far as they are of it.

    Several periods must be of whole hours.
    """
    cuts = [_hours(period) for period in periods]
    rows = _rows([Dimension.TOTAL], [(Unit.HOUR, whole) for whole, _rests in cuts])
    found: dict[dt.datetime, Figures] = defaultdict(Figures)
    for start, *counts in rows.values_list("starts_at", *COUNTS):
        found[start] = Figures(*counts)
    for rest in (rest for _whole, rests in cuts for rest in rests):
        found[hours.start_of(rest.first)] += Figures(*_calls(rest).aggregate(**_live()).values())
    return found
