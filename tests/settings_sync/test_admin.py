"""The admin pages of the office, through Django's test client: saves, field errors, roles, query counts."""

import datetime as dt

import pytest
from django.urls import reverse

from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync.delivery import worker
from settings_sync.models import Agent, Holiday, OfficeHours, ProviderSetting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

AGENTS = "/admin/settings_sync/agent/"
TOMORROW = dt.date.today() + dt.timedelta(days=2)


@pytest.fixture
def manager(client_for):
    return client_for(OFFICE_MANAGERS)


def add_agent(client, **values):
    data = {"name": "Asha", "number": "98123 45678", "department": "Sales", "availability": "AVAIL"}
    return client.post(AGENTS + "add/", data | values)


def desired():
    return dict(ProviderSetting.objects.values_list("address", "desired"))


def test_a_saved_agent_becomes_a_setting(manager):
    assert add_agent(manager).status_code == 302
    assert Agent.objects.get().number == "+919812345678"
    assert desired() == {"agent:9812345678": "AVAIL"}


def test_a_used_number_is_rejected_in_any_spelling(manager):
    add_agent(manager)
    for spelling in ("9812345678", "+91 98123-45678", "09812345678"):
        response = add_agent(manager, name="Ravi", number=spelling)
        assert "Another agent has this number already." in response.text
    assert Agent.objects.count() == 1


def test_an_invalid_number_is_an_error_of_its_field(manager):
    response = add_agent(manager, number="call me")
    assert "This is not a telephone number." in response.text
    assert response.context["adminform"].form.errors.keys() == {"number"}


def test_a_changed_number_switches_the_old_one_off(manager):
    add_agent(manager)
    agent = Agent.objects.get()
    data = {"name": "Asha", "number": "9812345679", "department": "", "availability": "AVAIL"}
    manager.post(f"{AGENTS}{agent.pk}/change/", data)
    assert desired() == {"agent:9812345678": "OFF", "agent:9812345679": "AVAIL"}


def test_a_deleted_agent_is_switched_off(manager):
    add_agent(manager)
    agent = Agent.objects.get()
    manager.post(f"{AGENTS}{agent.pk}/delete/", {"post": "yes"})
    assert desired() == {"agent:9812345678": "OFF"}


def test_list_edits_and_bulk_actions_change_settings(manager):
    for number in ("9812345678", "9812345679"):
        add_agent(manager, number=number)
    first, second = Agent.objects.order_by("number")
    manager.post(
        AGENTS,
        {"form-TOTAL_FORMS": 2, "form-INITIAL_FORMS": 2, "form-0-id": first.pk, "form-0-availability": "OFF",
         "form-1-id": second.pk, "form-1-availability": "AVAIL", "_save": "Save"},
    )  # fmt: skip
    assert desired() == {"agent:9812345678": "OFF", "agent:9812345679": "AVAIL"}
    manager.post(AGENTS, {"action": "switch_off", "_selected_action": [first.pk, second.pk]})
    assert set(desired().values()) == {"OFF"}
    manager.post(
        AGENTS, {"action": "delete_selected", "_selected_action": [first.pk, second.pk], "post": "yes"}
    )
    assert not Agent.objects.exists()
    assert set(desired().values()) == {"OFF"}


def test_hours_that_close_before_they_open_are_an_error_of_their_field(manager):
    url = "/admin/settings_sync/officehours/add/"
    response = manager.post(url, {"day": "Monday", "opens_at": "18:00", "closes_at": "09:00"})
    assert "Closing must come after opening" in response.text
    assert not OfficeHours.objects.exists()
    manager.post(url, {"day": "Monday", "opens_at": "09:30", "closes_at": "18:30"})
    assert desired() == {"hours:Monday": "09:30-18:30"}


def test_a_past_or_duplicate_holiday_is_an_error_of_its_field(manager):
    url = "/admin/settings_sync/holiday/add/"
    assert "This date has passed" in manager.post(url, {"date": "2020-01-26", "name": ""}).text
    manager.post(url, {"date": TOMORROW.isoformat(), "name": "Founder's day"})
    assert (
        "This date is a holiday already."
        in manager.post(url, {"date": TOMORROW.isoformat(), "name": ""}).text
    )
    assert desired() == {f"holiday:{TOMORROW}": "HOLIDAY"}


def test_the_badge_shows_waiting_and_then_in_force(manager, simulator):
    add_agent(manager)
    assert "Waiting" in manager.get(AGENTS + "list/").text
    worker.deliver_due(budget_s=5)
    page = manager.get(AGENTS + "list/").text
    assert "In force" in page
    assert (
        reverse("admin:settings_sync_providersetting_change", args=[ProviderSetting.objects.get().pk]) in page
    )


def test_the_badge_shows_paused_without_a_provider(manager, settings):
    settings.IVR_API_KEY = ""
    add_agent(manager)
    assert "Paused: no provider set up" in manager.get(AGENTS).text


def test_a_supervisor_reads_and_changes_nothing(client_for):
    supervisor = client_for(SUPERVISORS)
    Agent.objects.create(name="Asha", number="+919812345678")
    assert supervisor.get(AGENTS).status_code == 200
    assert supervisor.get(AGENTS + "add/").status_code == 403
    assert supervisor.get("/admin/settings_sync/providersetting/").status_code == 200
    assert supervisor.get("/admin/auth/user/").status_code == 403


def test_a_manager_has_no_push_keys_and_no_users(manager):
    assert manager.get("/admin/calllogs/pushkey/").status_code == 403
    assert manager.get("/admin/auth/user/").status_code == 403


@pytest.mark.parametrize(
    "path",
    ["", "settings_sync/agent/", "settings_sync/holiday/", "settings_sync/officehours/", "calllogs/calllog/",
     "settings_sync/providersetting/", "settings_sync/attempt/", "calllogs/push/", "calllogs/pushkey/",
     "auth/user/", "auth/group/", "settings_sync/agent/list/", "changes/",
     "settings_sync/agent/add/", "settings_sync/holiday/add/"],
)  # fmt: skip
def test_every_page_opens_with_few_queries(client_for, path, django_assert_max_num_queries):
    Agent.objects.bulk_create(Agent(name=f"Agent {n}", number=f"+9198123456{n:02d}") for n in range(60))
    for day in OfficeHours.Day.values:
        OfficeHours.objects.create(day=day, opens_at=dt.time(9), closes_at=dt.time(18))
    Holiday.objects.create(date=TOMORROW)
    from calllogs.statistics import refresh
    from settings_sync.delivery import reconcile

    reconcile.repair()
    refresh.rebuild()  # the worker does this once
    client = client_for(None)
    client.get(f"/admin/{path}")  # the first visit builds the call counts
    with django_assert_max_num_queries(15):
        response = client.get(f"/admin/{path}")
    assert response.status_code == 200
