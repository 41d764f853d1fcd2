"""Controls of delivery: stop, start, a new key, send now, and withdrawn settings."""

import datetime as dt

import pytest
from django.db import transaction

from settings_sync import setting_address
from settings_sync.delivery import reconcile, service, worker
from settings_sync.models import Agent, Attempt, Circuit, Holiday, ProviderSetting
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


def test_stop_blocks_everything_and_start_releases_it(simulator, asha):
    service.stop_sending("manager")
    assert worker.claim().code == "stopped"
    assert Circuit.get_solo().stopped_by == "manager"
    service.start_sending()
    worker.deliver_due(budget_s=5)
    assert setting().state == State.IN_FORCE


def test_a_refused_account_waits_for_a_user(simulator, asha):
    simulator.set_faults("script:http403")
    worker.deliver_due(budget_s=5)
    assert worker.claim().code == "account"
    service.start_sending()
    worker.deliver_due(budget_s=5)
    assert setting().state == State.IN_FORCE


def test_a_new_key_ends_the_pause_and_resends_everything(simulator, asha, settings):
    worker.deliver_due(budget_s=5)
    settings.IVR_CUST_ID = "wrong-customer"
    worker.deliver_due(budget_s=5)
    assert Circuit.get_solo().paused_reason, "the new account is refused"
    assert Attempt.objects.count() == 2
    settings.IVR_CUST_ID = "canary-customer"
    worker._adopted.clear()  # like a new process with the corrected key
    worker.deliver_due(budget_s=5)
    assert (Circuit.get_solo().paused_reason, setting().state) == ("", State.IN_FORCE)
    assert Attempt.objects.count() == 3


def test_a_late_refusal_of_the_old_key_does_not_pause_the_new_one(simulator, asha, settings):
    simulator.set_faults("script:http403")
    claimed = worker.claim()
    result = worker.send_request(claimed)
    with transaction.atomic():
        Circuit.lock()
        Circuit.objects.update(credentials="another account since")
    worker.record_result(claimed, result)
    assert Circuit.get_solo().paused_reason == ""


def test_send_now_sends_a_refused_setting_again(simulator, asha):
    simulator.set_faults("script:invalid_time")
    worker.deliver_due(budget_s=5)
    assert setting().state == State.REFUSED
    service.send_now(setting().pk)
    worker.deliver_due(budget_s=5)
    assert setting().state == State.IN_FORCE
    assert Attempt.objects.latest("id").trigger == "retry"


def test_a_withdrawn_holiday_stays_until_a_user_closes_it_and_may_be_added_again(simulator):
    Holiday.objects.create(date=SOON)
    reconcile.repair()
    worker.deliver_due(budget_s=5)
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
    worker.deliver_due(budget_s=5)
    assert setting().state == State.IN_FORCE


def test_a_holiday_deleted_while_its_request_is_in_flight_is_withdrawn(simulator):
    Holiday.objects.create(date=SOON)
    reconcile.repair()
    claimed = worker.claim()
    Holiday.objects.all().delete()
    reconcile.repair()
    worker.record_result(claimed, worker.send_request(claimed))
    row = setting()
    assert (row.state, row.next_attempt_at, row.confirmed) == (State.WITHDRAWN, None, "HOLIDAY")


def test_a_moved_holiday_is_a_new_setting_and_a_withdrawn_one(simulator):
    Holiday.objects.create(date=SOON)
    reconcile.repair()
    worker.deliver_due(budget_s=5)
    Holiday.objects.update(date=SOON + dt.timedelta(days=1))
    reconcile.repair()
    worker.deliver_due(budget_s=5)
    states = dict(ProviderSetting.objects.values_list("address", "state"))
    assert states == {
        setting_address.holiday_address(SOON): State.WITHDRAWN,
        setting_address.holiday_address(SOON + dt.timedelta(days=1)): State.IN_FORCE,
    }


def test_a_retired_number_is_kept_until_it_is_confirmed_off(simulator, asha):
    asha.delete()
    reconcile.repair()
    assert (reconcile.delete_retired_agents(), setting().desired) == (0, "OFF")
    worker.deliver_due(budget_s=5)
    assert reconcile.delete_retired_agents() == 1
    assert Attempt.objects.count() == 1, "the attempt is kept"


def test_a_past_holiday_is_never_sent_again(simulator):
    Holiday.objects.create(date=SOON)
    reconcile.repair()
    worker.deliver_due(budget_s=5)
    ProviderSetting.objects.update(address="holiday:2020-01-26", lane="holiday:2020-01-26")
    service.send_now(setting().pk)
    assert (setting().state, service.resend_all()) == (State.IN_FORCE, 0)
