"""The page "What will callers hear?", and the strip of seven days on it and on the home page."""

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

CALLER_VIEW = "/admin/heard/"


def date(ahead):
    return timezone.localdate() + dt.timedelta(days=ahead)


@pytest.fixture
def usual_hours(simulator):
    """Hours in force on six weekdays; none on the weekday of the day after tomorrow."""
    unset = {setting_address.WEEKDAYS[date(2).weekday()]}
    for day in set(setting_address.WEEKDAYS) - unset:
        OfficeHours.objects.create(day=day, opens_at=dt.time(9, 30), closes_at=dt.time(18, 30))
    reconcile.repair()
    worker.deliver_due(budget_s=10)


def get_page(client, ahead, time):
    return client.get(CALLER_VIEW, {"at": f"{date(ahead)}T{time}"})


@pytest.fixture
def manager(client_for):
    return client_for(OFFICE_MANAGERS)


def test_open_and_closed_with_rule_and_state(manager, usual_hours):
    page = get_page(manager, 1, "10:00")
    assert page.context["style"].kind == "open"
    assert "open from 09:30 to 18:30" in page.text
    assert "In force" in page.context["badge"]
    assert "/admin/settings_sync/providersetting/" in page.context["badge"]
    assert get_page(manager, 1, "20:00").context["style"].kind == "closed"


def test_a_holiday_not_yet_at_the_provider(manager, usual_hours):
    Holiday.objects.create(date=date(1), name="Diwali")
    reconcile.repair()
    page = get_page(manager, 1, "10:00")
    assert page.context["style"].kind == "holiday"
    assert "Holiday: Diwali" in page.text
    assert "Waiting" in page.context["badge"]


def test_a_day_without_hours_is_not_called_open(manager, usual_hours):
    page = get_page(manager, 2, "10:00")
    assert page.context["style"].kind == "unset"
    assert "Nothing set" in page.context["badge"]


def test_overrides_show_when_they_are_sent_and_when_the_usual_hours_return(manager, usual_hours):
    OtherHours.objects.create(date=date(1), opens_at=dt.time(11), closes_at=dt.time(18, 30))
    OtherHours.objects.create(date=date(0), opens_at=dt.time(9, 30), closes_at=dt.time(16))
    reconcile.repair()
    assert "Goes out by itself that day" in get_page(manager, 1, "10:00").context["badge"]
    assert get_page(manager, 1, "10:00").context["style"].kind == "closed"
    assert "Comes back by itself after today" in get_page(manager, 7, "17:00").context["badge"]
    assert get_page(manager, 7, "17:00").context["style"].kind == "open"


def test_a_past_moment_is_marked_as_such(manager, usual_hours):
    assert "This moment has passed." in get_page(manager, -3, "10:00").text
    assert "This moment has passed." not in manager.get(CALLER_VIEW).text


@pytest.mark.parametrize("text", ["soon", "2026-13-01T10:00", "0001-01-01T00:00", "9999-12-31T23:59", "\0"])
def test_an_invalid_moment_is_reported(manager, text):
    response = manager.get(CALLER_VIEW, {"at": text})
    assert response.status_code == 200
    assert "This is no moment that the portal can look at." in response.text


def test_the_strip_shows_the_kind_of_each_day(manager, usual_hours):
    Holiday.objects.create(date=date(3), name="Diwali")
    OtherHours.objects.create(date=date(4), opens_at=dt.time(11), closes_at=dt.time(18, 30))
    days = caller_view.load_week_strip().days
    assert [day.kind for day in days] == ["open", "open", "unset", "holiday", "other", "open", "open"]
    assert [day.name for day in days][:2] == ["Today", "Tomorrow"]
    assert (days[3].note, days[4].label) == ("Diwali", "11:00–18:30")
    assert (days[1].bar.start, days[1].bar.width) == (570, 540)


def test_the_strip_is_on_the_home_page_for_users_who_may_view_the_hours(client_for, usual_hours):
    for role in (OFFICE_MANAGERS, SUPERVISORS):
        assert "What callers hear" in client_for(role).get("/admin/").text


def test_without_permission_page_and_strip_are_missing(client_for):
    client = client_for(SUPERVISORS)
    Group.objects.get(name=SUPERVISORS).permissions.clear()
    assert client.get(CALLER_VIEW).status_code == 403
    assert "week-strip" not in client.get("/admin/").text


def test_a_supervisor_sees_overrides_but_cannot_change_them(client_for, usual_hours):
    other = OtherHours.objects.create(date=date(0), opens_at=dt.time(9, 30), closes_at=dt.time(16))
    supervisor = client_for(SUPERVISORS)
    page = supervisor.get(CALLER_VIEW).text
    assert "09:30–16:00" in page
    assert "Cancel it" not in page
    assert supervisor.post(f"/admin/settings_sync/officehours/other/{other.pk}/cancel/").status_code == 403
