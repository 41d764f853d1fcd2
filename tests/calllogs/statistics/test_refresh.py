"""The stored counts equal a GROUP BY over the calls, whatever the order in which the calls arrive."""

import datetime as dt
import random
from collections import Counter, defaultdict
from itertools import product
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.utils import timezone

from calllogs import tasks
from calllogs.intake import replay
from calllogs.intake import storage as calls_store
from calllogs.intake.envelope import ParsedPush
from calllogs.intake.parser import parse
from calllogs.intake.storage import store
from calllogs.models import CallLog, Push, Rollup, RollupProgress, RollupRecheck, invalidation
from calllogs.privacy import retention
from calllogs.statistics import aggregates, hour_spans, refresh
from calllogs.statistics.aggregates import Period
from calllogs.statistics.counting import COLUMNS, DIMENSION_FIELDS
from tests.calllogs.intake.test_storage import KOLKATA

pytestmark = pytest.mark.django_db
MIDNIGHT = dt.datetime(2026, 10, 31, 18, 30, tzinfo=dt.UTC)  # of 1 November in India
ASHA, RAVI = "+919800100001", "+919800100002"


def call(at, status="ANSWER", *, call_id="", after_s=0.0, **fields):
    """A push of a call that began at `at`."""
    local = at.astimezone(KOLKATA)
    values = {
        "calllogid": call_id or uuid4().hex,
        "callnumber": "9812345678",
        "date": f"{local:%Y-%m-%d}",
        "time": f"{local:%H:%M:%S}",
        "callstatus": status,
    } | fields
    query = "&".join(f"{name}={value}" for name, value in values.items())
    received_at = MIDNIGHT + dt.timedelta(days=2, seconds=after_s)
    return ParsedPush(uuid4().hex, received_at, "127.0.0.1", query, parse(query.encode(), zone=KOLKATA))


def minutes(number):
    return MIDNIGHT + dt.timedelta(minutes=number)


def refresh_all():
    refresh.refresh_for_page()
    while refresh.refresh():
        pass


def stored_counts():
    refresh_all()
    return {row[:4]: row[4:] for row in Rollup.objects.values_list("unit", *COLUMNS)}


def expected_counts(zone=KOLKATA):
    """The expected counts, computed from the calls in plain Python."""
    found = defaultdict(lambda: [0] * 8)
    for one in CallLog.objects.all():
        local = one.started_at.astimezone(zone)
        day = local.replace(hour=0, minute=0, second=0, microsecond=0)
        hour = local.replace(minute=0, second=0, microsecond=0)
        is_answered, has_talk = one.status == "ANSWERED", one.talk_seconds is not None
        values = [("total", ""), *((key, getattr(one, name)) for key, name in DIMENSION_FIELDS.items())]
        for (unit, start), (dimension, value) in product([("day", day), ("hour", hour)], values):
            row = found[unit, dimension, start.astimezone(dt.UTC), value]
            row[["ANSWERED", "MISSED", "DROPPED", "OTHER"].index(one.status)] += 1
            row[4] += one.ivr_seconds or 0
            row[5] += one.ivr_seconds is not None
            row[6] += (one.talk_seconds or 0) if is_answered else 0
            row[7] += is_answered and has_talk
    return {key: tuple(row) for key, row in found.items()}


def test_calls_are_counted_by_hours_of_the_portal_s_time_zone():
    store([
        call(minutes(-1), "MISSED", agentnumber="9800100001"),
        call(minutes(0), callduration="00:01:00"),
        call(minutes(59), "DROPPED"),
        call(minutes(60), "VOICEMAIL"),
    ])  # fmt: skip
    totals = {key[2]: row[:4] for key, row in stored_counts().items() if key[:2] == ("hour", "total")}
    assert totals == {
        minutes(-60): (0, 1, 0, 0),
        minutes(0): (1, 0, 1, 0),
        minutes(60): (0, 0, 0, 1),
    }
    assert stored_counts() == expected_counts()


@pytest.mark.parametrize("seed", range(3))
def test_the_counts_match_the_calls_after_random_events(seed):
    """Calls across midnight and the month's end, repeated, contradicted, spooled, corrected and erased."""
    luck = random.Random(seed)
    late = []
    for step in range(90):
        push = call(
            minutes(luck.randrange(-300, 300)),
            luck.choice(["MISSED", "DROPPED", "ANSWER", "VOICEMAIL", ""]),
            call_id=f"C{luck.randrange(50)}",
            after_s=step * 60,
            department=luck.choice(["", "Sales", "Support"]),
            agentnumber=luck.choice(["", "9800100001", "9800100002"]),
            state=luck.choice(["Kerala", "Delhi", ""]),
            callduration=luck.choice(["", "00:00:40", "00:02:00"]),
        )
        action = luck.random()
        if action < 0.6:
            store([push, *luck.sample(late, min(len(late), 2))])
        elif action < 0.75:
            late.append(push)  # in the spool for a while
        elif action < 0.8:
            corrected = push._replace(call=None, reason="not a date", field="date")
            store([corrected])
            replay.replay()
        elif action < 0.85 and CallLog.objects.exists():
            erased = luck.choice(list(CallLog.objects.all()))
            invalidation.mark_stale(moments=[erased.started_at])
            Push.objects.filter(call=erased).delete()
            erased.delete()
        elif step > 10:
            refresh_all()
    store(late)
    assert stored_counts() == expected_counts()
    assert refresh.rebuild() == 0
    Rollup.objects.all().delete()
    call_command("rebuild_rollups", verbosity=0)
    assert stored_counts() == expected_counts()


def test_a_call_that_moves_to_another_hour_after_it_was_counted_leaves_the_first():
    store([call(minutes(-10), call_id="C1", department="Sales")])
    assert ("hour", "department", minutes(-60), "Sales") in stored_counts()
    store([call(minutes(5), call_id="C1", after_s=5, department="Support")])
    assert stored_counts() == expected_counts()
    assert {key[2] for key in stored_counts()} == {minutes(0)}


def test_a_corrected_old_push_moves_its_call_out_of_a_counted_hour():
    store([call(minutes(-10), call_id="C1")])
    store([call(minutes(5), call_id="C1", after_s=5)._replace(call=None, reason="not a date", field="date")])
    refresh_all()
    assert replay.replay() == (1, 0)
    assert stored_counts() == expected_counts()
    assert {key[2] for key in stored_counts() if key[0] == "hour"} == {minutes(0)}


def test_a_call_that_is_folded_after_its_late_push_was_read_is_counted_again(monkeypatch):
    store([call(minutes(0), call_id="C1", department="Sales")])
    store([call(minutes(0), "MISSED", call_id="C1", after_s=60)])
    fold = calls_store._rebuild_calls

    def read_first(ids):
        refresh_all()
        fold(ids)

    monkeypatch.setattr(calls_store, "_rebuild_calls", read_first)
    store([call(minutes(0), call_id="C1", after_s=30, department="Support")])
    assert ("hour", "department", minutes(0), "Support") in stored_counts()
    assert stored_counts() == expected_counts()


def test_the_nightly_rebuild_repairs_and_counts_calls_changed_without_a_push():
    store([call(minutes(0)), call(minutes(600))])
    refresh_all()
    assert refresh.rebuild() == 0
    CallLog.objects.filter(started_at=minutes(0)).update(circle="Kerala", status="MISSED")
    tasks.rebuild_rollups()
    assert stored_counts() == expected_counts()
    assert (
        RollupProgress.objects.get().repaired == 6 + 6
    )  # of the hour, and of the day: five rows and one that is gone


def test_many_hours_are_counted_in_steps_latest_hours_first():
    store([call(minutes(0))])
    refresh_all()
    store([call(minutes(-60 * number)) for number in range(1, 6)])
    assert refresh.refresh(most_hours=2)
    totals = Rollup.objects.filter(unit="hour", dimension="total").values_list("starts_at", flat=True)
    assert set(totals) == {minutes(0), minutes(-60), minutes(-120)}
    assert RollupRecheck.objects.count() == 3
    assert stored_counts() == expected_counts()
    assert not RollupRecheck.objects.exists()


def test_expired_calls_are_no_longer_counted(settings):
    store([call(minutes(0)), call(minutes(600))])
    refresh_all()
    settings.CALL_RETENTION_DAYS = 1
    CallLog.objects.filter(started_at=minutes(600)).update(started_at=timezone.now())
    retention.delete_old(budget_s=5)
    assert {key[2] for key in stored_counts()}.isdisjoint({minutes(0), minutes(600)})


def test_another_zone_has_other_hours(settings):
    store([call(minutes(-10)), call(minutes(40))])
    refresh_all()
    settings.TIME_ZONE = "Europe/Paris"
    tasks.refresh_rollups()
    assert stored_counts() == expected_counts(ZoneInfo("Europe/Paris"))


@pytest.mark.parametrize(
    ("zone", "day", "lengths"),
    [
        ("Asia/Kolkata", dt.date(2026, 11, 1), {60: 24}),
        ("Asia/Kathmandu", dt.date(2026, 11, 1), {60: 24}),
        ("Europe/Paris", dt.date(2026, 10, 25), {60: 25}),
        ("America/Havana", dt.date(2026, 3, 8), {60: 23}),  # midnight is left out
        ("Australia/Lord_Howe", dt.date(2026, 4, 5), {60: 23, 90: 1}),
        ("Australia/Lord_Howe", dt.date(2026, 10, 4), {60: 22, 90: 1}),
    ],
)
def test_a_day_is_whole_hours_in_every_zone(settings, zone, day, lengths):
    settings.TIME_ZONE = zone
    period = Period.days(day, day)
    found = list(hour_spans.hours_between(period.start, period.end))
    assert found[-1].next == period.end
    sizes = defaultdict(int)
    for hour in found:
        sizes[int((hour.next - hour.first).total_seconds() / 60)] += 1
        moment = hour.first
        while moment < hour.next:
            assert hour_spans.hour_start(moment) == hour.first
            moment += dt.timedelta(minutes=10)
    assert dict(sizes) == lengths


def test_aggregates_match_the_calls_to_the_second():
    luck = random.Random(7)
    numbers = range(-60 * 24 * 9, 60 * 24 * 2)
    store([
        call(minutes(number), luck.choice(["MISSED", "ANSWER", "DROPPED"]), department=luck.choice(["", "Sales"]))
        for number in luck.sample(numbers, 200)
    ])  # fmt: skip
    refresh_all()
    for start, end in [(-600, 600), (-601, 333), (5, 50), (5, 65), (0, 0)]:
        period = Period(minutes(start), minutes(end))
        calls = CallLog.objects.filter(started_at__gte=period.start, started_at__lt=period.end)
        found = aggregates.load_figures(period)
        assert (found.calls, found.missed) == (calls.count(), calls.filter(status="MISSED").count())
        assert sum(bar.calls for bar in aggregates.load_hour_bars(period)) == found.calls
        assert sum(bar.missed for bar in aggregates.load_day_bars(period)) == found.missed
        assert sum(cell.calls for cells in aggregates.load_heatmap(period) for cell in cells) == found.calls
        by = {row.value: row.figures.calls for row in aggregates.load_rows("department", period)}
        assert by == {name: n for name in ("", "Sales") if (n := calls.filter(department=name).count())}
    sunday = aggregates.load_heatmap(Period(MIDNIGHT, minutes(60)))[6][0]
    assert sunday.calls == CallLog.objects.filter(started_at__range=(MIDNIGHT, minutes(59.99))).count()


def test_aggregates_of_some_departments_match_their_calls_to_the_second():
    luck = random.Random(8)
    store([
        call(
            minutes(number) + dt.timedelta(seconds=luck.choice([0, 59])),
            luck.choice(["MISSED", "ANSWER", "DROPPED", "VOICEMAIL"]),
            department=luck.choice(["", "Sales", "Support", "Billing"]),
            agentnumber=luck.choice(["", "9800100001", "9800100002"]),
            number=luck.choice(["9800200001", "9800200002"]),
            state=luck.choice(["", "Kerala", "Delhi"]),
            callduration=luck.choice(["", "00:01:10"]),
            ivrduration=luck.choice(["", "00:00:07"]),
        )
        for number in luck.sample(range(-60 * 24 * 4, 60 * 24 * 2), 300)
    ])  # fmt: skip
    refresh_all()
    edges = [(-1440, 1440), (-600, 600), (-601, 333), (5, 50), (5, 65), (0, 0)]
    for departments, (start, end) in product([["Sales"], ["Billing", "Support"], ["Nobody"]], edges):
        period = Period(minutes(start), minutes(end))
        calls = CallLog.objects.filter(
            started_at__gte=period.start, started_at__lt=period.end, department__in=departments
        )
        found = aggregates.load_figures(period, departments)
        assert (found.calls, found.missed) == (calls.count(), calls.filter(status="MISSED").count())
        waits = calls.exclude(ivr_seconds=None).values_list("ivr_seconds", flat=True)
        assert (found.ivr_seconds, found.ivr_calls) == (sum(waits), len(waits))
        talks = calls.filter(status="ANSWERED", talk_seconds__isnull=False)
        talks = talks.values_list("talk_seconds", flat=True)
        assert (found.talk_seconds, found.talk_calls) == (sum(talks), len(talks))
        assert sum(bar.calls for bar in aggregates.load_hour_bars(period, departments)) == found.calls
        assert sum(bar.missed for bar in aggregates.load_day_bars(period, departments)) == found.missed
        cells = [cell for row in aggregates.load_heatmap(period, departments) for cell in row]
        assert sum(cell.calls for cell in cells) == found.calls
        for dimension, field in DIMENSION_FIELDS.items():
            plain = Counter(calls.values_list(field, flat=True))
            rows = {row.value: row.figures for row in aggregates.load_rows(dimension, period, departments)}
            assert {value: figures.calls for value, figures in rows.items()} == plain
            missed = Counter(calls.filter(status="MISSED").values_list(field, flat=True))
            assert {value: figures.missed for value, figures in rows.items() if figures.missed} == missed


def test_the_curve_of_some_departments_includes_no_other_calls():
    store([call(minutes(-7 * 1440 + 60 * 9), department=name) for name in ("Sales", "Support", "", "Sales")])
    curves = aggregates.load_same_weekdays(dt.date(2026, 11, 1), departments=["Sales"])
    assert [curve.cells[9] for curve in curves] == [(2, 0)]
    assert aggregates.load_same_weekdays(dt.date(2026, 11, 1), departments=["Billing"]) == []


def test_a_period_is_compared_with_a_similar_one():
    now = dt.datetime(2026, 11, 8, 6, 0, tzinfo=dt.UTC)  # 11:30 in India
    today = Period.today(now)
    assert (today.start, today.end) == (MIDNIGHT + dt.timedelta(days=7), MIDNIGHT + dt.timedelta(days=8))
    assert today.before() == Period(MIDNIGHT + dt.timedelta(days=6), now - dt.timedelta(days=1))
    week = Period.last(7, now)
    assert week.first_day == dt.date(2026, 11, 2)
    assert week.before() == Period(week.start - dt.timedelta(days=7), now - dt.timedelta(days=7))
    past = Period.days(dt.date(2026, 10, 1), dt.date(2026, 10, 31), now)
    assert past.before() == Period.days(dt.date(2026, 8, 31), dt.date(2026, 9, 30), now)
    hour = Period(minutes(5), minutes(35), now)
    assert hour.before() == Period(minutes(-25), minutes(5))


def test_the_previous_same_weekdays_include_only_days_with_calls():
    store([call(minutes(60 * 9 - 7 * 24 * 60), "MISSED"), call(minutes(60 * 9 - 14 * 24 * 60))])
    curves = aggregates.load_same_weekdays(dt.date(2026, 11, 1))
    assert [curve.day for curve in curves] == [dt.date(2026, 10, 25), dt.date(2026, 10, 18)]
    assert [curve.cells[9] for curve in curves] == [(1, 1), (1, 0)]
