"""Previews of what a save will send."""

import datetime as dt

import pytest
from django.contrib.admin.models import LogEntry

from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync.delivery import reconcile, service, worker
from settings_sync.models import Agent, Holiday, OfficeHours, ProviderSetting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

AGENTS, HOLIDAYS, HOURS = (f"/admin/settings_sync/{name}/" for name in ("agent", "holiday", "officehours"))
SOON = dt.date.today() + dt.timedelta(days=20)


@pytest.fixture
def manager(client_for):
    return client_for(OFFICE_MANAGERS)


@pytest.fixture
def asha(simulator):
    agent = Agent.objects.create(name="Asha", number="+919812345678")
    reconcile.repair()
    worker.deliver_due(budget_s=5)
    return agent


def agent_form(**values):
    return {"name": "Asha", "number": "9812345678", "department": "", "availability": "AVAIL"} | values


def preview(client, path, data):
    response = client.post(path, data)
    assert response.status_code == 200
    return " ".join(response.text.replace("<strong>", "").replace("</strong>", "").split())


def test_the_preview_of_a_new_agent_saves_nothing(manager, simulator):
    text = preview(manager, f"{AGENTS}add/preview/", agent_form())
    assert "1 request: 98123 45678 takes calls; about 1 second." in text
    assert not Agent.objects.exists()
    assert not ProviderSetting.objects.exists()
    assert not LogEntry.objects.exists()


def test_an_edit_without_effect_sends_nothing(manager, asha):
    text = preview(manager, f"{AGENTS}{asha.pk}/preview/", agent_form(name="Asha Nair", department="Sales"))
    assert "Nothing to send." in text
    asha.refresh_from_db()
    assert asha.name == "Asha"


def test_a_changed_number_is_two_requests(manager, asha, settings):
    settings.IVR_RATE_PER_S = 0.5
    text = preview(manager, f"{AGENTS}{asha.pk}/preview/", agent_form(number="9812345679"))
    assert "2 requests: 98123 45678 takes no calls, 98123 45679 takes calls; about 4 seconds." in text


@pytest.mark.parametrize("values", [{"number": "call me"}, {"number": ""}, {"availability": "MAYBE"}])
def test_an_invalid_form_has_no_preview(manager, asha, values):
    assert preview(manager, f"{AGENTS}{asha.pk}/preview/", agent_form(**values)) == ""
    assert preview(manager, f"{AGENTS}add/preview/", {}) == ""


def test_a_taken_number_has_no_preview(manager, asha):
    assert preview(manager, f"{AGENTS}add/preview/", agent_form(name="Ravi")) == ""


def test_the_editable_list_previews_all_its_changes(manager, asha):
    data = {
        "form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": asha.pk, "form-0-availability": "OFF",
    }  # fmt: skip
    assert "1 request: 98123 45678 takes no calls" in preview(manager, f"{AGENTS}preview/", data)
    assert "Nothing to send." in preview(
        manager, f"{AGENTS}preview/", data | {"form-0-availability": "AVAIL"}
    )
    assert preview(manager, f"{AGENTS}preview/", data | {"form-0-availability": "x"}) == ""
    assert preview(manager, f"{AGENTS}preview/", data | {"form-0-id": 999}) == ""
    assert preview(manager, f"{AGENTS}preview/", {}) == ""
    asha.refresh_from_db()
    assert asha.availability == "AVAIL"


def test_the_week_is_listed_from_monday_to_sunday(manager, simulator):
    week = [
        OfficeHours.objects.create(day=day, opens_at=dt.time(9), closes_at=dt.time(18))
        for day in ("Monday", "Tuesday", "Friday")
    ]
    reconcile.repair()
    data = {"form-TOTAL_FORMS": 3, "form-INITIAL_FORMS": 3}
    for number, day in enumerate(week):
        data |= {
            f"form-{number}-id": day.pk,
            f"form-{number}-opens_at": "09:30",
            f"form-{number}-closes_at": "18:30",
        }
    text = preview(manager, f"{HOURS}preview/", data)
    assert "3 requests: Monday 09:30 AM to 06:30 PM, Tuesday 09:30 AM to 06:30 PM, Friday" in text
    assert preview(manager, f"{HOURS}preview/", data | {"form-1-closes_at": "08:00"}) == ""


def test_the_preview_says_that_changes_wait_while_sending_is_stopped(manager, simulator):
    service.stop_sending("anita")
    text = preview(manager, f"{AGENTS}add/preview/", agent_form())
    assert "Nothing is sent at this moment, so it will wait." in text


def test_moving_a_sent_holiday_warns_that_the_old_date_stays(manager, simulator):
    holiday = Holiday.objects.create(date=SOON)
    reconcile.repair()
    worker.deliver_due(budget_s=5)
    moved = {"date": (SOON + dt.timedelta(days=1)).isoformat(), "name": ""}
    text = preview(manager, f"{HOLIDAYS}{holiday.pk}/preview/", moved)
    assert "1 request: holiday on" in text
    assert "The provider cannot take back a holiday" in text


def test_the_delete_page_shows_a_preview(manager, simulator, asha):
    assert "98123 45678 takes no calls" in manager.get(f"{AGENTS}{asha.pk}/delete/").text
    assert Agent.objects.exists()
    holiday = Holiday.objects.create(date=SOON)
    reconcile.repair()
    assert "cannot take back" not in manager.get(f"{HOLIDAYS}{holiday.pk}/delete/").text, "not sent yet"
    worker.deliver_due(budget_s=5)
    assert "The provider cannot take back a holiday" in manager.get(f"{HOLIDAYS}{holiday.pk}/delete/").text
    chosen = {"action": "delete_selected", "_selected_action": [holiday.pk]}
    assert "The provider cannot take back a holiday" in manager.post(HOLIDAYS, chosen).text
    assert Holiday.objects.exists()


def test_a_user_without_permission_gets_no_preview(client_for, asha):
    supervisor = client_for(SUPERVISORS)
    for path in (f"{AGENTS}preview/", f"{AGENTS}add/preview/", f"{AGENTS}{asha.pk}/preview/"):
        assert supervisor.post(path, agent_form()).status_code == 403


def test_a_missing_record_is_404_and_get_is_not_allowed(manager, asha):
    assert manager.post(f"{AGENTS}999/preview/", agent_form()).status_code == 404
    assert manager.get(f"{AGENTS}{asha.pk}/preview/").status_code == 405
