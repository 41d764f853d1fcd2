"""One page of calls, newest first: in bounded time, however many calls there are and whatever is asked.

A page is found by the call at its edge, never by its number, so the last page costs what the first one does. Three
steps, each with a limit:

1. Walk from the edge until the page is full, but past WALK calls at most. Any usual filter ends here.
2. What is rarer is gathered through the indexes of its fields, and then sorted.
3. What no index finds in time is told as it is: this far we have looked, and there is a link to look further, by
   longer walks.
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
from calllogs.calls.count_estimates import UNKNOWN, Count
from calllogs.calls.filters import CallFilter
from calllogs.models import CallLog
from ivrportal.common.query_timeout import QueryTimeout, query_timeout

PER_PAGE = 50
WALK = {"postgresql": 50_000, "sqlite": 20_000}
GATHER_MS = 120
FAR = {"postgresql": 150_000, "sqlite": 60_000}
NEWEST, OLDEST = "newest", "oldest"
_SIDES = {"older": (True, False), "newer": (False, False), "before": (True, True), "after": (False, True)}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class PageCursor:
    """Where a page begins: at an end, or beside a call. `is_down`: from there towards older calls."""

    is_down: bool = True
    at: dt.datetime | None = None
    pk: int = 0
    is_far: bool = False  # what is asked was looked for in vain, and the walk goes on with longer steps

    def __str__(self) -> str:
        """As in an address: `newest`, `oldest`, `older.1794117600000000.12`, `newer.…`; `place_of` reads it."""
        if self.at is None:
            return NEWEST if self.is_down else OLDEST
        side = next(side for side, way in _SIDES.items() if way == (self.is_down, self.is_far))
        return f"{side}.{(self.at - _EPOCH) // _MICROSECOND}.{self.pk}"


@dataclass(frozen=True, slots=True)
class Page:
    """`newer` and `older` are None where there is nothing. `stopped_at`: so far was looked, the page may miss calls."""

    calls: list[CallLog]
    newer: PageCursor | None
    older: PageCursor | None
    count: Count = UNKNOWN
    stopped_at: dt.datetime | None = None


def cursor_from(text: str) -> PageCursor | None:
    """What `str(place)` wrote; None for what it cannot have written."""
    side, _dot, rest = text.partition(".")
    if text in ("", NEWEST, OLDEST):
        return PageCursor(is_down=text != OLDEST)
    moment, _dot, pk = rest.partition(".")
    if side not in _SIDES or not (_is_number(moment) and _is_number(pk)):
        return None
    try:
        at = _EPOCH + dt.timedelta(microseconds=int(moment))
    except OverflowError:
        return None
    is_down, is_far = _SIDES[side]
    return PageCursor(is_down, at, min(int(pk), _LARGEST_ID), is_far)


def read(wanted: CallFilter, place: PageCursor, *, now: dt.datetime | None = None) -> Page:
    """The calls of a page, the newest first, and how many are meant in all."""
    office = wanted.office_condition(now=now)
    meant, beyond, period = wanted.condition(now=now, office=office), _beyond(place), _only_period(wanted)
    if period == wanted:
        page = _page(_in_order(meant & beyond, place.is_down), place)
        return _counted(page, lambda: count_estimates.of_period(meant))
    edge = CallLog.objects.filter(period.condition(now=now) & beyond).order_by(*_order(place.is_down))
    steps = (FAR if place.is_far else WALK)[connection.vendor]
    walked = _walked(meant, edge[:steps])
    if len(walked) > PER_PAGE:
        return _counted(_page(walked, place), lambda: count_estimates.of_many(meant))
    page = _page(walked, place)
    reached = list(edge.values_list("started_at", "pk")[steps - 1 : steps + 1])
    if len(reached) < 2:  # there was nothing beyond the walk
        return _counted(page, lambda: count_estimates.of_few(meant))
    if place.is_far:
        return _stopped(page, place, *reached[0])
    few = meant
    if connection.vendor == "sqlite":
        few = wanted.condition(now=now, office=office, by_index=True)
    try:
        with query_timeout(GATHER_MS):
            found, number = _gathered(few, beyond, place.is_down)
        return replace(_page(found, place), count=Count(number, is_exact=True))
    except QueryTimeout:
        return _stopped(page, place, *reached[0])


# --- steps -------------------------------------------------------------------------------------------------


def _in_order(meant: Q, is_down: bool) -> list[CallLog]:
    """A page and one call more, which says that there is another page."""
    return list(CallLog.objects.filter(meant).order_by(*_order(is_down))[: PER_PAGE + 1])


def _walked(meant: Q, edge: QuerySet[CallLog]) -> list[CallLog]:
    """The calls among those of the edge. The walk is laid under the filter, so that no planner can leave it."""
    table = connection.ops.quote_name(CallLog._meta.db_table)
    under, first = count_estimates.sql_of(edge)
    sql, parameters = count_estimates.sql_of(CallLog.objects.filter(meant).order_by())
    sql = sql.replace(f"FROM {table}", f"FROM ({under}) AS {table}", 1)
    return list(CallLog.objects.raw(f"{sql} LIMIT {PER_PAGE + 1}", [*first, *parameters]))


def _gathered(meant: Q, beyond: Q, is_down: bool) -> tuple[list[CallLog], int]:
    """The same by whatever index finds the calls, and how many there are on all pages.

    Sorted by what no index holds: the planner must not bet on meeting the calls on the walk.
    """
    moment = ExpressionWrapper(F("started_at") + dt.timedelta(0), output_field=DateTimeField())
    order = (moment.desc(), F("id").desc()) if is_down else (moment.asc(), F("id").asc())
    if connection.vendor == "sqlite":  # which reads a narrow index through sooner than the table
        meant = Q(pk__in=CallLog.objects.filter(meant).order_by().values("pk"))
    whole = CallLog.objects.filter(meant).annotate(
        number_of_all=Window(CountOf("*")),
        is_before=Case(When(beyond, then=0), default=1) if beyond else Value(0),
    )
    found = list(whole.order_by("is_before", *order)[: PER_PAGE + 1])
    return [call for call in found if not call.is_before], found[0].number_of_all if found else 0


def _page(found: list[CallLog], place: PageCursor) -> Page:
    """`found` in the order of the way from the place."""
    has_more, calls = len(found) > PER_PAGE, found[:PER_PAGE]
    if not calls:
        beside = None if place.at is None else PageCursor(not place.is_down)
        return Page([], *((beside, None) if place.is_down else (None, beside)))
    calls = calls if place.is_down else calls[::-1]
    newer, older = (
        PageCursor(is_down, end.started_at, end.pk) for is_down, end in ((False, calls[0]), (True, calls[-1]))
    )
    is_ahead, is_behind = has_more, place.at is not None
    if place.is_down:
        return Page(calls, newer if is_behind else None, older if is_ahead else None)
    return Page(calls, newer if is_ahead else None, older if is_behind else None)


def _stopped(page: Page, place: PageCursor, reached: dt.datetime, pk: int) -> Page:
    """What the walk has found, and from where it can go on."""
    further = PageCursor(place.is_down, reached, pk, is_far=True)
    if place.is_down:
        return replace(page, stopped_at=reached, older=further)
    return replace(page, stopped_at=reached, newer=further)


def _beyond(place: PageCursor) -> Q:
    if place.at is None:
        return Q()
    if place.is_down:
        return Q(started_at__lte=place.at) & (Q(started_at__lt=place.at) | Q(pk__lt=place.pk))
    return Q(started_at__gte=place.at) & (Q(started_at__gt=place.at) | Q(pk__gt=place.pk))


def _order(is_down: bool) -> tuple[str, str]:
    return ("-started_at", "-id") if is_down else ("started_at", "id")


def _only_period(wanted: CallFilter) -> CallFilter:
    """As far as it asks for nothing but moments: these are one after the other in the index."""
    moments = ("period", "date_from", "date_to", "weekday", "hour")
    return CallFilter(**{name: getattr(wanted, name) for name in moments})


def _counted(page: Page, otherwise: Callable[[], Count]) -> Page:
    """Nothing has to be counted where everything is on one page."""
    is_all = page.newer is None and page.older is None
    return replace(page, count=Count(len(page.calls), is_exact=True) if is_all else otherwise())


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
