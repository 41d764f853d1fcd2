"""Pagination: every call appears exactly once, whichever step found it."""

import datetime as dt
import random

import pytest
from django.db import connection
from django.db.models import Q
from django.http import QueryDict

from calllogs.calls import count_estimates, pagination
from calllogs.calls.filters import CallFilter, from_query
from calllogs.calls.pagination import PageCursor, parse_cursor
from calllogs.models import CallLog
from ivrportal.common.query_timeout import QueryTimeout, query_timeout

NOW = dt.datetime(2026, 11, 8, 6, 0, tzinfo=dt.UTC)
QUERIES = (
    "",
    "period=7d",
    "status=MISSED",
    "circle=Delhi",
    "circle=Goa",
    "q=77",
    "office=in&recording=with",
    "talk_from=60",
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls():
    chance = random.Random(3)
    CallLog.objects.bulk_create(
        CallLog(
            call_id=str(number),
            caller=f"+9198000{chance.randrange(100_000):05d}",
            # several start in the same second
            started_at=NOW - dt.timedelta(hours=chance.randrange(200)),
            status=chance.choice(["MISSED", "ANSWERED", "ANSWERED"]),
            circle="Delhi" if number % 31 == 0 else "Kerala",
            talk_seconds=chance.choice([None, 30, 90]),
            recording_url=chance.choice(["", "https://recordings.example.com/1.mp3"]),
            received_at=NOW,
            told_at=NOW,
            updated_at=NOW,
        )
        for number in range(230)
    )


def use_small_pages(monkeypatch, *, is_slow=False):
    monkeypatch.setattr(pagination, "PER_PAGE", 7)
    for length, name in ((20, "WALK"), (50, "EXTENDED_WALK")):
        monkeypatch.setattr(pagination, name, dict.fromkeys(("postgresql", "sqlite"), length))
    if is_slow:

        def time_out(*_arguments):
            raise QueryTimeout

        monkeypatch.setattr(pagination, "_load_by_index", time_out)


def walk(call_filter, cursor, direction):
    """The ids on all pages from the cursor on."""
    found = []
    for _page in range(100):
        page = pagination.load_page(call_filter, parse_cursor(str(cursor)), now=NOW)
        found += [call.pk for call in (page.calls if direction == "older" else page.calls[::-1])]
        cursor = getattr(page, direction)
        if cursor is None:
            return found
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("is_slow", [False, True])
def test_pages_in_both_directions_hold_every_call_once_and_in_order(calls, monkeypatch, is_slow):
    use_small_pages(monkeypatch, is_slow=is_slow)
    for query in QUERIES:
        call_filter = from_query(QueryDict(query))
        expected = list(
            call_filter.apply(CallLog.objects.order_by("-started_at", "-pk"), now=NOW).values_list(
                "pk", flat=True
            )
        )
        assert walk(call_filter, PageCursor(), "older") == expected, query
        assert walk(call_filter, PageCursor(is_towards_older=False), "newer") == expected[::-1], query


def test_going_back_leads_to_the_same_page(calls, monkeypatch):
    use_small_pages(monkeypatch)
    for query in ("", "status=MISSED"):
        call_filter = from_query(QueryDict(query))
        first = pagination.load_page(call_filter, PageCursor(), now=NOW)
        second = pagination.load_page(call_filter, first.older, now=NOW)
        assert pagination.load_page(call_filter, second.newer, now=NOW).calls == first.calls
        assert first.newer is None


def test_a_search_that_takes_too_long_returns_an_incomplete_page(calls, monkeypatch):
    use_small_pages(monkeypatch, is_slow=True)
    page = pagination.load_page(CallFilter(circles=("Goa",)), PageCursor(), now=NOW)
    assert page.calls == []
    assert page.stopped_at == CallLog.objects.order_by("-started_at", "-pk")[19].started_at
    assert page.older.is_extended
    assert page.count == count_estimates.UNKNOWN_COUNT


def test_counts_are_exact_where_they_can_be(calls, monkeypatch):
    use_small_pages(monkeypatch)
    for query in QUERIES:
        call_filter = from_query(QueryDict(query))
        count = pagination.load_page(call_filter, PageCursor(), now=NOW).count
        assert count.is_exact
        assert count.number == call_filter.apply(CallLog.objects.all(), now=NOW).count(), query


def test_a_large_count_is_estimated_from_a_sample(calls, monkeypatch):
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE calllogs_calllog")
    monkeypatch.setattr(count_estimates, "COUNT_LIMIT", 10)
    count = count_estimates.count_frequent(Q(status="ANSWERED"))
    assert count.is_estimate
    exact = CallLog.objects.filter(status="ANSWERED").count()
    assert exact / 2 < count.number < exact * 2


def test_an_invalid_cursor_is_none():
    for text in (
        "x",
        "older",
        "older.1",
        "older.1.x",
        "older.-1.1",
        "older.99999999999999999999.1",
        "sideways.1.1",
        "newer.²1.1",
    ):
        assert parse_cursor(text) is None, text


def test_a_cursor_beyond_all_calls_has_a_newer_page(calls):
    page = pagination.load_page(CallFilter(), parse_cursor("older.1000000.1"), now=NOW)
    assert (page.calls, page.older) == ([], None)
    assert page.newer is not None


@pytest.mark.django_db(transaction=True)
def test_a_query_is_stopped_in_time_and_the_next_one_is_not():
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)"
    sql = f"{numbers} SELECT max(i) FROM n" if connection.vendor == "sqlite" else "SELECT pg_sleep(60)"
    with pytest.raises(QueryTimeout), query_timeout(50), connection.cursor() as cursor:
        cursor.execute(sql)
    with query_timeout(5_000):
        assert CallLog.objects.count() == 0
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("0",)


def test_the_conditions_use_the_indexes():
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    for query, index in {
        "q=98123": "call_caller",
        "q=54321": "call_last_digits",
        "status=OTHER&agent=-&department=Sales&recording=with": "call_facets",
    }.items():
        plan = from_query(QueryDict(query)).apply(CallLog.objects.order_by()).explain()
        assert index in plan, query
    assert any("Index Cond" in line and "CASE" in line for line in plan.splitlines())
