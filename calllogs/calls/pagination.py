"""Keyset pagination of calls, newest first, in bounded time for any filter and any number of calls.

A page starts beside a call, not at a number, so the last page costs as much as the first. There are three steps, each
with a limit:

1. Walk from the cursor until the page is full, over at most WALK calls. This suffices for common filters.
2. Find rare matches through the indexes of their fields, and sort them, within INDEX_LOOKUP_MS.
3. If that takes too long, return the page as incomplete (`stopped_at`) with a cursor that continues by longer walks.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace

from django.db import connection
from django.db.models import (
    Case,
    DateTimeField,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    Value,
    When,
    Window,
)
from django.db.models import Count as CountOf

from calllogs.calls import count_estimates
from calllogs.calls.count_estimates import UNKNOWN_COUNT, EstimatedCount
from calllogs.calls.filters import CallFilter
from calllogs.models import CallLog
from ivrportal.common.query_timeout import QueryTimeout, query_timeout

PER_PAGE = 50
WALK = {"postgresql": 50_000, "sqlite": 20_000}
INDEX_LOOKUP_MS = 120
EXTENDED_WALK = {"postgresql": 150_000, "sqlite": 60_000}
NEWEST, OLDEST = "newest", "oldest"
_DIRECTIONS = {
    "older": (True, False),
    "newer": (False, False),
    "before": (True, True),
    "after": (False, True),
}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class PageCursor:
    """Start of a page: at either end of the list, or beside the call (`at`, `pk`)."""

    is_towards_older: bool = True
    at: dt.datetime | None = None
    pk: int = 0
    is_extended: bool = False  # continues an unfinished search by longer walks

    def __str__(self) -> str:
        """The cursor as a query parameter: `newest`, `oldest`, `older.1794117600000000.12`; see `parse_cursor`."""
        if self.at is None:
            return NEWEST if self.is_towards_older else OLDEST
        side = next(
            side for side, flags in _DIRECTIONS.items() if flags == (self.is_towards_older, self.is_extended)
        )
        return f"{side}.{(self.at - _EPOCH) // _MICROSECOND}.{self.pk}"


@dataclass(frozen=True, slots=True)
class CallPage:
    """`newer` and `older` are the neighbouring pages, or None.

    `stopped_at`: the search ended at this start time, and the page may lack calls.
    """

    calls: list[CallLog]
    newer: PageCursor | None
    older: PageCursor | None
    count: EstimatedCount = UNKNOWN_COUNT
    stopped_at: dt.datetime | None = None


def parse_cursor(text: str) -> PageCursor | None:
    """Parse the output of `str(cursor)`; None if the text is invalid."""
    side, _dot, rest = text.partition(".")
    if text in ("", NEWEST, OLDEST):
        return PageCursor(is_towards_older=text != OLDEST)
    moment, _dot, pk = rest.partition(".")
    if side not in _DIRECTIONS or not (_is_number(moment) and _is_number(pk)):
        return None
    try:
        at = _EPOCH + dt.timedelta(microseconds=int(moment))
    except OverflowError:
        return None
    is_towards_older, is_extended = _DIRECTIONS[side]
    return PageCursor(is_towards_older, at, min(int(pk), _LARGEST_ID), is_extended)


def load_page(call_filter: CallFilter, cursor: PageCursor, *, now: dt.datetime | None = None) -> CallPage:
    """Load a page of calls, newest first, and the total count of the filter."""
    office = call_filter.office_condition(now=now)
    condition, beyond = call_filter.condition(now=now, office=office), _beyond_condition(cursor)
    time_part = _time_part(call_filter)
    if time_part == call_filter:
        page = _build_page(_load_in_order(condition & beyond, cursor.is_towards_older), cursor)
        return _with_count(page, lambda: count_estimates.count_in_period(condition))
    walk = CallLog.objects.filter(time_part.condition(now=now) & beyond).order_by(
        *_ordering(cursor.is_towards_older)
    )
    walk_length = (EXTENDED_WALK if cursor.is_extended else WALK)[connection.vendor]
    walked = _load_by_walk(condition, walk[:walk_length])
    if len(walked) > PER_PAGE:
        return _with_count(_build_page(walked, cursor), lambda: count_estimates.count_frequent(condition))
    page = _build_page(walked, cursor)
    reached = list(walk.values_list("started_at", "pk")[walk_length - 1 : walk_length + 1])
    if len(reached) < 2:  # the walk reached the last call
        return _with_count(page, lambda: count_estimates.count_rare(condition))
    if cursor.is_extended:
        return _mark_stopped(page, cursor, *reached[0])
    lookup_condition = condition
    if connection.vendor == "sqlite":
        lookup_condition = call_filter.condition(now=now, office=office, by_index=True)
    try:
        with query_timeout(INDEX_LOOKUP_MS):
            found, number = _load_by_index(lookup_condition, beyond, cursor.is_towards_older)
        return replace(_build_page(found, cursor), count=EstimatedCount(number, is_exact=True))
    except QueryTimeout:
        return _mark_stopped(page, cursor, *reached[0])


# --- steps -------------------------------------------------------------------------------------------------


def _load_in_order(condition: Q, is_towards_older: bool) -> list[CallLog]:
    """Load a page and one more call, which shows that there is another page."""
    return list(CallLog.objects.filter(condition).order_by(*_ordering(is_towards_older))[: PER_PAGE + 1])


def _load_by_walk(condition: Q, walk: QuerySet[CallLog]) -> list[CallLog]:
    """Load the matches within the walk. The walk is a subquery, so that the planner cannot choose another path."""
    table = connection.ops.quote_name(CallLog._meta.db_table)
    walk_sql, walk_parameters = count_estimates.compile_sql(walk)
    sql, parameters = count_estimates.compile_sql(CallLog.objects.filter(condition).order_by())
    sql = sql.replace(f"FROM {table}", f"FROM ({walk_sql}) AS {table}", 1)
    return list(CallLog.objects.raw(f"{sql} LIMIT {PER_PAGE + 1}", [*walk_parameters, *parameters]))


def _load_by_index(condition: Q, beyond: Q, is_towards_older: bool) -> tuple[list[CallLog], int]:
    """Load the page through any index, and the number of calls on all pages.

    The sort expression matches no index, so that the planner does not scan by start time in the hope of early matches.
    """
    moment = ExpressionWrapper(F("started_at") + dt.timedelta(0), output_field=DateTimeField())
    order = (moment.desc(), F("id").desc()) if is_towards_older else (moment.asc(), F("id").asc())
    if connection.vendor == "sqlite":  # it scans a narrow index faster than the table
        condition = Q(pk__in=CallLog.objects.filter(condition).order_by().values("pk"))
    matches = CallLog.objects.filter(condition).annotate(
        total_count=Window(CountOf("*")),
        is_before=Case(When(beyond, then=0), default=1) if beyond else Value(0),
    )
    found = list(matches.order_by("is_before", *order)[: PER_PAGE + 1])
    return [call for call in found if not call.is_before], found[0].total_count if found else 0


def _build_page(found: list[CallLog], cursor: PageCursor) -> CallPage:
    """Build a page from `found`, which is ordered by distance from the cursor."""
    has_more, calls = len(found) > PER_PAGE, found[:PER_PAGE]
    if not calls:
        beside = None if cursor.at is None else PageCursor(not cursor.is_towards_older)
        return CallPage([], *((beside, None) if cursor.is_towards_older else (None, beside)))
    calls = calls if cursor.is_towards_older else calls[::-1]
    newer, older = (
        PageCursor(is_towards_older, end.started_at, end.pk)
        for is_towards_older, end in ((False, calls[0]), (True, calls[-1]))
    )
    is_ahead, is_behind = has_more, cursor.at is not None
    if cursor.is_towards_older:
        return CallPage(calls, newer if is_behind else None, older if is_ahead else None)
    return CallPage(calls, newer if is_ahead else None, older if is_behind else None)


def _mark_stopped(page: CallPage, cursor: PageCursor, reached: dt.datetime, pk: int) -> CallPage:
    """Mark the page as incomplete and let it continue from the last walked call."""
    further = PageCursor(cursor.is_towards_older, reached, pk, is_extended=True)
    if cursor.is_towards_older:
        return replace(page, stopped_at=reached, older=further)
    return replace(page, stopped_at=reached, newer=further)


def _beyond_condition(cursor: PageCursor) -> Q:
    if cursor.at is None:
        return Q()
    if cursor.is_towards_older:
        return Q(started_at__lte=cursor.at) & (Q(started_at__lt=cursor.at) | Q(pk__lt=cursor.pk))
    return Q(started_at__gte=cursor.at) & (Q(started_at__gt=cursor.at) | Q(pk__gt=cursor.pk))


def _ordering(is_towards_older: bool) -> tuple[str, str]:
    return ("-started_at", "-id") if is_towards_older else ("started_at", "id")


def _time_part(call_filter: CallFilter) -> CallFilter:
    """The part of the filter that concerns only the start time, which is contiguous in the index."""
    moments = ("period", "date_from", "date_to", "weekday", "hour")
    return CallFilter(**{name: getattr(call_filter, name) for name in moments})


def _with_count(page: CallPage, count: Callable[[], EstimatedCount]) -> CallPage:
    """Set the count; a single page needs no counting."""
    is_all = page.newer is None and page.older is None
    return replace(page, count=EstimatedCount(len(page.calls), is_exact=True) if is_all else count())


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
