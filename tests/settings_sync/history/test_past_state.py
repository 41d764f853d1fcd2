"""The desired and the confirmed plan at past moments, from real histories."""

import datetime as dt

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from settings_sync import setting_address
from settings_sync.delivery import service, worker
from settings_sync.history import past_state
from settings_sync.history.past_state import PastPlan
from settings_sync.models import Attempt, Holiday, OfficeHours, OtherHours, ProviderSetting
from settings_sync.schedule import CallerHears

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]
CLOSED_NOW, OPEN_NOW = "00:00-00:01", "00:00-23:59"


def save_week(value):
    opens, _, closes = value.partition("-")
    with transaction.atomic():
        for day in setting_address.WEEKDAYS:
            hours = OfficeHours.objects.filter(day=day).first() or OfficeHours(day=day)
            hours.opens_at, hours.closes_at = dt.time.fromisoformat(opens), dt.time.fromisoformat(closes)
            hours.save()
        service.reconcile_and_enqueue(
            [setting_address.hours_address(day) for day in setting_address.WEEKDAYS]
        )


def plans_at(*moments):
    plans = past_state.load_past_plans(moments)
    return [plans.at(moment) for moment in moments]


@pytest.mark.parametrize("is_daily", [False, True])
def test_a_saved_value_is_confirmed_only_after_the_providers_response(simulator, settings, is_daily):
    settings.IVR_SEND_DAILY = is_daily
    before = timezone.now()
    save_week(CLOSED_NOW)
    saved = timezone.now()
    worker.deliver_due(budget_s=5)
    confirmed = timezone.now()
    save_week(OPEN_NOW)
    changed = timezone.now()
    worker.deliver_due(budget_s=5)
    now = timezone.now()
    assert plans_at(before, saved, confirmed, changed, now) == [
        PastPlan("", ""), PastPlan(CLOSED_NOW, ""), PastPlan(CLOSED_NOW, CLOSED_NOW), PastPlan(OPEN_NOW, CLOSED_NOW),
        PastPlan(OPEN_NOW, OPEN_NOW),
    ]  # fmt: skip
    # Much later, when only the latest confirmation is stored in the setting.
    Attempt.objects.update(started_at=F("started_at") - dt.timedelta(days=90))
    ProviderSetting.objects.update(first_sent_at=F("first_sent_at") - dt.timedelta(days=90))
    assert plans_at(timezone.now()) == [PastPlan(OPEN_NOW, OPEN_NOW)], (
        "confirmed again since: the earlier value is in the attempts"
    )
    ProviderSetting.objects.update(confirmed_at=F("confirmed_at") - dt.timedelta(days=90))
    assert plans_at(timezone.now()) == [PastPlan(OPEN_NOW, OPEN_NOW)]


def test_a_deleted_holiday_stays_confirmed_until_support_removes_it(simulator):
    today = timezone.localdate()
    save_week(OPEN_NOW)
    with transaction.atomic():
        holiday = Holiday.objects.create(date=today, name="A slip")
        service.reconcile_and_enqueue([setting_address.holiday_address(today)])
    worker.deliver_due(budget_s=5)
    while_stored = timezone.now()
    with transaction.atomic():
        holiday.delete()
        service.reconcile_and_enqueue([setting_address.holiday_address(today)])
    after_deletion = timezone.now()
    assert plans_at(while_stored, after_deletion) == [
        PastPlan("HOLIDAY", "HOLIDAY"),
        PastPlan(OPEN_NOW, "HOLIDAY"),
    ]
    service.close_withdrawn(ProviderSetting.objects.get(kind="holiday").pk)
    assert plans_at(timezone.now()) == [PastPlan(OPEN_NOW, OPEN_NOW)]


def test_a_date_override_and_its_corrected_date():
    save_week("09:30-18:30")
    today = timezone.localdate()
    other = OtherHours.objects.create(date=today, opens_at=dt.time(12), closes_at=dt.time(14))
    saved_override = timezone.now()
    other.date = today + dt.timedelta(days=1)
    other.save()
    corrected = timezone.now()
    assert [plan.desired for plan in plans_at(saved_override, corrected, corrected + dt.timedelta(days=1))] == [
        "12:00-14:00", "09:30-18:30", "12:00-14:00",
    ]  # fmt: skip


def test_callers_hear_a_past_plan_like_the_schedule():
    assert past_state.callers_heard("", dt.time(12)) is None
    assert past_state.callers_heard("HOLIDAY", dt.time(12)) == CallerHears.HOLIDAY
    assert past_state.callers_heard("09:30-18:30", dt.time(9, 30)) == CallerHears.OPEN
    assert past_state.callers_heard("09:30-18:30", dt.time(18, 30)) == CallerHears.CLOSED
    assert past_state.callers_heard("09:30-23:59", dt.time(23, 59, 30)) == CallerHears.OPEN
