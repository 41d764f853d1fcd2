"""Claims that are outdated when used: the worker slept, or the key or the week changed meanwhile."""

import datetime as dt
import time

import pytest
from django.db import transaction

from ivrportal.common.database_clock import database_now
from settings_sync import setting_address
from settings_sync.delivery import circuit, reconcile, service, worker
from settings_sync.models import Agent, Attempt, Circuit, Holiday, OfficeHours, ProviderSetting
from settings_sync.models.provider_setting import State

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]
ADDRESS = "agent:9812345678"
SOON = dt.date.today() + dt.timedelta(days=20)


def switch_agent(availability: str) -> None:
    with transaction.atomic():
        Agent.objects.update_or_create(
            number="+919812345678", defaults={"name": "Asha", "availability": availability}
        )
        service.reconcile_and_enqueue([ADDRESS])


def save_week(opens_at: int, *days: str) -> None:
    with transaction.atomic():
        for day in days:
            OfficeHours.objects.update_or_create(
                day=day, defaults={"opens_at": dt.time(opens_at), "closes_at": dt.time(18)}
            )
        service.reconcile_and_enqueue([setting_address.hours_address(day) for day in days])


def work_until_settled(seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while ProviderSetting.objects.pending().exists() and time.monotonic() < until:
        worker.deliver_due(budget_s=2)
        time.sleep(0.02)


def claim_one(*, prefer: int | None = None) -> worker.Claim:
    claim = worker.claim(prefer=prefer)
    assert isinstance(claim, worker.Claim)
    return claim


def test_a_worker_that_slept_past_its_lease_sends_nothing(simulator, settings):
    """The value of a worker that was suspended or had a slow commit may be outdated."""
    settings.IVR_LEASE_S, settings.IVR_SETTLE_S = 1.2, 1.5
    switch_agent("AVAIL")
    sleeper = claim_one()
    switch_agent("OFF")
    time.sleep(1.3)
    work_until_settled()
    assert ProviderSetting.objects.get().state == State.IN_FORCE
    worker.record_result(sleeper, worker.send_request(sleeper))
    work_until_settled()
    assert simulator.state()["agents"] == {"9812345678": "OFF"}
    assert [entry["value"] for entry in simulator.state()["log"] if entry["value"] == "AVAIL"] == []


def test_a_request_sent_after_its_lease_was_lost_makes_the_setting_unsure_again(simulator, settings):
    settings.IVR_SETTLE_S = 0.3
    switch_agent("AVAIL")
    sleeper = claim_one()
    result = worker.send_request(sleeper)
    ProviderSetting.objects.update(lease_until=database_now())
    switch_agent("OFF")
    work_until_settled()
    assert ProviderSetting.objects.get().state == State.IN_FORCE
    assert not worker.record_result(sleeper, result)
    row = ProviderSetting.objects.get()
    assert (row.state, bool(row.reassert_after)) == (State.UNSURE, True)
    work_until_settled()
    assert ProviderSetting.objects.get().state == State.IN_FORCE


def test_a_week_that_changes_while_daily_is_in_flight_waits_for_it(simulator, settings):
    settings.IVR_SEND_DAILY = True
    save_week(9, *setting_address.WEEKDAYS)
    daily = claim_one(prefer=ProviderSetting.objects.get(address=setting_address.DAILY).pk)
    assert daily.address == setting_address.DAILY
    save_week(10, "Monday")
    assert worker.claim() is None, "one request in a lane"
    worker.record_result(daily, worker.send_request(daily))
    assert not ProviderSetting.objects.filter(address=setting_address.DAILY).exists()
    work_until_settled()
    hours = simulator.state()["hours"]
    assert (hours["Monday"][0], hours["Tuesday"][0]) == ("10:00 AM", "09:00 AM")


def test_a_daily_whose_worker_died_after_the_week_changed_is_forgotten_and_settled(simulator, settings):
    settings.IVR_SEND_DAILY, settings.IVR_LEASE_S, settings.IVR_SETTLE_S = True, 1.2, 1.3
    save_week(9, *setting_address.WEEKDAYS)
    dead = claim_one(prefer=ProviderSetting.objects.get(address=setting_address.DAILY).pk)
    save_week(10, "Monday")
    time.sleep(1.3)
    work_until_settled()
    assert not ProviderSetting.objects.filter(address=setting_address.DAILY).exists()
    assert set(ProviderSetting.objects.values_list("state", flat=True)) == {State.IN_FORCE}
    last = {entry["address"]: entry["received_at"] for entry in simulator.state()["log"]}
    safe_at = dead.started_at.timestamp() + settings.IVR_LEASE_S + settings.IVR_SETTLE_S
    assert all(last[setting_address.hours_address(day)] >= safe_at for day in setting_address.WEEKDAYS)


def test_a_withdrawn_holiday_whose_worker_died_can_be_closed(simulator, settings):
    settings.IVR_LEASE_S = 0.05
    Holiday.objects.create(date=SOON)
    reconcile.repair()
    claim_one()  # its worker dies
    Holiday.objects.all().delete()
    reconcile.repair()
    time.sleep(0.1)
    assert service.close_withdrawn(ProviderSetting.objects.get().pk)


def test_a_process_with_the_old_key_sends_nothing_once_the_account_has_changed(simulator, settings):
    """An old worker still running beside the new one would send to the old account and record it as In force."""
    switch_agent("OFF")
    work_until_settled()
    settings.IVR_CUST_ID = "another"
    claim_one()  # a process with the new customer takes over and dies
    ProviderSetting.objects.update(lease_token=None, lease_until=None)
    settings.IVR_CUST_ID = "canary-customer"  # the old process goes on
    assert worker.claim() == circuit.GateClosed(None, "replaced")
    assert Circuit.get_solo().credentials != circuit.credentials_fingerprint()
    assert Attempt.objects.count() == 2
