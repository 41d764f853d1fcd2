"""Early closing and late opening: laid over one date, sent when it is that date, and put back by themselves."""

import datetime as dt

import pytest
from django.utils import timezone

from ivrportal.accounts.roles import OFFICE_MANAGERS
from settings_sync import scheduler, setting_address
from settings_sync.delivery import reconcile, worker
from settings_sync.models import Attempt, Holiday, OfficeHours, OtherHours, ProviderSetting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

WEEK = "/admin/settings_sync/officehours/"
OTHER = WEEK + "other/"
WEDNESDAY = dt.date(2026, 11, 25)


class Today:
    """The portal's date, moved by hand."""

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch
        self.is_(WEDNESDAY)

    def is_(self, date):
        self.date = date
        noon = timezone.make_aware(dt.datetime.combine(date, dt.time(12)))
        self.monkeypatch.setattr(timezone, "now", lambda: noon)
        self.monkeypatch.setattr(timezone, "localdate", lambda *_args, **_kw: date)

    def passes(self, days=1):
        """What the first sweep of the new day does; the ids of the settings that it changed."""
        self.is_(self.date + dt.timedelta(days=days))
        return scheduler.apply_due_changes()


@pytest.fixture
def today(monkeypatch):
    return Today(monkeypatch)


@pytest.fixture
def manager(client_for, today):
    for day in setting_address.WEEKDAYS:
        OfficeHours.objects.create(day=day, opens_at=dt.time(9, 30), closes_at=dt.time(18, 30))
    reconcile.repair()
    return client_for(OFFICE_MANAGERS)


def set_other(client, date, opens_at="", closes_at="", **more):
    data = {"date": date.isoformat(), "opens_at": opens_at, "closes_at": closes_at, "came_from": "week"}
    return client.post(OTHER, data | more, follow=True)


def told(day="Wednesday"):
    return ProviderSetting.objects.get(address=f"hours:{day}").desired


def errors(response):
    return {name: list(found) for name, found in response.context["other_form"].errors.items()}


def test_close_today_at_four_is_sent_at_once_and_the_usual_hours_follow_it(manager, today, simulator):
    worker.run(budget_s=5)
    Attempt.objects.all().delete()
    page = set_other(manager, WEDNESDAY, closes_at="16:00", note="Diwali party").text
    assert "Until tonight; then 09:30–18:30 again by itself" in page
    assert "Diwali party" in page
    worker.run(budget_s=5)
    assert simulator.state()["hours"]["Wednesday"] == ["09:30 AM", "04:00 PM"]
    assert scheduler.apply_due_changes() == [], "the sweeps of the same day leave it alone"
    assert len(today.passes()) == 1
    worker.run(budget_s=5)
    assert simulator.state()["hours"]["Wednesday"] == ["09:30 AM", "06:30 PM"]
    sent = Attempt.objects.order_by("id").values_list("value", flat=True)
    assert list(sent) == ["09:30-16:00", "09:30-18:30"], "two settings, in this order, and nothing else"
    assert "Until tonight" not in manager.get(WEEK).text


def test_open_late_tomorrow_goes_out_by_itself_when_it_is_that_date(manager, today):
    page = set_other(manager, WEDNESDAY + dt.timedelta(days=1), opens_at="11:00").text
    assert "Goes out by itself at the start of that day" in page
    assert told("Thursday") == "09:30-18:30"
    today.passes()
    assert told("Thursday") == "11:00-18:30"
    today.passes()
    assert told("Thursday") == "09:30-18:30"


def test_a_night_without_sweeps_is_made_good_by_the_first_after_it(manager, today):
    set_other(manager, WEDNESDAY, closes_at="16:00")
    today.passes(days=3)
    assert told() == "09:30-18:30"


def test_the_usual_hours_may_change_meanwhile_and_are_what_comes_back(manager, today):
    set_other(manager, WEDNESDAY, closes_at="16:00")
    wednesday = OfficeHours.objects.get(day="Wednesday")
    manager.post(f"{WEEK}{wednesday.pk}/change/", {"opens_at": "08:00", "closes_at": "17:00"})
    assert told() == "09:30-16:00"
    today.passes()
    assert told() == "08:00-17:00"


def test_cancelled_today_the_usual_hours_are_back_at_once(manager):
    set_other(manager, WEDNESDAY, closes_at="16:00")
    page = manager.post(f"{OTHER}{OtherHours.objects.get().pk}/cancel/", {"came_from": "week"}, follow=True)
    assert "Cancelled: Today, Wed 25 Nov has its usual hours again." in page.text
    assert told() == "09:30-18:30"
    assert not OtherHours.objects.exists()
    kept = OtherHours.history.order_by("history_id").values_list("history_type", "history_user__username")
    assert list(kept) == [("+", "office-managers"), ("-", "office-managers")]


def test_cancelled_before_its_date_nothing_was_ever_sent(manager, today):
    set_other(manager, WEDNESDAY + dt.timedelta(days=2), closes_at="16:00")
    manager.post(f"{OTHER}{OtherHours.objects.get().pk}/cancel/", {"came_from": "heard"})
    today.passes(days=2)
    assert set(ProviderSetting.objects.values_list("desired", "generation")) == {("09:30-18:30", 1)}


def test_the_same_date_again_replaces_what_was_set(manager):
    set_other(manager, WEDNESDAY, closes_at="16:00")
    set_other(manager, WEDNESDAY, closes_at="15:00")
    assert OtherHours.objects.get().closes_at == dt.time(15)
    assert told() == "09:30-15:00"


def test_hours_that_make_no_sense_are_told(manager):
    backwards = errors(set_other(manager, WEDNESDAY, opens_at="10:00", closes_at="09:00"))
    assert "Closing must come after opening" in backwards["closes_at"][0]
    same = errors(set_other(manager, WEDNESDAY, opens_at="09:30", closes_at="18:30"))
    assert same == {"closes_at": ["These are the usual hours of that day. Change one of the times."]}
    assert errors(set_other(manager, WEDNESDAY)) == same
    assert not OtherHours.objects.exists()


@pytest.mark.parametrize("days", [-1, 7, 400])
def test_only_today_and_the_six_days_after_it_are_on_offer(manager, days):
    found = errors(set_other(manager, WEDNESDAY + dt.timedelta(days=days), closes_at="16:00"))
    assert found == {"date": ["Choose today or one of the six days after it."]}


def test_what_is_no_date_is_told(manager):
    response = manager.post(OTHER, {"date": "soon", "closes_at": "16:00"})
    assert errors(response) == {"date": ["Choose today or one of the six days after it."]}


def test_a_day_without_usual_hours_has_nothing_to_come_back_to(manager):
    OfficeHours.objects.filter(day="Wednesday").delete()
    found = errors(set_other(manager, WEDNESDAY, opens_at="10:00", closes_at="16:00"))
    assert "Wednesday has no usual hours yet." in found["date"][0]


def test_a_holiday_has_no_hours(manager):
    Holiday.objects.create(date=WEDNESDAY, name="Diwali")
    found = errors(set_other(manager, WEDNESDAY, closes_at="16:00"))
    assert "This date is a holiday" in found["date"][0]


def test_the_override_of_today_stands_in_its_row_of_the_week(manager):
    set_other(manager, WEDNESDAY, closes_at="16:00")
    rows = {one.row.day: one.override for one in manager.get(WEEK).context["rows"]}
    assert rows["Wednesday"].hours == "09:30–16:00"
    assert rows["Thursday"] is None
