"""The holidays page: year, list, adding, deleting, and warnings about holidays that cannot be withdrawn."""

import datetime as dt
import re

import pytest
from django.utils import timezone

from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync import setting_address
from settings_sync.delivery import reconcile, worker
from settings_sync.holidays import year_view
from settings_sync.models import Holiday, ProviderSetting
from settings_sync.models.provider_setting import State

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

PAGE = "/admin/settings_sync/holiday/"
ADD = PAGE + "add/"


@pytest.fixture
def manager(client_for):
    return client_for(OFFICE_MANAGERS)


@pytest.fixture
def today():
    return timezone.localdate()


def days_of(response):
    """The linked days of the calendar by date."""
    matches = re.findall(
        r'<a class="day ([^"]*)" href="([^"]*)" data-date="([^"]*)" aria-label="([^"]*)"', response.text
    )
    return {
        date: {"css_classes": css_classes, "link": link, "label": label}
        for css_classes, link, date, label in matches
    }


def desired_addresses():
    return set(ProviderSetting.objects.exclude(desired="").values_list("address", flat=True))


def create_confirmed(date, name=""):
    """A holiday that the provider has confirmed."""
    holiday = Holiday.objects.create(date=date, name=name)
    reconcile.repair()
    worker.deliver_due(budget_s=5)
    return holiday


def test_a_year_has_twelve_months_and_marks_its_holidays(manager, today):
    day = dt.date(today.year + 1, 1, 26)
    Holiday.objects.create(date=day, name="Republic Day")
    reconcile.repair()
    response = manager.get(f"{PAGE}?year={day.year}")
    assert response.text.count('<table class="month">') == 12
    day_link = days_of(response)[day.isoformat()]
    assert "day-holiday badge-info" in day_link["css_classes"]
    assert f"26 January {day.year}: Republic Day, Waiting" in day_link["label"]
    assert day_link["link"] == f"{PAGE}{Holiday.objects.get().pk}/change/"


def test_a_free_future_day_links_to_its_form_but_not_a_past_one(manager, today):
    days = days_of(manager.get(PAGE))
    assert days[today.isoformat()]["link"] == f"{ADD}?date={today}"
    assert (today - dt.timedelta(days=1)).isoformat() not in days
    assert f'value="{today}"' in manager.get(f"{ADD}?date={today}").text


def test_without_a_year_the_calendar_starts_with_this_month(manager, today):
    response = manager.get(PAGE)
    assert response.context["months"][0]["name"] == f"{today:%B} {today.year}"
    assert len(response.context["months"]) == 12
    for nonsense in ("", "abcd", "0", "99999", "²027"):
        assert manager.get(PAGE, {"year": nonsense}).status_code == 200
    assert manager.get(PAGE, {"year": "9999"}).context["heading"] == "2100"


def test_upcoming_holidays_are_listed_first_and_past_ones_are_collapsed(manager, today):
    for offset in (-400, -3, 40, 2):
        Holiday.objects.create(date=today + dt.timedelta(days=offset), name=f"Day {offset}")
    response = manager.get(PAGE)
    assert [line["name"] for line in response.context["upcoming"]] == ["Day 2", "Day 40"]
    assert [line["name"] for line in response.context["past"]] == ["Day -3", "Day -400"]
    collapsed = response.text[response.text.index("<details") :]
    assert "Day -3" in collapsed
    assert "Day 40" not in collapsed
    assert "Past: not sent" in collapsed


def test_a_range_is_a_holiday_and_a_setting_for_each_day(manager, today):
    first = today + dt.timedelta(days=10)
    last = first + dt.timedelta(days=4)
    response = manager.post(ADD, {"date": first, "until": last, "name": "Diwali week"}, follow=True)
    assert "5 holidays were added, each with a setting of its own." in response.text
    assert desired_addresses() == {
        setting_address.holiday_address(first + dt.timedelta(days=n)) for n in range(5)
    }
    assert set(Holiday.objects.values_list("name", flat=True)) == {"Diwali week"}
    assert {entry.history_user.username for entry in Holiday.history.all()} == {"office-managers"}
    assert Holiday.history.count() == 5


@pytest.mark.parametrize(
    ("days", "error"),
    [
        (-1, "The last day comes before the first."),
        (31, "These are 32 days; at most 31"),
        (400, "Is the year right?"),
    ],
)
def test_an_invalid_range_is_reported_at_its_field(manager, today, days, error):
    first = today + dt.timedelta(days=10)
    response = manager.post(ADD, {"date": first, "until": first + dt.timedelta(days=days)})
    assert error in response.text
    assert response.context["adminform"].form.errors.keys() == {"until"}
    assert not Holiday.objects.exists()


def test_an_existing_holiday_in_a_range_is_named_at_its_field(manager, today):
    first = today + dt.timedelta(days=10)
    Holiday.objects.create(date=first + dt.timedelta(days=1))
    response = manager.post(ADD, {"date": first, "until": first + dt.timedelta(days=2)})
    named = (first + dt.timedelta(days=1)).strftime("%-d %b %Y")
    assert f"Holidays already: {named}. Choose days without them." in response.text
    response = manager.post(ADD, {"date": first + dt.timedelta(days=1)})
    assert response.context["adminform"].form.errors == {"date": ["This date is a holiday already."]}
    assert Holiday.objects.count() == 1


def test_a_wrong_year_and_an_impossible_date_are_reported(manager, today):
    response = manager.post(ADD, {"date": f"{today.year + 20}-01-26"})
    assert "is the year right?" in response.text
    assert "Enter a valid date." in manager.post(ADD, {"date": "2027-02-30"}).text
    assert not Holiday.objects.exists()


def test_the_preview_counts_every_day_of_a_range_and_saves_nothing(manager, today):
    first = today + dt.timedelta(days=10)
    data = {"date": first, "until": first + dt.timedelta(days=2), "name": ""}
    assert "3 requests:" in manager.post(ADD + "preview/", data).text
    assert not Holiday.objects.exists()
    assert not Holiday.history.exists()


def test_a_past_holiday_may_be_renamed(manager, today):
    past = Holiday.objects.create(date=today - dt.timedelta(days=9), name="Old")
    response = manager.post(f"{PAGE}{past.pk}/change/", {"date": past.date, "name": "New"})
    assert response.status_code == 302
    assert Holiday.objects.get().name == "New"


def test_deleting_a_sent_holiday_warns_before_and_links_to_the_setting_afterwards(manager, simulator, today):
    holiday = create_confirmed(today + dt.timedelta(days=20), "Holi")
    assert "cannot take a holiday back by any call" in manager.get(f"{PAGE}{holiday.pk}/change/").text
    assert "cannot take back a holiday" in manager.get(f"{PAGE}{holiday.pk}/delete/").text
    response = manager.post(f"{PAGE}{holiday.pk}/delete/", {"post": "yes"}, follow=True)
    setting = ProviderSetting.objects.get()
    assert setting.state == State.WITHDRAWN
    assert "The provider still has" in response.text
    assert f'href="/admin/settings_sync/providersetting/{setting.pk}/change/"' in response.text
    assert "Deleted here, but still a holiday for callers" in response.text
    assert "day-withdrawn" in response.text


def test_moving_a_sent_holiday_warns_about_its_old_date(manager, simulator, today):
    holiday = create_confirmed(today + dt.timedelta(days=20))
    data = {"date": today + dt.timedelta(days=21), "name": ""}
    response = manager.post(f"{PAGE}{holiday.pk}/change/", data, follow=True)
    assert "The provider still has" in response.text
    assert "See what to do now" in response.text


def test_a_holiday_that_was_never_sent_is_deleted_without_a_warning(manager, today):
    manager.post(ADD, {"date": today + dt.timedelta(days=20)})
    holiday = Holiday.objects.get()
    assert "cannot take a holiday back" not in manager.get(f"{PAGE}{holiday.pk}/change/").text
    response = manager.post(f"{PAGE}{holiday.pk}/delete/", {"post": "yes"}, follow=True)
    assert "The provider still has" not in response.text
    assert not ProviderSetting.objects.exists()


def test_several_holidays_are_deleted_after_confirmation(manager, simulator, today):
    holidays = [create_confirmed(today + dt.timedelta(days=days)) for days in (20, 21)]
    ticked = {"action": "delete_selected", "_selected_action": [holiday.pk for holiday in holidays]}
    question = manager.post(PAGE, {**ticked, "index": "0"})
    assert question.text.count("cannot take back a holiday") == 2
    assert Holiday.objects.count() == 2
    response = manager.post(PAGE, {**ticked, "post": "yes"}, follow=True)
    assert "The provider still has 2 of these days as holidays" in response.text
    assert "standing=WITHDRAWN" in response.text
    assert manager.post(PAGE, {"action": "delete_selected", "index": "0"}, follow=True).status_code == 200


def test_a_supervisor_sees_the_holidays_but_cannot_edit_them(client_for, today):
    Holiday.objects.create(date=today + dt.timedelta(days=2), name="Holi")
    supervisor = client_for(SUPERVISORS)
    response = supervisor.get(PAGE)
    assert "Holi" in response.text
    for control in (
        "add-holiday",
        "delete_selected",
        "data-free",
        "Import a file",
        "Make a calendar address",
    ):
        assert control not in response.text
    for path in ("add/", "suggestions/", "import/"):
        assert supervisor.get(PAGE + path).status_code == 403
    assert supervisor.post(PAGE + "import/confirm/", {"holiday": f"{today} x"}).status_code == 403
    assert supervisor.post(PAGE + "calendar/").status_code == 403


def test_next_years_suggestions_are_offered_from_december_on(manager, monkeypatch):
    for date, is_hinted in (
        (dt.date(2026, 11, 30), False),
        (dt.date(2026, 12, 1), True),
        (dt.date(2026, 12, 31), True),
    ):
        monkeypatch.setattr(year_view.timezone, "localdate", lambda date=date: date)
        text = manager.get(PAGE).text
        assert ("Next year's holidays are not entered yet" in text) is is_hinted
        assert (f"{PAGE}suggestions/?year=2027" in text) is is_hinted
    Holiday.objects.create(date=dt.date(2027, 1, 26))
    assert "are not entered yet" not in manager.get(PAGE).text


def test_four_hundred_holidays_need_few_queries(manager, simulator, today, django_assert_max_num_queries):
    Holiday.objects.bulk_create(
        Holiday(date=today + dt.timedelta(days=2 * n - 100), name=f"Holiday {n}") for n in range(400)
    )
    reconcile.repair()
    manager.get(PAGE)
    with django_assert_max_num_queries(15):
        response = manager.get(PAGE)
    assert (len(response.context["upcoming"]), response.context["upcoming_count"]) == (100, 350)
    assert len(manager.get(PAGE, {"all": ""}).context["upcoming"]) == 350
