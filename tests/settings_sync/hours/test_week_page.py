"""The week page: saved completely or not at all, concurrent changes, closed weekdays."""

import datetime as dt
import re

import pytest
from django.utils import timezone

from calllogs.models import CallLog
from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync import setting_address
from settings_sync.delivery import reconcile, worker
from settings_sync.hours import closed_weekdays
from settings_sync.models import Agent, Holiday, OfficeHours, ProviderSetting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

WEEK = "/admin/settings_sync/officehours/"
CLOSED = WEEK + "closed/"


@pytest.fixture
def manager(client_for):
    return client_for(OFFICE_MANAGERS)


@pytest.fixture
def nine_to_six():
    for day in setting_address.WEEKDAYS:
        OfficeHours.objects.create(day=day, opens_at=dt.time(9), closes_at=dt.time(18))
    reconcile.repair()


def rendered_fields(client):
    """All fields of the rendered form, as a browser would post them."""
    form = re.search(r'<form method="post" id="week".*?</form>', client.get(WEEK).text, re.S).group()
    fields = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        fields[name.group(1)] = value.group(1) if value else ""
    return fields


def post(client, **changes):
    return client.post(WEEK, rendered_fields(client) | changes, follow=True)


def row(number, opens_at, closes_at):
    return {f"form-{number}-opens_at": opens_at, f"form-{number}-closes_at": closes_at}


def stored():
    return {
        hours.day: f"{hours.opens_at:%H:%M}-{hours.closes_at:%H:%M}" for hours in OfficeHours.objects.all()
    }


def desired():
    return dict(ProviderSetting.objects.filter(kind="hours").values_list("address", "desired"))


def test_the_page_has_seven_rows_and_shows_the_time_zone(manager):
    page = manager.get(WEEK).text
    for number, day in enumerate(setting_address.WEEKDAYS):
        assert f'name="form-{number}-opens_at"' in page
        assert f'name="form-{number}-closes_at"' in page
        assert day in page
    assert "Asia/Kolkata (IST, UTC+05:30)" in page
    assert "No closed weekday" in page
    assert "style=" not in re.search(r"<form.*</form>", page, re.S).group()


def test_an_empty_week_can_be_filled_day_by_day(manager):
    assert "Nothing was changed" in post(manager).text
    assert stored() == {}
    page = post(manager, **row(0, "09:30", "18:30")).text
    assert "Saved: Monday." in page
    assert stored() == {"Monday": "09:30-18:30"}
    assert desired() == {"hours:Monday": "09:30-18:30"}


def test_only_changed_days_are_saved_sent_and_recorded(manager, nine_to_six):
    OfficeHours.history.all().delete()
    page = post(manager, **row(1, "10:00", "18:00"), **row(6, "10:00", "14:00")).text
    assert "Saved: Tuesday and Sunday." in page
    assert stored()["Tuesday"] == "10:00-18:00"
    assert desired()["hours:Sunday"] == "10:00-14:00"
    changed = ProviderSetting.objects.filter(generation=2).values_list("address", flat=True)
    assert set(changed) == {"hours:Tuesday", "hours:Sunday"}
    history = OfficeHours.history.values_list("day", "history_user__username")
    assert set(history) == {("Tuesday", "office-managers"), ("Sunday", "office-managers")}


def test_closing_before_opening_is_reported_in_its_row_and_nothing_is_saved(manager, nine_to_six):
    response = post(manager, **row(0, "10:00", "17:00"), **row(4, "18:00", "02:00"))
    rows = {context.row.day: context for context in response.context["rows"]}
    assert rows["Friday"].errors == [
        "Closing must come after opening. For “until midnight” write 11:59 PM (23:59)."
    ]
    assert rows["Monday"].errors == []
    assert rows["Friday"].row.form.is_backwards, "midnight is offered"
    assert 'value="10:00"' in response.text, "the entered time is kept"
    assert set(stored().values()) == {"09:00-18:00"}
    assert set(desired().values()) == {"09:00-18:00"}


@pytest.mark.parametrize("midnight", ["23:59", "11:59 PM"])
def test_until_midnight_is_sent_as_11_59_pm(manager, nine_to_six, midnight, simulator):
    post(manager, **row(4, "18:00", midnight))
    worker.deliver_due(budget_s=5)
    assert simulator.state()["hours"]["Friday"] == ["06:00 PM", "11:59 PM"]
    assert "In force" in manager.get(WEEK).text


@pytest.mark.parametrize(("opens_at", "closes_at"), [("", ""), ("09:00", ""), ("", "18:00")])
def test_hours_cannot_be_removed(manager, nine_to_six, opens_at, closes_at):
    page = post(manager, **row(0, opens_at, closes_at)).text
    assert page.count("Write both times: the provider takes no day without hours.") == 1
    assert set(stored().values()) == {"09:00-18:00"}


def test_an_invalid_time_is_reported(manager, nine_to_six):
    assert "Write a time such as 09:30." in post(manager, **row(0, "early", "18:00")).text


def test_a_concurrent_change_of_another_day_is_kept(manager, nine_to_six):
    fields = rendered_fields(manager)
    OfficeHours.objects.filter(day="Monday").update(opens_at=dt.time(7))
    manager.post(WEEK, fields | row(1, "10:00", "18:00"))
    assert (stored()["Monday"], stored()["Tuesday"]) == ("07:00-18:00", "10:00-18:00")


def test_a_concurrent_change_of_the_same_day_must_be_confirmed(manager, nine_to_six):
    fields = rendered_fields(manager) | row(0, "10:00", "18:00")
    OfficeHours.objects.filter(day="Monday").update(opens_at=dt.time(7))
    response = manager.post(WEEK, fields)
    assert "Meanwhile somebody else set Monday to 07:00–18:00." in response.text
    assert stored()["Monday"] == "07:00-18:00"
    manager.post(WEEK, fields | {"form-0-was": "07:00-18:00"})
    assert f'name="form-0-was" value="{"07:00-18:00"}"' in response.text
    assert stored()["Monday"] == "10:00-18:00"


def test_a_client_may_post_rows_by_id_like_an_editable_list(manager, nine_to_six):
    friday = OfficeHours.objects.get(day="Friday")
    manager.post(
        WEEK,
        {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": friday.pk, "form-0-opens_at": "08:00",
         "form-0-closes_at": "16:00", "_save": "Save"},
    )  # fmt: skip
    assert stored()["Friday"] == "08:00-16:00"
    assert stored()["Monday"] == "09:00-18:00"


def test_a_client_may_post_the_week_without_days_and_ids(manager):
    fields = {}
    for number in range(7):
        fields |= row(number, "09:30", "18:30")
    manager.post(WEEK, fields)
    assert set(stored()) == set(setting_address.WEEKDAYS)
    assert set(desired().values()) == {"09:30-18:30"}


def test_the_preview_shows_the_requests_and_saves_nothing(manager, nine_to_six):
    fields = rendered_fields(manager) | row(0, "10:00", "17:00") | row(1, "10:00", "17:00")
    page = manager.post(WEEK + "preview/", fields).text
    assert "2 requests:" in page
    assert "Monday 10:00 AM to 05:00 PM, Tuesday 10:00 AM to 05:00 PM" in page
    assert set(stored().values()) == {"09:00-18:00"}
    assert OfficeHours.history.filter(opens_at=dt.time(10)).count() == 0
    assert manager.post(WEEK + "preview/", fields | row(0, "18:00", "09:00")).text == ""


def test_a_supervisor_sees_the_week_but_cannot_change_it(client_for, nine_to_six):
    supervisor = client_for(SUPERVISORS)
    page = supervisor.get(WEEK).text
    assert "09:00–18:00" in page
    assert "opens_at" not in page
    for path in (WEEK, WEEK + "preview/", WEEK + "other/", CLOSED):
        assert supervisor.post(path, row(0, "01:00", "02:00")).status_code == 403
    assert set(stored().values()) == {"09:00-18:00"}


def test_the_add_and_change_forms_work(manager, nine_to_six):
    monday = OfficeHours.objects.get(day="Monday")
    assert manager.get(WEEK + "add/").status_code == 200
    manager.post(f"{WEEK}{monday.pk}/change/", {"opens_at": "08:00", "closes_at": "18:00"})
    assert desired()["hours:Monday"] == "08:00-18:00"


# --- closing a weekday ---


def test_the_dates_are_shown_before_anything_is_sent(manager):
    page = manager.get(CLOSED, {"day": "Sunday", "count": 5}).text
    assert "5 dates would become holidays" in page
    assert "cannot be taken back" in page
    assert not Holiday.objects.exists()


@pytest.mark.parametrize("count", ["0", "53", "many"])
def test_an_invalid_number_of_dates_is_reported(manager, count):
    response = manager.get(CLOSED, {"day": "Sunday", "count": count})
    assert response.context["form"].errors.keys() == {"count"}
    assert response.context["planned"] == []


def test_without_consent_no_holiday_is_created(manager):
    assert "Tick the box first." in manager.post(CLOSED, {"day": "Sunday", "count": 4}).text
    assert not Holiday.objects.exists()


def test_with_consent_the_dates_become_holidays_and_existing_ones_are_skipped(manager):
    first, second, third = (entry.date for entry in closed_weekdays.plan_dates("Sunday", 3))
    Holiday.objects.create(date=second, name="Diwali")
    assert "skipped: Diwali already" in manager.get(CLOSED, {"day": "Sunday", "count": 3}).text
    page = manager.post(CLOSED, {"day": "Sunday", "count": 3, "sure": "1"}, follow=True).text
    assert "2 holidays are on their way to the provider." in page
    assert "1 date was skipped: it is a holiday already." in page
    names = dict(Holiday.objects.values_list("date", "name"))
    assert names == {first: "Closed on Sundays", second: "Diwali", third: "Closed on Sundays"}
    sent = ProviderSetting.objects.filter(kind="holiday").values_list("address", flat=True)
    assert set(sent) == {setting_address.holiday_address(first), setting_address.holiday_address(third)}
    assert set(Holiday.history.exclude(date=second).values_list("history_user__username", flat=True)) == {
        "office-managers"
    }


def test_dates_changed_since_they_were_shown_are_shown_again(manager):
    seen = manager.get(CLOSED, {"day": "Sunday", "count": 3}).context["seen"]
    Holiday.objects.create(date=closed_weekdays.plan_dates("Sunday", 1)[0].date, name="Diwali")
    page = manager.post(CLOSED, {"day": "Sunday", "count": 3, "sure": "1", "seen": seen}).text
    assert "The dates have changed. Look again." in page
    assert Holiday.objects.count() == 1


@pytest.mark.parametrize("day", setting_address.WEEKDAYS)
def test_the_next_dates_start_after_today_on_that_weekday(day):
    today = dt.date(2026, 11, 25)
    dates = [entry.date for entry in closed_weekdays.plan_dates(day, 3, today)]
    assert {setting_address.WEEKDAYS[date.weekday()] for date in dates} == {day}
    assert today < dates[0] <= today + dt.timedelta(days=7)


def test_the_pages_need_few_queries_in_a_large_office(manager, nine_to_six, django_assert_max_num_queries):
    Agent.objects.bulk_create(Agent(name=f"Agent {n}", number=f"+91981234{n:04d}") for n in range(500))
    start = dt.date.today()
    Holiday.objects.bulk_create(Holiday(date=start + dt.timedelta(days=n)) for n in range(1, 401))
    reconcile.repair()
    now = timezone.now()
    CallLog.objects.create(call_id="C1", started_at=now, received_at=now, told_at=now, updated_at=now)
    manager.get(WEEK)
    for path in (WEEK, "/admin/heard/", CLOSED + "?day=Sunday&count=52", "/admin/"):
        manager.get(path)  # the first visit builds the call statistics
        with django_assert_max_num_queries(15):
            assert manager.get(path).status_code == 200
