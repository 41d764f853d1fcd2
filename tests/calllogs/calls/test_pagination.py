"""Pages of calls: nothing is left out and nothing comes twice, on whichever way they were found."""

import datetime as dt
import random

import pytest
from django.db import connection
from django.db.models import Q
from django.http import QueryDict

from calllogs.calls import count_estimates, pagination
from calllogs.calls.filters import CallFilter, from_query
from calllogs.calls.pagination import PageCursor, cursor_from
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
            # several begin in the same second
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


def small(monkeypatch, *, is_slow=False):
    monkeypatch.setattr(pagination, "PER_PAGE", 7)
    for steps, name in ((20, "WALK"), (50, "FAR")):
        monkeypatch.setattr(pagination, name, dict.fromkeys(("postgresql", "sqlite"), steps))
    if is_slow:

        def gathered(*_arguments):
            raise QueryTimeout

        monkeypatch.setattr(pagination, "_gathered", gathered)


def walk(wanted, place, way):
    """The ids on all pages from there."""
    found = []
    for _page in range(100):
        page = pagination.read(wanted, cursor_from(str(place)), now=NOW)
        found += [call.pk for call in (page.calls if way == "older" else page.calls[::-1])]
        place = getattr(page, way)
        if place is None:
            return found
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("is_slow", [False, True])
def test_pages_in_both_directions_hold_every_call_once_and_in_order(calls, monkeypatch, is_slow):
    small(monkeypatch, is_slow=is_slow)
    for query in QUERIES:
        wanted = from_query(QueryDict(query))
        expected = list(
            wanted.apply(CallLog.objects.order_by("-started_at", "-pk"), now=NOW).values_list("pk", flat=True)
        )
        assert walk(wanted, PageCursor(), "older") == expected, query
        assert walk(wanted, PageCursor(is_down=False), "newer") == expected[::-1], query


def test_the_way_back_leads_to_the_same_page(calls, monkeypatch):
    small(monkeypatch)
    for query in ("", "status=MISSED"):
        wanted = from_query(QueryDict(query))
        first = pagination.read(wanted, PageCursor(), now=NOW)
        second = pagination.read(wanted, first.older, now=NOW)
        assert pagination.read(wanted, second.newer, now=NOW).calls == first.calls
        assert first.newer is None


def test_a_search_that_takes_too_long_says_how_far_it_came(calls, monkeypatch):
    small(monkeypatch, is_slow=True)
    page = pagination.read(CallFilter(circles=("Goa",)), PageCursor(), now=NOW)
    assert page.calls == []
    assert page.stopped_at == CallLog.objects.order_by("-started_at", "-pk")[19].started_at
    assert page.older.is_far
    assert page.count == count_estimates.UNKNOWN


def test_counts_are_exact_where_they_can_be(calls, monkeypatch):
    small(monkeypatch)
    for query in QUERIES:
        wanted = from_query(QueryDict(query))
        count = pagination.read(wanted, PageCursor(), now=NOW).count
        assert count.is_exact
        assert count.number == wanted.apply(CallLog.objects.all(), now=NOW).count(), query


def test_what_is_not_counted_is_estimated_from_a_sample(calls, monkeypatch):
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE calllogs_calllog")
    monkeypatch.setattr(count_estimates, "COUNTED", 10)
    count = count_estimates.of_many(Q(status="ANSWERED"))
    assert count.is_about
    exact = CallLog.objects.filter(status="ANSWERED").count()
    assert exact / 2 < count.number < exact * 2


def test_an_address_of_no_page_is_none():
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
        assert cursor_from(text) is None, text


def test_a_place_beyond_all_calls_has_a_way_back(calls):
    page = pagination.read(CallFilter(), cursor_from("older.1000000.1"), now=NOW)
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


def test_the_indexes_know_the_conditions():
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
