"""Ends of pauses and edges of shifts: on time, late, across midnight and DST changes, with few queries."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.utils import timezone

from settings_sync import scheduler
from settings_sync.delivery import reconcile, worker
from settings_sync.models import Agent, ProviderSetting, Shift

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

INDIA = ZoneInfo("Asia/Kolkata")
MONDAY = dt.date(2026, 11, 23)


def at(time, *, days=0, zone=INDIA, date=MONDAY):
    return dt.datetime.combine(date + dt.timedelta(days=days), dt.time.fromisoformat(time), zone)


def utc(*parts):
    return dt.datetime(*parts, tzinfo=dt.UTC)


def agent(availability="AVAIL", *, n=0, **values):
    return Agent.objects.create(
        name=f"Agent {n}", number=f"+9198123{45000 + n}", availability=availability, **values
    )


def shift(of, day, starts, ends):
    return Shift.objects.create(
        agent=of, day=day, starts_at=dt.time.fromisoformat(starts), ends_at=dt.time.fromisoformat(ends)
    )


@pytest.fixture
def clerk():
    """An agent with shifts from Monday to Friday, 09:00 to 18:00; the scheduler ran on Monday at 08:00."""
    asha = agent("OFF")
    for day in range(5):
        shift(asha, day, "09:00", "18:00")
    scheduler.apply_due_changes(at("08:00"))
    return asha


def is_on(one):
    one.refresh_from_db()
    return one.availability == "AVAIL"


def switch_manually(one, availability, now):
    one.refresh_from_db()
    one.availability, one.off_until = availability, None
    scheduler.acknowledge_past_edges(one, now)
    one.save()


def reasons(one):
    return list(one.history.order_by("history_id").values_list("availability", "history_change_reason"))


# --- pauses ----------------------------------------------------------------------------------------------
def test_a_pause_ends_on_time_and_not_before():
    asha = agent("OFF", off_until=at("15:00"))
    scheduler.apply_due_changes(at("14:59"))
    assert not is_on(asha)
    scheduler.apply_due_changes(at("15:00"))
    assert is_on(asha)
    assert asha.off_until is None
    assert reasons(asha)[-1] == ("AVAIL", "the pause is over")


def test_the_end_of_a_pause_is_sent_to_the_provider_without_redis(simulator):
    asha = agent("OFF", off_until=timezone.now() - dt.timedelta(seconds=1))
    call_command("sync_run", "--once", verbosity=0)
    assert is_on(asha)
    assert simulator.state()["agents"] == {"9812345000": "AVAIL"}


def test_a_pause_that_ended_while_the_beat_was_down_is_applied_later():
    asha = agent("OFF", off_until=at("23:00"))
    scheduler.apply_due_changes(at("07:00", days=1))
    assert is_on(asha)


def test_a_pause_across_the_end_of_the_shift_does_not_bring_the_agent_back(clerk):
    scheduler.apply_due_changes(at("09:00"))
    switch_manually(clerk, "OFF", at("17:00"))
    Agent.objects.update(off_until=at("19:00"))
    for hour in ("18:00", "18:30"):
        scheduler.apply_due_changes(at(hour))
        assert not is_on(clerk)
    scheduler.apply_due_changes(at("19:00"))
    assert not is_on(clerk)
    assert clerk.off_until is None
    scheduler.apply_due_changes(at("09:00", days=1))
    assert is_on(clerk)


def test_a_pause_across_the_beginning_of_the_shift_holds_and_then_the_agent_works(clerk):
    Agent.objects.update(off_until=at("11:00"))
    scheduler.apply_due_changes(at("10:00"))
    assert not is_on(clerk)
    scheduler.apply_due_changes(at("11:00"))
    assert is_on(clerk)
    assert [why for _, why in reasons(clerk)].count("the pause is over") == 1
    scheduler.apply_due_changes(at("11:01"))
    assert len(reasons(clerk)) == 2, "one switch, one history row"


# --- shifts ----------------------------------------------------------------------------------------------
def test_shifts_switch_at_their_edges_day_after_day(clerk):
    seen = []
    for days in range(7):
        for time in ("08:59", "09:00", "17:59", "18:00"):
            scheduler.apply_due_changes(at(time, days=days))
            seen.append(is_on(clerk))
    assert seen == [False, True, True, False] * 5 + [False] * 8
    assert {why for _, why in reasons(clerk)} == {None, "shift"}
    assert len(reasons(clerk)) == 11, "added, and twice on each of five days"


def test_a_manual_change_holds_until_the_next_edge(clerk):
    scheduler.apply_due_changes(at("09:00"))
    switch_manually(clerk, "OFF", at("10:00"))
    scheduler.apply_due_changes(at("10:01"))
    scheduler.apply_due_changes(at("17:59"))
    assert not is_on(clerk)
    scheduler.apply_due_changes(at("18:00"))
    switch_manually(clerk, "AVAIL", at("20:00"))
    scheduler.apply_due_changes(at("08:59", days=1))
    assert is_on(clerk)
    scheduler.apply_due_changes(at("18:00", days=1))
    assert not is_on(clerk)


def test_a_manual_change_after_an_unapplied_edge_is_not_undone(clerk):
    switch_manually(clerk, "AVAIL", at("08:30"))
    switch_manually(clerk, "OFF", at("09:05"))  # the beat has been down since 08:00
    scheduler.apply_due_changes(at("09:10"))
    assert not is_on(clerk)


def test_the_first_sweep_after_an_outage_applies_missed_edges(clerk):
    scheduler.apply_due_changes(at("12:00"))
    assert is_on(clerk)
    scheduler.apply_due_changes(at("08:00", days=3))
    assert not is_on(clerk)
    scheduler.apply_due_changes(at("10:00", days=4))
    assert is_on(clerk)


def test_new_shifts_act_from_their_next_edge_on():
    asha = agent("OFF")
    shift(asha, 0, "09:00", "18:00")
    scheduler.apply_due_changes(at("12:00"))
    assert not is_on(asha)
    scheduler.apply_due_changes(at("18:00"))
    scheduler.apply_due_changes(at("09:00", days=7))
    assert is_on(asha)


def test_a_night_shift_in_two_halves_has_no_gap_at_midnight():
    asha = agent("OFF")
    shift(asha, 0, "22:00", "23:59")
    shift(asha, 1, "00:00", "06:00")
    scheduler.apply_due_changes(at("21:00"))
    for time, days in (("22:00", 0), ("23:59", 0), ("00:00", 1), ("05:59", 1)):
        scheduler.apply_due_changes(at(time, days=days))
        assert is_on(asha), time
    scheduler.apply_due_changes(at("06:00", days=1))
    assert not is_on(asha)


def test_an_edge_without_a_change_writes_no_history(clerk):
    switch_manually(clerk, "AVAIL", at("08:30"))
    before = len(reasons(clerk))
    scheduler.apply_due_changes(at("09:00"))
    assert len(reasons(clerk)) == before


@pytest.mark.parametrize(
    ("date", "before", "edge"),
    [
        # The clocks of New York skip from 02:00 to 03:00, so 02:30 does not exist: the shift starts at 03:30.
        (dt.date(2026, 3, 8), utc(2026, 3, 8, 7, 29), utc(2026, 3, 8, 7, 30)),
        # 01:00 to 02:00 occurs twice; 02:30 occurs once, in winter time.
        (dt.date(2026, 11, 1), utc(2026, 11, 1, 7, 29), utc(2026, 11, 1, 7, 30)),
    ],
)  # fmt: skip
def test_across_a_dst_change_a_shift_has_one_start_and_one_end(settings, date, before, edge):
    settings.TIME_ZONE = "America/New_York"
    timezone.get_default_timezone.cache_clear()
    zone = ZoneInfo("America/New_York")
    try:
        asha = agent("OFF")
        shift(asha, date.weekday(), "02:30", "10:00")
        scheduler.apply_due_changes(at("00:30", date=date, zone=zone))
        scheduler.apply_due_changes(before)
        assert not is_on(asha)
        scheduler.apply_due_changes(edge)
        assert is_on(asha)
        scheduler.apply_due_changes(at("09:59", date=date, zone=zone))
        assert is_on(asha)
        scheduler.apply_due_changes(at("10:00", date=date, zone=zone))
        assert not is_on(asha)
    finally:
        timezone.get_default_timezone.cache_clear()


def test_in_the_repeated_dst_hour_nothing_is_switched_twice(settings):
    settings.TIME_ZONE = "America/New_York"
    timezone.get_default_timezone.cache_clear()
    try:
        asha = agent("OFF")
        shift(asha, 6, "01:15", "01:45")
        scheduler.apply_due_changes(dt.datetime(2026, 11, 1, 5, 0, tzinfo=dt.UTC))
        seen = []
        for minute in range(0, 120, 5):
            scheduler.apply_due_changes(
                dt.datetime(2026, 11, 1, 5, 0, tzinfo=dt.UTC) + dt.timedelta(minutes=minute)
            )
            seen.append(is_on(asha))
        assert seen == [False] * 3 + [True] * 6 + [False] * 15
    finally:
        timezone.get_default_timezone.cache_clear()


# --- cost ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("agents", [1, 500])
def test_while_nothing_is_due_the_query_count_is_independent_of_agents(agents, django_assert_max_num_queries):
    made = Agent.objects.bulk_create(
        Agent(name=f"Agent {n}", number=f"+9198123{45000 + n}", availability="OFF") for n in range(agents)
    )
    Shift.objects.bulk_create(
        Shift(agent=one, day=day, starts_at=dt.time(9, n % 40), ends_at=dt.time(18))
        for n, one in enumerate(made)
        for day in range(5)
    )
    scheduler.apply_due_changes(at("08:00"))
    with django_assert_max_num_queries(5):
        assert scheduler.apply_due_changes(at("08:01")) == []


def test_an_edge_of_500_agents_takes_a_few_dozen_queries(django_assert_max_num_queries):
    made = Agent.objects.bulk_create(
        Agent(name=f"Agent {n}", number=f"+9198123{45000 + n}", availability="OFF") for n in range(500)
    )
    Shift.objects.bulk_create(
        Shift(agent=one, day=0, starts_at=dt.time(9), ends_at=dt.time(18)) for one in made
    )
    reconcile.repair()
    scheduler.apply_due_changes(at("08:00"))
    with django_assert_max_num_queries(60):
        assert len(scheduler.apply_due_changes(at("09:00"))) == 500
    assert Agent.objects.filter(availability="AVAIL").count() == 500
    assert ProviderSetting.objects.filter(desired="AVAIL").count() == 500


def test_the_sweep_task_applies_due_changes(simulator):
    from settings_sync import tasks

    asha = agent("OFF", off_until=timezone.now() - dt.timedelta(seconds=1))
    tasks.sweep()
    worker.deliver_due(budget_s=5)
    assert is_on(asha)
    assert simulator.state()["agents"] == {"9812345000": "AVAIL"}
