"""The page that says what callers will hear, and the strip of seven days on it and on the home screen."""

import datetime as dt

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync import setting_address
from settings_sync.delivery import reconcile, worker
from settings_sync.hours import caller_view
from settings_sync.models import Holiday, OfficeHours, OtherHours

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

HEARD = "/admin/heard/"


def date(ahead):
    return timezone.localdate() + dt.timedelta(days=ahead)


@pytest.fixture
def usual(simulator):
    """Six days with hours, in force, and the day after tomorrow without any."""
    unset = {setting_address.WEEKDAYS[date(2).weekday()]}
    for day in set(setting_address.WEEKDAYS) - unset:
        OfficeHours.objects.create(day=day, opens_at=dt.time(9, 30), closes_at=dt.time(18, 30))
    reconcile.repair()
    worker.run(budget_s=10)


def ask(client, ahead, time):
    return client.get(HEARD, {"at": f"{date(ahead)}T{time}"})


@pytest.fixture
def manager(client_for):
    return client_for(OFFICE_MANAGERS)


def test_open_and_closed_with_the_rule_and_in_force(manager, usual):
    page = ask(manager, 1, "10:00")
    assert page.context["look"].kind == "open"
    assert "open from 09:30 to 18:30" in page.text
    assert "In force" in page.context["badge"]
    assert "/admin/settings_sync/providersetting/" in page.context["badge"]
    assert ask(manager, 1, "20:00").context["look"].kind == "closed"


def test_a_holiday_not_yet_at_the_provider(manager, usual):
    Holiday.objects.create(date=date(1), name="Diwali")
    reconcile.repair()
    page = ask(manager, 1, "10:00")
    assert page.context["look"].kind == "holiday"
    assert "Holiday: Diwali" in page.text
    assert "Waiting" in page.context["badge"]


def test_a_day_without_hours_is_not_called_open(manager, usual):
    page = ask(manager, 2, "10:00")
    assert page.context["look"].kind == "unset"
    assert "Nothing set" in page.context["badge"]


def test_other_hours_say_when_they_go_out_and_when_the_usual_ones_come_back(manager, usual):
    OtherHours.objects.create(date=date(1), opens_at=dt.time(11), closes_at=dt.time(18, 30))
    OtherHours.objects.create(date=date(0), opens_at=dt.time(9, 30), closes_at=dt.time(16))
    reconcile.repair()
    assert "Goes out by itself that day" in ask(manager, 1, "10:00").context["badge"]
    assert ask(manager, 1, "10:00").context["look"].kind == "closed"
    assert "Comes back by itself after today" in ask(manager, 7, "17:00").context["badge"]
    assert ask(manager, 7, "17:00").context["look"].kind == "open"


def test_a_moment_that_has_passed_says_so(manager, usual):
    assert "This moment has passed." in ask(manager, -3, "10:00").text
    assert "This moment has passed." not in manager.get(HEARD).text


@pytest.mark.parametrize("text", ["soon", "2026-13-01T10:00", "0001-01-01T00:00", "9999-12-31T23:59", "\0"])
def test_what_is_no_moment_is_told(manager, text):
    response = manager.get(HEARD, {"at": text})
    assert response.status_code == 200
    assert "This is no moment that the portal can look at." in response.text


def test_the_strip_tells_its_seven_days_apart(manager, usual):
    Holiday.objects.create(date=date(3), name="Diwali")
    OtherHours.objects.create(date=date(4), opens_at=dt.time(11), closes_at=dt.time(18, 30))
    days = caller_view.week().days
    assert [day.kind for day in days] == ["open", "open", "unset", "holiday", "other", "open", "open"]
    assert [day.name for day in days][:2] == ["Today", "Tomorrow"]
    assert (days[3].note, days[4].words) == ("Diwali", "11:00–18:30")
    assert (days[1].bar.start, days[1].bar.width) == (570, 540)


def test_the_strip_stands_on_the_home_screen_for_who_may_see_the_hours(client_for, usual):
    for role in (OFFICE_MANAGERS, SUPERVISORS):
        assert "What callers hear" in client_for(role).get("/admin/").text


def test_without_permission_there_is_no_page(client_for):
    client = client_for(SUPERVISORS)
    Group.objects.get(name=SUPERVISORS).permissions.clear()
    assert client.get(HEARD).status_code == 403
    assert "heard-strip" not in client.get("/admin/").text


def test_a_supervisor_sees_the_other_hours_and_cannot_change_them(client_for, usual):
    other = OtherHours.objects.create(date=date(0), opens_at=dt.time(9, 30), closes_at=dt.time(16))
    supervisor = client_for(SUPERVISORS)
    page = supervisor.get(HEARD).text
    assert "09:30–16:00" in page
    assert "Cancel it" not in page
    assert supervisor.post(f"/admin/settings_sync/officehours/other/{other.pk}/cancel/").status_code == 403
