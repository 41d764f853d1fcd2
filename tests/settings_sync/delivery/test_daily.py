"""The provider's office hours equal the portal's, with both meanings of `Daily` and with faults."""

import datetime as dt
import random
import time

import pytest
from django.db import transaction

from settings_sync import setting_address
from settings_sync.delivery import service, worker
from settings_sync.models import Circuit, OfficeHours, ProviderSetting
from settings_sync.models.provider_setting import State

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]


def save_week(**hours):
    """Save the hours of some days in one transaction, as the page of the week does."""
    with transaction.atomic():
        for day, (opens_at, closes_at) in hours.items():
            OfficeHours.objects.update_or_create(
                day=day, defaults={"opens_at": dt.time(opens_at), "closes_at": dt.time(closes_at)}
            )
        service.reconcile_and_enqueue(map(setting_address.hours_address, hours))


def effective(simulator):
    """Return the effective hours of each day at the provider."""
    state = simulator.state()
    return {day: state["hours"].get(day) or state["daily"] for day in setting_address.WEEKDAYS}


def desired_hours():
    return {
        hours.day: [hours.opens_at.strftime("%I:%M %p"), hours.closes_at.strftime("%I:%M %p")]
        for hours in OfficeHours.objects.all()
    }


@pytest.mark.parametrize("overwrites", [True, False])
def test_daily_is_sent_for_an_equal_week_and_the_days_are_right_either_way(simulator, settings, overwrites):
    settings.IVR_SEND_DAILY = True
    simulator.provider.daily_overwrites = overwrites
    save_week(**dict.fromkeys(setting_address.WEEKDAYS, (9, 18)))
    worker.deliver_due(budget_s=5)
    assert "hours:Daily" in [entry["address"] for entry in simulator.state()["log"]]
    assert effective(simulator) == desired_hours()
    save_week(Monday=(10, 17))
    worker.deliver_due(budget_s=5)
    assert effective(simulator) == desired_hours()
    assert not ProviderSetting.objects.filter(address=setting_address.DAILY).exists()
    save_week(Monday=(9, 18))
    worker.deliver_due(budget_s=5)
    assert effective(simulator) == desired_hours()
    assert set(ProviderSetting.objects.values_list("state", flat=True)) == {State.IN_FORCE}


def test_daily_is_not_sent_unless_it_is_enabled(simulator):
    save_week(**dict.fromkeys(setting_address.WEEKDAYS, (9, 18)))
    worker.deliver_due(budget_s=5)
    assert "hours:Daily" not in [entry["address"] for entry in simulator.state()["log"]]


@pytest.mark.parametrize("overwrites", [True, False])
@pytest.mark.parametrize("send_daily", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_the_week_edited_in_any_order_with_faults_ends_right(
    simulator, settings, seed, send_daily, overwrites
):
    settings.IVR_SEND_DAILY, settings.IVR_SETTLE_S, settings.IVR_BREAKER_FAILURES = send_daily, 0.6, 1000
    settings.IVR_DEADLINE_S, settings.IVR_BACKOFF_CAP_S = 0.3, 0.2
    simulator.provider.daily_overwrites = overwrites
    simulator.set_faults("ok=50,drop_after=15,late=25:0.1-0.4,http500=10", seed=seed)
    chance = random.Random(seed)
    save_week(**dict.fromkeys(setting_address.WEEKDAYS, (9, 18)))
    for _ in range(6):
        days = chance.sample(setting_address.WEEKDAYS, chance.choice([1, 2, 7]))
        save_week(**dict.fromkeys(days, (chance.choice([8, 9]), chance.choice([17, 18]))))
        worker.deliver_due(budget_s=chance.uniform(0, 0.2))
    simulator.set_faults("")
    until = time.monotonic() + 20
    while ProviderSetting.objects.pending().exists() and time.monotonic() < until:
        worker.deliver_due(budget_s=1)
        time.sleep(0.05)
    assert simulator.state()["pending"] == 0
    assert effective(simulator) == desired_hours()
    assert set(ProviderSetting.objects.values_list("state", flat=True)) == {State.IN_FORCE}
    assert simulator.state()["overlaps"] == []
    assert Circuit.get_solo().paused_reason == ""
