"""CallFilter: parsing, applying, describing, and writing as a query string."""

import datetime as dt
import random
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.utils import timezone

from calllogs.calls.filters import CallFilter, from_query
from calllogs.models import CallLog
from settings_sync import schedule
from settings_sync.models import Holiday, OfficeHours, OtherHours

NOW = dt.datetime(2026, 11, 8, 6, 0, tzinfo=dt.UTC)  # Sunday, 11:30 in India


def parse(query: str) -> CallFilter:
    return from_query(QueryDict(query))


def make(call_id: str, **fields: object) -> CallLog:
    at = {"started_at": NOW, "received_at": NOW, "told_at": NOW, "updated_at": NOW, "status": "MISSED"}
    return CallLog.objects.create(call_id=call_id, **(at | fields))


def ids(query: str) -> list[str]:
    call_filter = parse(query)
    return sorted(call_filter.apply(CallLog.objects.all(), now=NOW).values_list("call_id", flat=True))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "period=7d",
        "period=custom&from=2026-11-01&to=2026-11-08",
        "from=2026-11-08&to=2026-11-01",
        "status=MISSED&status=DROPPED&agent=98765+43210&agent=-&department=R%26D&number=9800200001&circle=Delhi",
        "weekday=Monday&hour=0",
        "office=out&recording=with&talk_from=1:30&talk_to=600&q=98123",
        "q=%2B91+98123%20%2045678&unknown=1",
    ],
)
def test_a_filter_survives_the_round_trip_through_its_query_string(query):
    call_filter = parse(query)
    assert parse(call_filter.query()) == call_filter
    assert parse(call_filter.query()).query() == call_filter.query()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("period=someday", "period “someday”"),
        ("from=2026-02-30", "first day “2026-02-30”"),
        ("to=1", "last day “1”"),
        ("from=2026-11-08&to=2026-11-01", "ends before it begins"),
        ("status=LOST", "status “LOST”"),
        ("department=%00", "department “\ufffd”"),
        ("circle=" + "x" * 101, "circle “xxx"),
        ("hour=24", "hour “24”"),
        ("weekday=monday", "weekday “monday”"),
        ("office=maybe", "office hours “maybe”"),
        ("talk_from=long", "shortest talk “long”"),
        ("talk_to=1:2:3:4", "longest talk “1:2:3:4”"),
        ("talk_to=" + "9" * 5000, "longest talk “999"),
        ("talk_from=60&talk_to=30", "shorter than the shortest"),
        ("q=" + "9" * 10_000, "at most 128"),
        ("&".join(f"agent={number}" for number in range(60)), "More than 50"),
    ],
)
def test_an_invalid_value_is_reported_in_one_sentence(query, message):
    problems = parse(query).problems
    assert len(problems) == 1
    assert message in problems[0]
    assert len(problems[0]) < 250


def test_from_query_takes_any_mapping_of_lists():
    assert from_query({"status": ["MISSED"], "q": ["98"]}) == parse("status=MISSED&q=98")


@pytest.mark.django_db
def test_a_filter_is_described_in_one_line():
    descriptions = {
        "": "all calls",
        "period=today": "8 Nov 2026",
        "period=yesterday": "7 Nov 2026",
        "period=7d&status=MISSED&department=Sales": "2 to 8 Nov 2026, missed, Sales",
        "period=month": "1 to 8 Nov 2026",
        "period=30d": "10 Oct to 8 Nov 2026",
        "from=2025-12-30&to=2026-01-02": "30 Dec 2025 to 2 Jan 2026",
        "from=2026-11-01": "since 1 Nov 2026",
        "status=MISSED&status=DROPPED&agent=-": "missed or dropped, no agent",
        "office=out&recording=without": "outside office hours as set today, without a recording",
        "weekday=Monday&hour=9": "on Mondays, from 09:00 to 10:00",
        "talk_from=90&talk_to=600": "talk of 1:30 to 10:00 min",
        "number=9800200001&q=98123": "called 98002 00001, “98123”",
    }
    assert {query: parse(query).describe(now=NOW) for query in descriptions} == descriptions


@pytest.mark.django_db
def test_periods_begin_and_end_at_the_portal_s_midnight():
    day = dt.datetime(2026, 11, 8, tzinfo=ZoneInfo("Asia/Kolkata"))
    second = dt.timedelta(seconds=1)
    for name, at in {
        "first of today": day, "last of yesterday": day - second, "last of today": day + dt.timedelta(days=1) - second,
        "tomorrow": day + dt.timedelta(days=1), "first of 7": day - dt.timedelta(days=6),
        "before 7": day - dt.timedelta(days=6) - second,
    }.items():  # fmt: skip
        make(name, started_at=at)
    assert ids("period=today") == ["first of today", "last of today"]
    assert ids("period=yesterday") == ["last of yesterday"]
    assert ids("period=7d") == ["first of 7", "first of today", "last of today", "last of yesterday"]
    assert ids("from=2026-11-02&to=2026-11-07") == ["first of 7", "last of yesterday"]
    assert ids("to=2026-11-01") == ["before 7"]
    assert ids("from=2026-11-08&to=2026-11-01") == []


@pytest.mark.django_db
def test_conditions_are_combined_with_and_and_values_with_or():
    make(
        "a",
        status="ANSWERED",
        agent_number="+919800100001",
        department="Sales",
        talk_seconds=90,
        recording_url="x",
    )
    make("b", department="Sales", circle="Delhi", virtual_number="+919800200001")
    make("c", status="DROPPED", department="", circle="Kerala", virtual_number="180012")
    found = {
        "status=MISSED": "b", "status=MISSED&status=DROPPED": "bc", "agent=98001+00001": "a", "agent=-": "bc",
        "department=Sales": "ab", "department=Sales&circle=Delhi": "b", "department=-": "c", "circle=Delhi": "b",
        "number=9800200001&number=180012": "bc", "recording=with": "a", "recording=without": "bc",
        "talk_from=90": "a", "talk_from=91": "", "talk_to=1:30": "a", "talk_to=89": "", "circle=Goa": "",
    }  # fmt: skip
    assert {query: "".join(ids(query)) for query in found} == found


@pytest.mark.django_db
def test_a_number_is_found_in_any_spelling_by_its_beginning_and_by_its_end():
    make("id-1", caller="+919812345678")
    make("id-2", caller="+919899945670")
    make("45678", caller="+442071838750")
    make("id-4", caller="18001")
    make("id-5", caller="Anonymous")
    make("id-6", caller="+918000101234")
    found = {
        "98123 45678": ["id-1"], "09812345678": ["id-1"], "+91-98123-45678": ["id-1"], "919812345678": ["id-1"],
        "98123": ["id-1"], "098 123": ["id-1"], "+91 981": ["id-1"], "91981": ["id-1"], "0091981": ["id-1"],
        "981": ["id-1"], "98": ["id-1", "id-2"], "01234": ["id-6"], "45678": ["45678", "id-1"], "5670": ["id-2"],
        "+44": ["45678"],
        "44207": ["45678"], "1800": ["id-4"], "Anon": ["id-5"], "id-2": ["id-2"], "anon": [], "+5678": [], "%": [],
    }  # fmt: skip
    assert {
        text: ids("q=" + text.replace("+", "%2B").replace("%", "%25", text == "%")) for text in found
    } == found


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Europe/Berlin"])
@pytest.mark.parametrize("is_always_open", [False, True])
def test_the_office_hours_filter_agrees_with_the_schedule(settings, zone, is_always_open):
    settings.TIME_ZONE = zone
    chance = random.Random(7)
    start = dt.datetime(2026, 10, 12, tzinfo=dt.UTC)  # Berlin's clocks go back on the 25th
    if not is_always_open:
        for day in ("Monday", "Tuesday", "Wednesday", "Saturday"):
            OfficeHours.objects.create(day=day, opens_at=dt.time(9, 30), closes_at=dt.time(18, 15))
        OfficeHours.objects.create(day="Friday", opens_at=dt.time(0), closes_at=dt.time(23, 59))
    for name, at in (("x", 14), ("y", 20), ("z", 26)):
        Holiday.objects.create(date=dt.date(2026, 10, at), name=name)
    for at in (15, 20, 27):
        OtherHours.objects.create(date=dt.date(2026, 10, at), opens_at=dt.time(7), closes_at=dt.time(11, 45))
    moments = [start + dt.timedelta(seconds=chance.randrange(20 * 24 * 3600)) for _ in range(300)]
    for hour, minute in product((4, 7, 8, 12, 16, 17, 18, 22), (0, 14, 15, 30, 44, 45, 59)):
        moments.append(start + dt.timedelta(days=chance.randrange(20), hours=hour, minutes=minute))
    CallLog.objects.bulk_create(
        CallLog(call_id=str(at), started_at=at, received_at=at, told_at=at, updated_at=at)
        for at in set(moments)
    )
    plans = {plan.date: plan for plan in schedule.plan_days(dt.date(2026, 10, 10), 30)}
    for query, first, last in (("", None, None), ("&from=2026-10-15&to=2026-10-26", 15, 26)):
        expected: dict[str, set[str]] = {"in": set(), "out": set()}
        for at in moments:
            local = timezone.localtime(at)
            if first is None or first <= local.day <= last:
                is_open = (
                    schedule.answer_for(plans[local.date()], local.time()).caller_hears
                    == schedule.CallerHears.OPEN
                )
                expected["in" if is_open else "out"].add(str(at))
        for office in ("in", "out"):
            assert set(ids(f"office={office}{query}")) == expected[office]


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Europe/Berlin"])
def test_hour_and_weekday_are_in_the_portal_zone(settings, zone):
    """Both with one time range per day and with the map of the week."""
    settings.TIME_ZONE = zone
    start = dt.datetime(2026, 10, 12, tzinfo=dt.UTC)  # Berlin's clocks go back on the 25th
    moments = [start + dt.timedelta(minutes=17 * number) for number in range(1500)]
    CallLog.objects.bulk_create(
        CallLog(call_id=str(at), started_at=at, received_at=at, told_at=at, updated_at=at) for at in moments
    )
    for query, weekday, hour in [
        ("hour=2", None, 2),
        ("weekday=Sunday", 6, None),
        ("weekday=Sunday&hour=23", 6, 23),
    ]:
        expected = [
            str(at)
            for at in moments
            if weekday in (None, timezone.localtime(at).weekday())
            and hour in (None, timezone.localtime(at).hour)
        ]
        assert ids(query) == sorted(expected)
        assert ids(f"{query}&from=2026-10-11&to=2026-11-03") == sorted(expected)
