"""The account's gate as people work it: stop, start, a new key, send now, and what cannot be taken back."""

import datetime as dt

import pytest
from django.db import transaction

from settings_sync import setting_address
from settings_sync.delivery import reconcile, service, worker
from settings_sync.models import Agent, Attempt, Circuit, Holiday, OfficeHours, ProviderSetting
from settings_sync.models.provider_setting import State

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]
SOON = dt.date.today() + dt.timedelta(days=20)


@pytest.fixture
def asha():
    agent = Agent.objects.create(name="Asha", number="+919812345678")
    reconcile.repair()
    return agent


def setting():
    return ProviderSetting.objects.get()


def test_stop_holds_everything_and_start_lets_it_go(simulator, asha):
    service.stop_sending("manager")
    assert worker.claim().why == "stopped"
    assert Circuit.only().stopped_by == "manager"
    service.start_sending()
    worker.run(budget_s=5)
    assert setting().state == State.IN_FORCE


def test_a_refused_account_waits_for_a_person(simulator, asha):
    simulator.set_faults("script:http403")
    worker.run(budget_s=5)
    assert worker.claim().why == "account"
    service.start_sending()
    worker.run(budget_s=5)
    assert setting().state == State.IN_FORCE


def test_a_new_key_lifts_the_pause_and_asserts_everything_again(simulator, asha, settings):
    worker.run(budget_s=5)
    settings.IVR_CUST_ID = "wrong-customer"
    worker.run(budget_s=5)
    assert Circuit.only().paused_reason, "the new account is refused"
    assert Attempt.objects.count() == 2
    settings.IVR_CUST_ID = "canary-customer"
    worker._adopted.clear()  # as a process that starts with the mended key
    worker.run(budget_s=5)
    assert (Circuit.only().paused_reason, setting().state) == ("", State.IN_FORCE)
    assert Attempt.objects.count() == 3


def test_a_late_refusal_of_the_old_key_does_not_pause_the_new_one(simulator, asha, settings):
    simulator.set_faults("script:http403")
    claimed = worker.claim()
    result = worker.exchange(claimed)
    with transaction.atomic():
        Circuit.take_turn()
        Circuit.objects.update(credentials="another account since")
    worker.complete(claimed, result)
    assert Circuit.only().paused_reason == ""


def test_send_now_sends_what_was_refused_again(simulator, asha):
    simulator.set_faults("script:invalid_time")
    worker.run(budget_s=5)
    assert setting().state == State.REFUSED
    service.send_now(setting().pk)
    worker.run(budget_s=5)
    assert setting().state == State.IN_FORCE
    assert Attempt.objects.latest("id").trigger == "retry"


def test_a_withdrawn_holiday_stays_until_a_person_closes_it_and_may_come_back(simulator):
    Holiday.objects.create(date=SOON)
    reconcile.repair()
    worker.run(budget_s=5)
    Holiday.objects.all().delete()
    reconcile.repair()
    assert setting().state == State.WITHDRAWN
    service.send_now(setting().pk)
    assert (setting().state, worker.claim()) == (State.WITHDRAWN, None)
    assert reconcile.repair() == []
    assert service.close_withdrawn(setting().pk)
    assert not ProviderSetting.objects.exists()
    Holiday.objects.create(date=SOON)
    reconcile.repair()
    worker.run(budget_s=5)
    assert setting().state == State.IN_FORCE


def test_a_holiday_deleted_while_its_request_is_in_flight_is_withdrawn(simulator):
    Holiday.objects.create(date=SOON)
    reconcile.repair()
    claimed = worker.claim()
    Holiday.objects.all().delete()
    reconcile.repair()
    worker.complete(claimed, worker.exchange(claimed))
    row = setting()
    assert (row.state, row.next_attempt_at, row.confirmed) == (State.WITHDRAWN, None, "HOLIDAY")


def test_a_moved_holiday_is_a_new_one_and_a_withdrawn_one(simulator):
    Holiday.objects.create(date=SOON)
    reconcile.repair()
    worker.run(budget_s=5)
    Holiday.objects.update(date=SOON + dt.timedelta(days=1))
    reconcile.repair()
    worker.run(budget_s=5)
    states = dict(ProviderSetting.objects.values_list("address", "state"))
    assert states == {
        setting_address.holiday_address(SOON): State.WITHDRAWN,
        setting_address.holiday_address(SOON + dt.timedelta(days=1)): State.IN_FORCE,
    }


def test_a_retired_number_is_listed_until_it_is_confirmed_off(simulator, asha):
    asha.delete()
    reconcile.repair()
    assert (reconcile.forget_retired(), setting().desired) == (0, "OFF")
    worker.run(budget_s=5)
    assert reconcile.forget_retired() == 1
    assert Attempt.objects.count() == 1, "what was sent stays on record"


def test_the_preview_says_in_words_what_a_save_would_send(simulator, asha):
    worker.run(budget_s=5)
    with transaction.atomic():
        Agent.objects.update(availability="OFF")
        OfficeHours.objects.create(day="Monday", opens_at=dt.time(9, 30), closes_at=dt.time(18, 30))
        words = service.preview(["agent:9812345678", "hours:Monday"])
        transaction.set_rollback(True)
    assert words == ["98123 45678 takes no calls", "Monday 09:30 AM to 06:30 PM"]
    assert service.preview(["agent:9812345678"]) == []


def test_a_holiday_that_is_over_is_sent_by_no_button(simulator):
    Holiday.objects.create(date=SOON)
    reconcile.repair()
    worker.run(budget_s=5)
    ProviderSetting.objects.update(address="holiday:2020-01-26", lane="holiday:2020-01-26")
    service.send_now(setting().pk)
    assert (setting().state, service.resend_all()) == (State.IN_FORCE, 0)
