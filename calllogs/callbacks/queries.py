"""What the desk shows: a page of callers, what there is to filter by, and how many wait."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from django.utils.dateparse import parse_datetime

from calllogs.access.visibility import EVERYTHING, CallVisibility
from calllogs.callbacks.refresh import oldest_waiting
from calllogs.calls import search
from calllogs.models import CallbackClaim, CallbackEntry, CallLog, MissedCaller
from ivrportal.common.phone import to_e164

PER_PAGE = 25
MOST_COUNTED = 1000
# What networks and exchanges send for a number that the caller does not show.
_WORDS = ("anonymous", "private", "unknown", "restricted", "withheld", "unavailable", "hidden")
HIDDEN = ("", *_WORDS, *map(str.capitalize, _WORDS), *map(str.upper, _WORDS))


@dataclass(frozen=True, slots=True)
class CallbackFilter:
    """Which callers to show; "" is all. `mine`: the id of the person whose claims are wanted.

    `sight`: of whom; nobody is found beyond it, and by nothing that it hides.
    """

    is_old: bool = False
    department: str = ""
    number: str = ""
    why: str = ""
    q: str = ""
    mine: int | None = None
    sight: CallVisibility = EVERYTHING


@dataclass(frozen=True, slots=True)
class Page:
    rows: list
    has_before: bool
    has_after: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """How many wait of each combination that there is."""

    department: str
    number: str
    why: str
    count: int


def callers(wanted: CallbackFilter, *, after: str = "", before: str = "") -> Page:
    """The longest waiting first, after or before a row that is named by `place`. A place that is none begins anew."""
    rows = _filtered(wanted)
    if (start := _place(before)) is not None:
        at, pk = start
        rows = rows.filter(first_at__lte=at).filter(Q(first_at__lt=at) | Q(pk__lt=pk))
        found = list(rows.order_by("-first_at", "-pk")[: PER_PAGE + 1])
        return Page(found[:PER_PAGE][::-1], len(found) > PER_PAGE, True)
    start = _place(after)
    if start is not None:
        at, pk = start
        # Said twice, because only the first half is a range of the index.
        rows = rows.filter(first_at__gte=at).filter(Q(first_at__gt=at) | Q(pk__gt=pk))
    found = list(rows.order_by("first_at", "pk")[: PER_PAGE + 1])
    return Page(found[:PER_PAGE], start is not None, len(found) > PER_PAGE)


def place(row: MissedCaller) -> str:
    return f"{row.first_at.isoformat()}~{row.pk}"


def closings(sight: CallVisibility = EVERYTHING, *, after: str = "", before: str = "") -> Page:
    """What people closed, newest first; `after` and `before` are ids."""
    rows = CallbackEntry.objects.filter(sight.condition(), until__isnull=False).select_related("undone_by")
    if _is_id(before):
        found = list(rows.filter(pk__gt=int(before)).order_by("pk")[: PER_PAGE + 1])
        return Page(found[:PER_PAGE][::-1], len(found) > PER_PAGE, True)
    if _is_id(after):
        rows = rows.filter(pk__lt=int(after))
    found = list(rows.order_by("-pk")[: PER_PAGE + 1])
    return Page(found[:PER_PAGE], _is_id(after), len(found) > PER_PAGE)


def facets(sight: CallVisibility = EVERYTHING, *, is_old: bool) -> list[Facet]:
    """Read off one index, which holds nothing else."""
    by = (
        MissedCaller.objects.filter(sight.condition(), is_old=is_old)
        .order_by()
        .values_list("department", "virtual_number", "why")
    )
    return [Facet(*row) for row in by.annotate(n=Count("*")).order_by("department", "virtual_number", "why")]


def counted(found: Sequence[Facet], wanted: CallbackFilter) -> int | None:
    """How many callers are wanted; None where the facets cannot tell."""
    if wanted.q or wanted.mine is not None:
        return None
    return sum(
        facet.count
        for facet in found
        if wanted.department in ("", facet.department)
        and wanted.number in ("", facet.number)
        and wanted.why in ("", facet.why)
    )


def waiting(sight: CallVisibility = EVERYTHING) -> int:
    """How many wait, counted no further than MOST_COUNTED: for the navigation, on every page."""
    rows = MissedCaller.objects.filter(sight.condition(), is_old=False)
    return rows.order_by()[:MOST_COUNTED].count()


def waiting_in(departments: Collection[str] | None) -> int:
    """How many of these departments wait; of all of them, if it is None."""
    return waiting(
        CallVisibility(
            sees_numbers=False, departments=None if departments is None else frozenset(departments)
        )
    )


def hidden(sight: CallVisibility = EVERYTHING) -> int:
    """Calls of the last days that did not get through and named nobody to call back; no further than MOST_COUNTED."""
    calls = sight.calls().filter(caller__in=HIDDEN, started_at__gte=oldest_waiting())
    return calls.exclude(status=CallLog.Status.ANSWERED).order_by()[:MOST_COUNTED].count()


def _filtered(wanted: CallbackFilter) -> QuerySet[MissedCaller]:
    rows = MissedCaller.objects.filter(wanted.sight.condition(), is_old=wanted.is_old)
    if wanted.department:
        rows = rows.filter(department=wanted.department)
    if wanted.number:
        rows = rows.filter(virtual_number=wanted.number)
    if wanted.why:
        rows = rows.filter(why=wanted.why)
    if wanted.q:
        rows = _searched(rows, wanted)
    if wanted.mine is not None:
        held = CallbackClaim.objects.filter(person_id=wanted.mine, expires_at__gt=Now())
        rows = rows.filter(caller__in=held.values("caller"))
    return rows


def _searched(rows: QuerySet[MissedCaller], wanted: CallbackFilter) -> QuerySet[MissedCaller]:
    if not wanted.sight.sees_numbers:
        by_look = search.match_masks(search.masks(wanted.q))
        return rows.none() if by_look is None else rows.filter(by_look)
    number = to_e164(wanted.q)
    digits = "".join(sign for sign in wanted.q if sign.isdigit())
    return rows.filter(caller=number) if number else rows.filter(caller__contains=digits)


def _place(text: str) -> tuple[dt.datetime, int] | None:
    at, tilde, pk = text.partition("~")
    try:
        moment = parse_datetime(at.replace(" ", "+")) if tilde else None
    except ValueError:
        return None
    if moment is None or not moment.tzinfo or not 2000 <= moment.year <= 2100 or not _is_id(pk):
        return None
    return moment, int(pk)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
