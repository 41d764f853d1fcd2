"""Counts of a period: stored counts for its whole days and hours, and counts of the calls for the remaining parts.

So the counts of any period equal a GROUP BY over the calls.

`departments` limits the calls; None means all calls, including those without a department. Counts by agent, virtual
number and circle are stored for all calls only. For some departments they are counted from the calls of the whole
period, so they should be requested only where that is cheap.
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
from calllogs.statistics import refresh as statistics_refresh
from calllogs.statistics.counting import COUNTS, DIMENSION_FIELDS, Dimension, Unit
from calllogs.statistics.hour_spans import TimeSpan
from calllogs.statistics.periods import Period


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of calls, sums of seconds, and ratios. `ivr_calls` and `talk_calls` count the calls with known seconds."""

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
        """Answered calls divided by all calls, from 0 to 1. None without calls."""
        return self.answered / self.calls if self.calls else None

    @property
    def average_wait_s(self) -> float | None:
        """Average seconds in the IVR over all calls that reported them."""
        return self.ivr_seconds / self.ivr_calls if self.ivr_calls else None

    @property
    def average_talk_s(self) -> float | None:
        """Average seconds of talk over the answered calls that reported them."""
        return self.talk_seconds / self.talk_calls if self.talk_calls else None

    def __add__(self, more: "Figures") -> "Figures":
        return Figures(*(getattr(self, name) + getattr(more, name) for name in COUNTS))


_is_current: ContextVar[bool | None] = ContextVar("is_current", default=None)


@contextmanager
def refreshed_counts(*, max_age_s: float = 0) -> Iterator[bool]:
    """Refresh the stored counts once for the block; yields False if they do not include all calls yet.

    `max_age_s`: skips the refresh if a worker ran one less than that many seconds ago. A worker refreshes every two
    seconds.
    """
    is_current = _is_current.get()
    if is_current is not None:
        yield is_current
        return
    token = _is_current.set(statistics_refresh.refresh_for_page(max_age_s=max_age_s))
    try:
        yield bool(_is_current.get())
    finally:
        _is_current.reset(token)


# Sums of the stored counts, under the same names as the counts of calls.
_STORED_SUMS = {f"n_{name}": Sum(name) for name in COUNTS}
CountRequest = tuple[Period, Sequence[str]]  # a period and its dimensions
Departments = Collection[str] | None
# The dimensions for which stored counts suffice if only some departments are counted.
_STORED_BY_DEPARTMENT = (Dimension.TOTAL, Dimension.DEPARTMENT)


def _live_counts() -> dict[str, Any]:
    """The same counts over the calls themselves."""

    def of(status: str) -> Case:
        return Case(When(status=status, then=1))

    named = {name: Count(of(name.upper())) for name in ("answered", "missed", "dropped")}
    talk = Case(When(status=CallLog.Status.ANSWERED, then=F("talk_seconds")))
    known_statuses = [CallLog.Status.ANSWERED, CallLog.Status.MISSED, CallLog.Status.DROPPED]
    return {
        **{f"n_{name}": count for name, count in named.items()},
        "n_other": Count(Case(When(status__in=known_statuses, then=None), default=1)),
        "n_ivr_seconds": Sum("ivr_seconds", default=0),
        "n_ivr_calls": Count("ivr_seconds"),
        "n_talk_seconds": Sum(talk, default=0),
        "n_talk_calls": Count(talk),
    }


def _split(period: Period, start_of: Any, end_of: Any) -> tuple[TimeSpan, list[TimeSpan]]:
    """The whole hours or days of a period, and the parts before and after them. No part has a negative length."""
    if period.end <= period.start:
        return TimeSpan(period.start, period.start), []
    start, last = start_of(period.start), start_of(period.end)
    first = period.start if start == period.start else end_of(start)
    if last < first:
        return TimeSpan(first, first), [TimeSpan(period.start, period.end)]
    remainders = [TimeSpan(period.start, first), TimeSpan(last, period.end)]
    return TimeSpan(first, last), [remainder for remainder in remainders if remainder.first < remainder.next]


def _split_hours(period: Period) -> tuple[TimeSpan, list[TimeSpan]]:
    return _split(period, hour_spans.hour_start, hour_spans.hour_end)


def _split_days(period: Period) -> tuple[TimeSpan, list[TimeSpan]]:
    return _split(period, hour_spans.day_start, lambda start: hour_spans.midnight_after(start, 1))


def _stored_rows(
    dimensions: Sequence[str], spans: Iterable[tuple[str, TimeSpan]], departments: Departments
) -> QuerySet[Rollup]:
    where = Q(pk__in=[])
    for unit, span in spans:
        if span.first < span.next:
            where |= Q(unit=unit, starts_at__gte=span.first, starts_at__lt=span.next)
    rows = Rollup.objects.filter(where, dimension__in=dimensions).order_by()
    return rows if departments is None else rows.filter(value__in=departments)


def _live_calls(span: TimeSpan, departments: Departments) -> QuerySet[CallLog]:
    calls = CallLog.objects.filter(started_at__gte=span.first, started_at__lt=span.next).order_by()
    return calls if departments is None else calls.filter(department__in=departments)


def load_counts_by_value(
    period: Period, dimension: str, departments: Departments = None
) -> dict[str, Figures]:
    """The counts of a period by value of the dimension; values without calls are left out."""
    (found,) = load_counts([(period, [dimension])], departments)
    return {value: figures for (_dimension, value), figures in found.items()}


def load_counts(
    requests: Sequence[CountRequest], departments: Departments = None
) -> list[dict[tuple[str, str], Figures]]:
    """For each request the counts by (dimension, value); values without calls are left out. One query for all."""
    queries = [
        query
        for index, request in enumerate(requests)
        for query in _build_queries(index, *request, departments)
    ]
    found: list[dict[tuple[str, str], Figures]] = [defaultdict(Figures) for _request in requests]
    for index, dimension, value, *counts in queries[0].union(*queries[1:], all=True) if queries else ():
        for key in _result_keys(dimension, value, requests[index][1], departments):
            found[index][key] += Figures(*map(int, counts))
    return [{key: figures for key, figures in counts.items() if figures.calls} for counts in found]


def _result_keys(
    dimension: str, value: str, dimensions: Sequence[str], departments: Departments
) -> Iterator[tuple[str, str]]:
    """The keys that a row adds to. The total of some departments is the sum of their rows."""
    if dimension in dimensions:
        yield dimension, value
    if departments is not None and dimension == Dimension.DEPARTMENT and Dimension.TOTAL in dimensions:
        yield Dimension.TOTAL.value, ""


def _build_queries(
    index: int, period: Period, dimensions: Sequence[str], departments: Departments
) -> Iterator[QuerySet]:
    days, parts = _split_days(period)
    spans, remainders = [(Unit.DAY, days)], []
    for part in parts:
        hours, rest = _split_hours(Period(part.first, part.next))
        spans.append((Unit.HOUR, hours))
        remainders += rest
    stored = list(dimensions) if departments is None else [Dimension.DEPARTMENT.value]
    number = Value(index, IntegerField())
    rows = _stored_rows(stored, spans, departments)
    yield rows.values_list(number, "dimension", "value").annotate(**_STORED_SUMS)
    live = [(remainder, dimension) for remainder in remainders for dimension in stored]
    if departments is not None:
        everything = TimeSpan(period.start, period.end)
        live += [
            (everything, dimension) for dimension in dimensions if dimension not in _STORED_BY_DEPARTMENT
        ]
    for span, dimension in live:
        value = (
            F(DIMENSION_FIELDS[Dimension(dimension)])
            if dimension in DIMENSION_FIELDS
            else Value("", CharField())
        )
        kind = Value(str(dimension), CharField())
        yield _live_calls(span, departments).values_list(number, kind, value).annotate(**_live_counts())


def load_hourly(*periods: Period, departments: Departments = None) -> dict[dt.datetime, Figures]:
    """Counts by the start of the hour. The first and last hour of a period count only the part inside the period.

    If there are several periods, they must consist of whole hours.
    """
    cuts = [_split_hours(period) for period in periods]
    dimension = Dimension.TOTAL if departments is None else Dimension.DEPARTMENT
    rows = _stored_rows([dimension], [(Unit.HOUR, whole) for whole, _remainders in cuts], departments)
    found: dict[dt.datetime, Figures] = defaultdict(Figures)
    by_hour = rows.values_list("starts_at", *COUNTS)  # without departments there is one row per hour
    if departments is not None:
        by_hour = rows.values_list("starts_at").annotate(**_STORED_SUMS)
    for start, *counts in by_hour:
        found[start] = Figures(*map(int, counts))
    for remainder in (remainder for _whole, remainders in cuts for remainder in remainders):
        live = _live_calls(remainder, departments).aggregate(**_live_counts())
        found[hour_spans.hour_start(remainder.first)] += Figures(*live.values())
    return found
