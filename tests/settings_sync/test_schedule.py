"""What callers hear at a given time: the rule that decides, and whether it is confirmed."""

import datetime as dt
import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from settings_sync import schedule, setting_address
from settings_sync.delivery import service, worker
from settings_sync.models import Holiday, OfficeHours, OtherHours
from settings_sync.schedule import CallerHears

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

SUNDAY = dt.date.today() + dt.timedelta(
    days=(6 - dt.date.today().weekday()) % 7 + 7
)  # the one after the next six days


def moment(time, date=SUNDAY):
    return timezone.make_aware(dt.datetime.combine(date, dt.time.fromisoformat(time)))


def hours(day="Sunday", opens_at="09:30", closes_at="18:30"):
    record = OfficeHours.objects.create(
        day=day, opens_at=dt.time.fromisoformat(opens_at), closes_at=dt.time.fromisoformat(closes_at)
    )
    service.reconcile_and_enqueue([setting_address.hours_address(day)])
    return record


@pytest.mark.parametrize(
    ("time", "caller_hears"),
    [("00:00", "closed"), ("09:29", "closed"), ("09:30", "open"), ("18:29", "open"), ("18:30", "closed"),
     ("23:59", "closed")],
)  # fmt: skip
def test_open_from_the_opening_minute_until_before_the_closing_minute(time, caller_hears):
    hours()
    answer = schedule.answer_at(moment(time))
    assert answer.caller_hears == caller_hears
    assert answer.rule == "Sunday: open from 09:30 to 18:30"


def test_the_last_minute_of_the_day_is_open_if_the_hours_end_at_midnight():
    hours(closes_at="23:59")
    assert schedule.answer_at(moment("23:59")).caller_hears == CallerHears.OPEN


def test_a_holiday_overrides_all_hours():
    hours()
    Holiday.objects.create(date=SUNDAY, name="Diwali")
    OtherHours.objects.create(date=SUNDAY, opens_at=dt.time(10), closes_at=dt.time(12))
    answer = schedule.answer_at(moment("11:00"))
    assert (answer.caller_hears, answer.rule) == (CallerHears.HOLIDAY, "Holiday: Diwali")
    assert answer.address == setting_address.holiday_address(SUNDAY)


def test_a_date_override_applies_on_its_date_only():
    hours()
    OtherHours.objects.create(date=SUNDAY, opens_at=dt.time(10), closes_at=dt.time(12))
    assert schedule.answer_at(moment("13:00")).caller_hears == CallerHears.CLOSED
    assert schedule.answer_at(moment("13:00", SUNDAY + dt.timedelta(days=7))).caller_hears == CallerHears.OPEN


def test_without_hours_the_rule_says_that_the_providers_own_apply():
    answer = schedule.answer_at(moment("11:00"))
    assert "No hours are set for Sunday" in answer.rule
    assert not answer.is_in_force


def test_a_rule_is_in_force_once_the_provider_has_confirmed_exactly_its_value(simulator):
    sunday = hours()
    assert not schedule.answer_at(moment("11:00")).is_in_force
    worker.deliver_due(budget_s=5)
    assert schedule.answer_at(moment("11:00")).is_in_force
    sunday.closes_at = dt.time(17)
    sunday.save()
    assert not schedule.answer_at(moment("11:00")).is_in_force, "saved, but not confirmed"


def test_a_moment_is_converted_to_the_portals_zone():
    hours(day="Monday")
    just_monday = dt.datetime.combine(SUNDAY, dt.time(20), tzinfo=dt.UTC)  # 01:30 on Monday in India
    assert schedule.answer_at(just_monday).address == "hours:Monday"


def test_seven_days_take_four_queries(django_assert_num_queries):
    hours()
    with django_assert_num_queries(4):
        days = schedule.plan_days(SUNDAY, 7)
    assert [day.weekday for day in days][:2] == ["Sunday", "Monday"]


def command_output(capsys, *arguments):
    call_command("what_callers_hear", *arguments)
    return json.loads(capsys.readouterr().out)


def test_the_command_prints_the_answer_as_json(capsys, simulator):
    hours()
    worker.deliver_due(budget_s=5)
    assert command_output(capsys, f"{SUNDAY} 10:00") == {
        "heard": "open",
        "rule": "Sunday: open from 09:30 to 18:30",
        "setting": "hours:Sunday",
        "in_force": True,
    }
    assert command_output(capsys, f"{SUNDAY} 20:00")["heard"] == "closed"
    Holiday.objects.create(date=SUNDAY, name="Diwali")
    assert command_output(capsys, f"{SUNDAY}T10:00:00+05:30")["heard"] == "holiday"


def test_the_command_defaults_to_now_and_rejects_an_invalid_moment(capsys):
    assert command_output(capsys)["heard"] in {"open", "closed"}
    with pytest.raises(CommandError, match="is no moment"):
        call_command("what_callers_hear", "next Sunday")
