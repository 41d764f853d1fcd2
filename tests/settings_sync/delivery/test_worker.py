"""From a save to “In force” against the simulator: claim, lease, generation, settle window, gate."""

import datetime as dt
import threading
import time

import pytest
from django.db import connection, transaction

from ivrportal.common.database_clock import database_now
from settings_sync import setting_address
from settings_sync.delivery import circuit, reconcile, service
from settings_sync.delivery import worker as delivery_worker
from settings_sync.models import Agent, Attempt, Circuit, Holiday, OfficeHours, ProviderSetting
from settings_sync.models.provider_setting import State

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]


def save_agent(number="+919812345678", availability="AVAIL", **values):
    with transaction.atomic():
        agent = Agent(name="Asha", number=number, availability=availability, **values)
        agent.save()
        service.reconcile_and_enqueue([setting_address.agent_address(number)])
    return agent


def change(agent, **values):
    with transaction.atomic():
        before = setting_address.agent_address(agent.number)
        for name, value in values.items():
            setattr(agent, name, value)
        agent.save()
        service.reconcile_and_enqueue({before, setting_address.agent_address(agent.number)})


def setting(address="agent:9812345678"):
    return ProviderSetting.objects.get(address=address)


def deliver(times=1):
    for _ in range(times):
        delivery_worker.deliver_due(budget_s=5)


def attempt_once():
    claimed = delivery_worker.claim()
    delivery_worker.record_result(claimed, delivery_worker.send_request(claimed))


def make_due():
    ProviderSetting.objects.filter(next_attempt_at__isnull=False).update(
        next_attempt_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    )


def test_all_three_kinds_reach_the_provider(simulator):
    save_agent(availability="OFF")
    with transaction.atomic():
        tomorrow = dt.date.today() + dt.timedelta(days=2)
        Holiday.objects.create(date=tomorrow)
        OfficeHours.objects.create(day="Monday", opens_at=dt.time(9, 30), closes_at=dt.time(18, 30))
        service.reconcile_and_enqueue([setting_address.holiday_address(tomorrow), "hours:Monday"])
    deliver()
    state = simulator.state()
    assert state["agents"] == {"9812345678": "OFF"}
    assert state["holidays"] == [tomorrow.isoformat()]
    assert list(state["hours"]["Monday"]) == ["09:30 AM", "06:30 PM"]
    assert set(ProviderSetting.objects.values_list("state", flat=True)) == {State.IN_FORCE}
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"confirmed"}


def test_a_rolled_back_save_leaves_no_setting(simulator):
    def save_and_fail():
        with transaction.atomic():
            save_agent()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        save_and_fail()
    assert not ProviderSetting.objects.exists()


def test_many_saves_coalesce_and_the_newest_is_sent(simulator):
    agent = save_agent()
    for availability in ("OFF", "AVAIL", "OFF"):
        change(agent, availability=availability)
    deliver()
    assert simulator.state()["agents"] == {"9812345678": "OFF"}
    assert Attempt.objects.count() == 1


def test_a_save_that_changes_nothing_sends_nothing(simulator):
    agent = save_agent()
    deliver()
    change(agent, name="Asha Nair")
    assert not ProviderSetting.objects.pending().exists()


def test_a_save_during_a_request_is_sent_after_it(simulator):
    agent = save_agent(availability="AVAIL")
    claimed = delivery_worker.claim()
    change(agent, availability="OFF")
    assert delivery_worker.claim() is None, "one request in a lane"
    delivery_worker.record_result(claimed, delivery_worker.send_request(claimed))
    row = setting()
    assert (row.state, row.confirmed, row.desired) == (State.WAITING, "AVAIL", "OFF")
    deliver()
    assert simulator.state()["agents"] == {"9812345678": "OFF"}
    assert setting().state == State.IN_FORCE


def test_the_week_is_one_lane(simulator):
    with transaction.atomic():
        for day in ("Monday", "Tuesday"):
            OfficeHours.objects.create(day=day, opens_at=dt.time(9), closes_at=dt.time(18))
        service.reconcile_and_enqueue(["hours:Monday", "hours:Tuesday"])
    first = delivery_worker.claim()
    assert isinstance(first, delivery_worker.Claim)
    assert delivery_worker.claim() is None
    delivery_worker.record_result(first, delivery_worker.send_request(first))
    assert isinstance(delivery_worker.claim(), delivery_worker.Claim)


def test_a_result_is_recorded_only_under_its_own_lease(simulator, settings):
    settings.IVR_LEASE_S = 0.05
    save_agent()
    stale = delivery_worker.claim()
    time.sleep(0.1)
    fresh = delivery_worker.claim()
    assert isinstance(fresh, delivery_worker.Claim)
    assert not delivery_worker.record_result(stale, delivery_worker.send_request(stale))
    assert setting().state == State.SENDING
    assert delivery_worker.record_result(fresh, delivery_worker.send_request(fresh))


def test_the_request_of_a_dead_worker_is_sent_again_after_the_settle_window(simulator, settings):
    settings.IVR_DEADLINE_S, settings.IVR_LEASE_S, settings.IVR_SETTLE_S = 0.2, 0.4, 0.6
    save_agent(availability="OFF")
    delivery_worker.claim()  # its worker dies
    time.sleep(0.45)
    deliver()
    row = setting()
    assert (row.state, row.confirmed) == (State.UNSURE, "OFF"), (
        "confirmed, but an older request may still act"
    )
    time.sleep(0.65)
    deliver()
    row = setting()
    assert (row.state, row.reassert_after) == (State.IN_FORCE, None)


def test_an_unknown_outcome_is_sent_again_after_the_settle_window_despite_a_newer_save(simulator, settings):
    settings.IVR_SETTLE_S = 0.5
    simulator.set_faults("script:drop_after")
    agent = save_agent(availability="OFF")
    attempt_once()
    assert setting().state == State.UNSURE
    change(agent, availability="AVAIL")
    deliver()
    row = setting()
    assert (row.state, row.confirmed) == (State.UNSURE, "AVAIL")
    time.sleep(0.6)
    deliver()
    assert setting().state == State.IN_FORCE
    values = [entry["value"] for entry in simulator.state()["log"] if entry["applied"]]
    assert values == ["OFF", "AVAIL", "AVAIL"]


@pytest.mark.parametrize(
    ("fault", "outcome", "state"),
    [
        ("http500", "unknown", State.UNSURE),
        ("drop_before", "unknown", State.UNSURE),
        ("drip", "unknown", State.UNSURE),
        ("stall", "unknown", State.UNSURE),
        ("http429", "throttled", State.RETRYING),
        ("http401", "account", State.PAUSED),
        ("http403", "account", State.PAUSED),
        ("http404", "account", State.PAUSED),
        ("redirect", "config", State.PAUSED),
        ("invalid_time", "refused", State.REFUSED),
        ("unsuccessful", "unrecognised", State.NEEDS_PERSON),
        ("html", "unrecognised", State.NEEDS_PERSON),
        ("empty", "unrecognised", State.NEEDS_PERSON),
        ("no_content", "unrecognised", State.NEEDS_PERSON),
        ("huge", "unrecognised", State.NEEDS_PERSON),
    ],
)
def test_every_fault_has_its_outcome_and_is_never_in_force(simulator, fault, outcome, state):
    simulator.set_faults(f"script:{fault}")
    save_agent()
    started = time.monotonic()
    attempt_once()
    assert time.monotonic() - started < 3, "the exchange has one deadline"
    row = setting()
    assert (row.state, row.confirmed) == (state, "")
    assert Attempt.objects.earliest("id").outcome == outcome


def test_a_refused_connection_is_not_sent(simulator, settings):
    settings.IVR_API_URL = "http://127.0.0.1:9"
    save_agent()
    attempt_once()
    assert Attempt.objects.latest("id").outcome == "not_sent"
    assert setting().state == State.RETRYING


def test_a_failed_setting_is_retried_until_it_is_in_force(simulator, settings):
    settings.IVR_SETTLE_S = 0.1
    simulator.set_faults("script:http500,drop_before,http429")
    save_agent()
    deadline = time.monotonic() + 20
    while setting().state != State.IN_FORCE and time.monotonic() < deadline:
        Circuit.objects.update(opened_until=None, next_slot_at=None)
        make_due()
        deliver()
        time.sleep(0.05)
    assert setting().state == State.IN_FORCE


def test_a_refused_account_pauses_everything_at_once(simulator):
    simulator.set_faults("script:http403")
    save_agent("+919812345678")
    save_agent("+919812345679")
    deliver()
    assert Attempt.objects.count() == 1
    assert Circuit.get_solo().paused_reason
    closed = circuit.closed_reason(Circuit.get_solo(), dt.datetime.now(dt.UTC))
    assert {circuit.displayed_state(row, closed) for row in ProviderSetting.objects.all()} == {State.PAUSED}


def test_the_breaker_opens_on_repeated_failures_and_lets_one_probe_through(simulator, settings):
    settings.IVR_BREAKER_FAILURES, settings.IVR_BREAKER_OPEN_S = 3, 60
    simulator.set_faults("script:" + ",".join(["http500"] * 3))
    for number in range(5):
        save_agent(f"+91981234567{number}")
    delivery_worker.deliver_due(budget_s=20)  # ends when the breaker opens
    assert Attempt.objects.count() == 3
    Circuit.objects.update(opened_until=database_now())  # the 60 seconds are over
    probe = delivery_worker.claim()
    assert isinstance(probe, delivery_worker.Claim)
    assert delivery_worker.claim().code == "breaker"
    delivery_worker.record_result(probe, delivery_worker.send_request(probe))
    assert Circuit.get_solo().opened_until is None
    deliver()
    assert ProviderSetting.objects.filter(state=State.IN_FORCE).count() >= 2


def test_a_users_save_overtakes_a_bulk_load(simulator, settings):
    settings.IVR_RATE_PER_S = 50.0
    Agent.objects.bulk_create(Agent(name=f"A{n}", number=f"+9198123456{n:02d}") for n in range(20))
    reconcile.repair()
    save_agent("+919812345699", "OFF")
    delivery_worker.deliver_due(budget_s=0.01)
    assert simulator.state()["agents"] == {"9812345699": "OFF"}


def test_without_credentials_settings_wait_as_paused(settings):
    settings.IVR_API_KEY = ""
    save_agent()
    assert delivery_worker.claim().code == "unconfigured"
    assert not Attempt.objects.exists()


def test_the_rate_limit_applies_to_the_account(simulator, settings):
    settings.IVR_RATE_PER_S = 20.0
    for number in range(10):
        save_agent(f"+91981234567{number}")
    started = time.monotonic()
    delivery_worker.deliver_due(budget_s=10)
    elapsed_s = time.monotonic() - started
    assert simulator.state()["requests"] == 10
    assert elapsed_s >= 9 / 20 * 0.95


def test_two_workers_never_have_two_requests_in_one_lane(simulator, settings):
    settings.IVR_CONCURRENCY = 4
    agent = save_agent()
    stop = time.monotonic() + 1.5

    def work():
        try:
            while time.monotonic() < stop:
                delivery_worker.deliver_due(budget_s=2)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for n in range(15):
        change(agent, availability="OFF" if n % 2 else "AVAIL")
        time.sleep(0.05)
    for worker in workers:
        worker.join()
    deliver()
    assert simulator.state()["overlaps"] == []
    assert simulator.state()["agents"] == {"9812345678": Agent.objects.get().availability}


def test_a_renamed_number_goes_off_and_the_new_one_on(simulator):
    agent = save_agent("+919812345678")
    deliver()
    change(agent, number="+919812345679")
    deliver()
    assert simulator.state()["agents"] == {"9812345678": "OFF", "9812345679": "AVAIL"}


def test_an_unsent_holiday_is_deleted_and_a_sent_one_is_withdrawn(simulator):
    days = [dt.date.today() + dt.timedelta(days=ahead) for ahead in (10, 11)]
    with transaction.atomic():
        Holiday.objects.create(date=days[0])
        service.reconcile_and_enqueue([setting_address.holiday_address(days[0])])
    deliver()
    with transaction.atomic():
        Holiday.objects.create(date=days[1])
        service.reconcile_and_enqueue([setting_address.holiday_address(days[1])])
        Holiday.objects.all().delete()
        service.reconcile_and_enqueue([setting_address.holiday_address(day) for day in days])
    assert setting(setting_address.holiday_address(days[0])).state == State.WITHDRAWN
    assert not ProviderSetting.objects.filter(address=setting_address.holiday_address(days[1])).exists()
    deliver()
    assert simulator.state()["requests"] == 1


def test_a_past_holiday_is_not_sent(simulator):
    with transaction.atomic():
        Holiday.objects.create(date=dt.date(2020, 1, 26))
        service.reconcile_and_enqueue(["holiday:2020-01-26"])
    deliver()
    assert simulator.state()["requests"] == 0


def test_reconcile_repairs_what_bypassed_the_service_and_counts_it(simulator):
    save_agent()
    deliver()
    Agent.objects.update(availability="OFF")
    assert len(reconcile.repair()) == 1
    assert Circuit.get_solo().repaired == 1
    deliver()
    assert simulator.state()["agents"] == {"9812345678": "OFF"}
    assert reconcile.repair() == []


def test_everything_can_be_sent_again(simulator):
    save_agent()
    deliver()
    service.resend_all()
    assert setting().state == State.WAITING
    deliver()
    assert simulator.state()["requests"] == 2


def test_no_attempt_and_no_reply_contains_the_key(simulator, caplog):
    caplog.set_level("DEBUG")
    simulator.set_faults("script:drop_before,http403")
    save_agent()
    deliver(2)
    stored = str(list(Attempt.objects.values())) + str(list(ProviderSetting.objects.values()))
    assert "canary" not in stored
    from ivrportal.observability.logging import RedactingFormatter

    formatter = RedactingFormatter()
    lines = "\n".join(
        formatter.format(record) for record in caplog.records if record.name.startswith("settings_sync")
    )
    assert "canary" not in lines
