"""Queries of the callback queue: pages of callers and closings, filter counts, and the number of waiting callers."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from django.utils.dateparse import parse_datetime

from calllogs.access.visibility import EVERYTHING, CallVisibility
from calllogs.callbacks.refresh import waiting_cutoff
from calllogs.calls import search
from calllogs.models import CallbackClaim, CallbackEntry, CallLog, MissedCaller
from ivrportal.common.phone import to_e164

PAGE_SIZE = 25
COUNT_LIMIT = 1000
# Values that networks and exchanges send instead of a withheld number.
_HIDDEN_TEXTS = ("anonymous", "private", "unknown", "restricted", "withheld", "unavailable", "hidden")
HIDDEN_CALLERS = ("", *_HIDDEN_TEXTS, *map(str.capitalize, _HIDDEN_TEXTS), *map(str.upper, _HIDDEN_TEXTS))


@dataclass(frozen=True, slots=True)
class CallbackFilter:
    """Which callers to list; "" means all.

    `mine`: only callers claimed by the user with this id. `visibility`: limits the departments, and the search to what
    the user may see of a number.
    """

    is_old: bool = False
    department: str = ""
    number: str = ""
    why: str = ""
    q: str = ""
    mine: int | None = None
    visibility: CallVisibility = EVERYTHING


@dataclass(frozen=True, slots=True)
class CallbackPage:
    rows: list
    has_before: bool
    has_after: bool


@dataclass(frozen=True, slots=True)
class FacetCount:
    """Number of callers for one existing combination of department, called number and reason."""

    department: str
    number: str
    why: str
    count: int


def load_callers(criteria: CallbackFilter, *, after: str = "", before: str = "") -> CallbackPage:
    """One page, longest waiting first. `after` and `before` come from `build_cursor`; an invalid one is ignored."""
    rows = _filter_rows(criteria)
    if (start := _parse_cursor(before)) is not None:
        at, pk = start
        rows = rows.filter(first_at__lte=at).filter(Q(first_at__lt=at) | Q(pk__lt=pk))
        found = list(rows.order_by("-first_at", "-pk")[: PAGE_SIZE + 1])
        return CallbackPage(found[:PAGE_SIZE][::-1], len(found) > PAGE_SIZE, True)
    start = _parse_cursor(after)
    if start is not None:
        at, pk = start
        # The first filter is redundant, but only it can be used as a range of the index.
        rows = rows.filter(first_at__gte=at).filter(Q(first_at__gt=at) | Q(pk__gt=pk))
    found = list(rows.order_by("first_at", "pk")[: PAGE_SIZE + 1])
    return CallbackPage(found[:PAGE_SIZE], start is not None, len(found) > PAGE_SIZE)


def build_cursor(row: MissedCaller) -> str:
    return f"{row.first_at.isoformat()}~{row.pk}"


def load_closings(
    visibility: CallVisibility = EVERYTHING, *, after: str = "", before: str = ""
) -> CallbackPage:
    """One page of the entries that closed a caller, newest first. `after` and `before` are entry ids."""
    rows = CallbackEntry.objects.filter(visibility.condition(), until__isnull=False).select_related(
        "undone_by"
    )
    if _is_id(before):
        found = list(rows.filter(pk__gt=int(before)).order_by("pk")[: PAGE_SIZE + 1])
        return CallbackPage(found[:PAGE_SIZE][::-1], len(found) > PAGE_SIZE, True)
    if _is_id(after):
        rows = rows.filter(pk__lt=int(after))
    found = list(rows.order_by("-pk")[: PAGE_SIZE + 1])
    return CallbackPage(found[:PAGE_SIZE], _is_id(after), len(found) > PAGE_SIZE)


def load_facets(visibility: CallVisibility = EVERYTHING, *, is_old: bool) -> list[FacetCount]:
    """Counts for the filter choices. Answered from the index `missed_filters` alone."""
    by = (
        MissedCaller.objects.filter(visibility.condition(), is_old=is_old)
        .order_by()
        .values_list("department", "virtual_number", "why")
    )
    return [
        FacetCount(*row) for row in by.annotate(n=Count("*")).order_by("department", "virtual_number", "why")
    ]


def count_matching(facets: Sequence[FacetCount], criteria: CallbackFilter) -> int | None:
    """How many callers match; None if the criteria include a search or a claim, which the facets do not cover."""
    if criteria.q or criteria.mine is not None:
        return None
    return sum(
        facet.count
        for facet in facets
        if criteria.department in ("", facet.department)
        and criteria.number in ("", facet.number)
        and criteria.why in ("", facet.why)
    )


def count_waiting(visibility: CallVisibility = EVERYTHING) -> int:
    """Number of waiting callers, at most COUNT_LIMIT because every page shows it in the navigation."""
    rows = MissedCaller.objects.filter(visibility.condition(), is_old=False)
    return rows.order_by()[:COUNT_LIMIT].count()


def count_waiting_in(departments: Collection[str] | None) -> int:
    """Number of waiting callers of these departments, of all if None; at most COUNT_LIMIT."""
    return count_waiting(
        CallVisibility(
            sees_numbers=False, departments=None if departments is None else frozenset(departments)
        )
    )


def count_hidden_calls(visibility: CallVisibility = EVERYTHING) -> int:
    """Number of recent calls that were not answered and had no number to call back; at most COUNT_LIMIT."""
    calls = visibility.calls().filter(caller__in=HIDDEN_CALLERS, started_at__gte=waiting_cutoff())
    return calls.exclude(status=CallLog.Status.ANSWERED).order_by()[:COUNT_LIMIT].count()


def _filter_rows(criteria: CallbackFilter) -> QuerySet[MissedCaller]:
    rows = MissedCaller.objects.filter(criteria.visibility.condition(), is_old=criteria.is_old)
    if criteria.department:
        rows = rows.filter(department=criteria.department)
    if criteria.number:
        rows = rows.filter(virtual_number=criteria.number)
    if criteria.why:
        rows = rows.filter(why=criteria.why)
    if criteria.q:
        rows = _filter_by_number(rows, criteria)
    if criteria.mine is not None:
        claimed = CallbackClaim.objects.filter(person_id=criteria.mine, expires_at__gt=Now())
        rows = rows.filter(caller__in=claimed.values("caller"))
    return rows


def _filter_by_number(rows: QuerySet[MissedCaller], criteria: CallbackFilter) -> QuerySet[MissedCaller]:
    if not criteria.visibility.sees_numbers:
        by_mask = search.match_masks(search.parse_masks(criteria.q))
        return rows.none() if by_mask is None else rows.filter(by_mask)
    number = to_e164(criteria.q)
    digits = "".join(character for character in criteria.q if character.isdigit())
    return rows.filter(caller=number) if number else rows.filter(caller__contains=digits)


def _parse_cursor(text: str) -> tuple[dt.datetime, int] | None:
    at, separator, pk = text.partition("~")
    try:
        moment = parse_datetime(at.replace(" ", "+")) if separator else None
    except ValueError:
        return None
    if moment is None or not moment.tzinfo or not 2000 <= moment.year <= 2100 or not _is_id(pk):
        return None
    return moment, int(pk)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
