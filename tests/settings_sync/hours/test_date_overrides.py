"""Date overrides: applied to one date, sent on that date, and ended automatically."""

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
    """Controls the portal's date."""

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch
        self.set(WEDNESDAY)

    def set(self, date):
        self.date = date
        noon = timezone.make_aware(dt.datetime.combine(date, dt.time(12)))
        self.monkeypatch.setattr(timezone, "now", lambda: noon)
        self.monkeypatch.setattr(timezone, "localdate", lambda *_args, **_kw: date)

    def advance(self, days=1):
        """Advance the date and run the first sweep; return the ids of the changed settings."""
        self.set(self.date + dt.timedelta(days=days))
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


def post_override(client, date, opens_at="", closes_at="", **more):
    data = {"date": date.isoformat(), "opens_at": opens_at, "closes_at": closes_at, "came_from": "week"}
    return client.post(OTHER, data | more, follow=True)


def desired(day="Wednesday"):
    return ProviderSetting.objects.get(address=f"hours:{day}").desired


def errors(response):
    return {name: list(found) for name, found in response.context["other_form"].errors.items()}


def test_an_override_for_today_is_sent_at_once_and_followed_by_the_usual_hours(manager, today, simulator):
    worker.deliver_due(budget_s=5)
    Attempt.objects.all().delete()
    page = post_override(manager, WEDNESDAY, closes_at="16:00", note="Diwali party").text
    assert "Until tonight; then 09:30–18:30 again by itself" in page
    assert "Diwali party" in page
    worker.deliver_due(budget_s=5)
    assert simulator.state()["hours"]["Wednesday"] == ["09:30 AM", "04:00 PM"]
    assert scheduler.apply_due_changes() == [], "sweeps on the same day change nothing"
    assert len(today.advance()) == 1
    worker.deliver_due(budget_s=5)
    assert simulator.state()["hours"]["Wednesday"] == ["09:30 AM", "06:30 PM"]
    sent = Attempt.objects.order_by("id").values_list("value", flat=True)
    assert list(sent) == ["09:30-16:00", "09:30-18:30"], "two settings, in this order, and nothing else"
    assert "Until tonight" not in manager.get(WEEK).text


def test_an_override_for_tomorrow_is_sent_on_that_date(manager, today):
    page = post_override(manager, WEDNESDAY + dt.timedelta(days=1), opens_at="11:00").text
    assert "Goes out by itself at the start of that day" in page
    assert desired("Thursday") == "09:30-18:30"
    today.advance()
    assert desired("Thursday") == "11:00-18:30"
    today.advance()
    assert desired("Thursday") == "09:30-18:30"


def test_missed_sweeps_are_made_up_for_by_the_next_one(manager, today):
    post_override(manager, WEDNESDAY, closes_at="16:00")
    today.advance(days=3)
    assert desired() == "09:30-18:30"


def test_usual_hours_changed_during_an_override_apply_after_it(manager, today):
    post_override(manager, WEDNESDAY, closes_at="16:00")
    wednesday = OfficeHours.objects.get(day="Wednesday")
    manager.post(f"{WEEK}{wednesday.pk}/change/", {"opens_at": "08:00", "closes_at": "17:00"})
    assert desired() == "09:30-16:00"
    today.advance()
    assert desired() == "08:00-17:00"


def test_cancelling_todays_override_sends_the_usual_hours_at_once(manager):
    post_override(manager, WEDNESDAY, closes_at="16:00")
    page = manager.post(f"{OTHER}{OtherHours.objects.get().pk}/cancel/", {"came_from": "week"}, follow=True)
    assert "Cancelled: Today, Wed 25 Nov has its usual hours again." in page.text
    assert desired() == "09:30-18:30"
    assert not OtherHours.objects.exists()
    history = OtherHours.history.order_by("history_id").values_list("history_type", "history_user__username")
    assert list(history) == [("+", "office-managers"), ("-", "office-managers")]


def test_an_override_cancelled_before_its_date_is_never_sent(manager, today):
    post_override(manager, WEDNESDAY + dt.timedelta(days=2), closes_at="16:00")
    manager.post(f"{OTHER}{OtherHours.objects.get().pk}/cancel/", {"came_from": "heard"})
    today.advance(days=2)
    assert set(ProviderSetting.objects.values_list("desired", "generation")) == {("09:30-18:30", 1)}


def test_a_second_override_of_a_date_replaces_the_first(manager):
    post_override(manager, WEDNESDAY, closes_at="16:00")
    post_override(manager, WEDNESDAY, closes_at="15:00")
    assert OtherHours.objects.get().closes_at == dt.time(15)
    assert desired() == "09:30-15:00"


def test_invalid_hours_are_reported(manager):
    backwards = errors(post_override(manager, WEDNESDAY, opens_at="10:00", closes_at="09:00"))
    assert "Closing must come after opening" in backwards["closes_at"][0]
    same = errors(post_override(manager, WEDNESDAY, opens_at="09:30", closes_at="18:30"))
    assert same == {"closes_at": ["These are the usual hours of that day. Change one of the times."]}
    assert errors(post_override(manager, WEDNESDAY)) == same
    assert not OtherHours.objects.exists()


@pytest.mark.parametrize("days", [-1, 7, 400])
def test_only_today_and_the_next_six_days_are_accepted(manager, days):
    found = errors(post_override(manager, WEDNESDAY + dt.timedelta(days=days), closes_at="16:00"))
    assert found == {"date": ["Choose today or one of the six days after it."]}


def test_an_invalid_date_is_reported(manager):
    response = manager.post(OTHER, {"date": "soon", "closes_at": "16:00"})
    assert errors(response) == {"date": ["Choose today or one of the six days after it."]}


def test_a_weekday_without_usual_hours_cannot_be_overridden(manager):
    OfficeHours.objects.filter(day="Wednesday").delete()
    found = errors(post_override(manager, WEDNESDAY, opens_at="10:00", closes_at="16:00"))
    assert "Wednesday has no usual hours yet." in found["date"][0]


def test_a_holiday_cannot_be_overridden(manager):
    Holiday.objects.create(date=WEDNESDAY, name="Diwali")
    found = errors(post_override(manager, WEDNESDAY, closes_at="16:00"))
    assert "This date is a holiday" in found["date"][0]


def test_an_override_is_shown_in_its_row_of_the_week(manager):
    post_override(manager, WEDNESDAY, closes_at="16:00")
    rows = {row.row.day: row.override for row in manager.get(WEEK).context["rows"]}
    assert rows["Wednesday"].hours == "09:30–16:00"
    assert rows["Thursday"] is None
