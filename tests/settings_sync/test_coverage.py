"""Every way to switch off the last available agent in office hours asks for confirmation."""

import datetime as dt

import pytest
from django.utils import timezone

from ivrportal.accounts.roles import OFFICE_MANAGERS
from settings_sync import coverage
from settings_sync.models import Agent, Holiday, OfficeHours, OtherHours, ProviderSetting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

AGENTS = "/admin/settings_sync/agent/"
NOBODY = "Then nobody at all is available"
NO_SALES = "Then nobody in Sales is available"


@pytest.fixture
def manager(client_for):
    return client_for(OFFICE_MANAGERS)


@pytest.fixture
def open_now():
    for day in OfficeHours.Day.values:
        OfficeHours.objects.create(day=day, opens_at=dt.time(0), closes_at=dt.time(23, 59))


@pytest.fixture
def asha():
    return Agent.objects.create(name="Asha", number="+919812345678", department="Sales")


@pytest.fixture
def ravi():
    return Agent.objects.create(name="Ravi", number="+919812345679", department="Service")


def available():
    return set(Agent.objects.filter(availability="AVAIL").values_list("name", flat=True))


def form_of(agent, **values):
    return {
        "name": agent.name,
        "number": agent.number,
        "department": agent.department,
        "availability": "OFF",
    } | values


def list_of(*agents):
    data = {"form-TOTAL_FORMS": len(agents), "form-INITIAL_FORMS": len(agents), "_save": "Save"}
    for number, agent in enumerate(agents):
        data |= {f"form-{number}-id": agent.pk, f"form-{number}-availability": "OFF"}
    return data


# Each way to switch off an agent, as posted by the browser.
WAYS = {
    "switch": lambda a: (f"{AGENTS}board/switch/", {"switch": f"{a.pk}:OFF"}),
    "bulk": lambda a: (f"{AGENTS}board/switch/", {"bulk": "OFF", "agents": [a.pk]}),
    "department": lambda a: (f"{AGENTS}board/switch/", {"department": f"OFF:{a.department}"}),
    "pause": lambda a: (f"{AGENTS}board/pause/", {"agents": [a.pk], "until": "30", "asked": "1"}),
    "form": lambda a: (f"{AGENTS}{a.pk}/change/", form_of(a)),
    "form's pause": lambda a: (
        f"{AGENTS}{a.pk}/change/", form_of(a, availability="AVAIL", off_until="2099-01-01T10:00")
    ),
    "list": lambda a: (AGENTS, list_of(a)),
    "list's page": lambda a: (f"{AGENTS}list/", list_of(a)),
    "action": lambda a: (AGENTS, {"action": "switch_off", "_selected_action": [a.pk]}),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_switch_off_the_last_agent_asks_first(manager, open_now, asha, way):
    url, data = WAYS[way](asha)
    page = manager.post(url, data)
    assert page.status_code == 200
    assert NOBODY in page.text
    assert available() == {"Asha"}, "nothing was changed"
    assert not ProviderSetting.objects.filter(desired="OFF").exists()
    # The confirmation page posts the same data again with the confirmation.
    fields = dict(page.context["fields"])
    response = manager.post(page.context["action"], {**data, **fields, "sure": "1"})
    assert response.status_code == 302, response.text[:500]
    assert available() == set()
    assert ProviderSetting.objects.get().desired == "OFF"


@pytest.mark.parametrize("way", WAYS)
def test_the_last_agent_of_a_department_is_asked_about_by_department(manager, open_now, asha, ravi, way):
    url, data = WAYS[way](asha)
    page = manager.post(url, data)
    assert NO_SALES in page.text
    assert NOBODY not in page.text
    assert available() == {"Asha", "Ravi"}


# Without "department": switching off a whole department always leaves nobody in it.
@pytest.mark.parametrize("way", [way for way in WAYS if way != "department"])
def test_no_confirmation_while_others_are_available(manager, open_now, asha, way):
    Agent.objects.create(name="Meera", number="+919812345670", department="Sales")
    url, data = WAYS[way](asha)
    assert manager.post(url, data).status_code == 302
    assert available() == {"Meera"}


def test_no_confirmation_outside_office_hours(manager, open_now, asha):
    Holiday.objects.create(date=timezone.localdate())
    url, data = WAYS["switch"](asha)
    manager.post(url, data)
    assert available() == set()


def test_no_confirmation_without_office_hours(asha):
    assert coverage.build_questions([asha.pk]) == []


def test_a_date_override_for_today_counts(open_now, asha):
    at_noon = timezone.localtime().replace(hour=12, minute=0)
    assert coverage.build_questions([asha.pk], now=at_noon)
    OtherHours.objects.create(date=at_noon.date(), opens_at=dt.time(8), closes_at=dt.time(11))
    assert coverage.build_questions([asha.pk], now=at_noon) == []
    assert coverage.closing_time(at_noon.replace(hour=9)) == dt.time(11)


def test_no_confirmation_for_an_agent_who_is_off(open_now, asha):
    Agent.objects.update(availability="OFF")
    assert coverage.build_questions([asha.pk]) == []


def test_deleting_the_last_agent_warns_on_the_confirmation_page(manager, open_now, asha):
    assert NOBODY in manager.get(f"{AGENTS}{asha.pk}/delete/").text
    page = manager.post(AGENTS, {"action": "delete_selected", "_selected_action": [asha.pk]})
    assert NOBODY in page.text


def test_the_alarm_is_on_the_board_and_the_home_page_while_nobody_is_available(manager, open_now, asha, ravi):
    for url in (AGENTS, "/admin/"):
        assert "data-alarm" not in manager.get(url).text
    Agent.objects.filter(pk=asha.pk).update(availability="OFF")
    for url in (AGENTS, "/admin/"):
        assert "Nobody is available in: Sales." in manager.get(url).text
    Agent.objects.update(availability="OFF")
    for url in (AGENTS, "/admin/"):
        assert "Nobody is available." in manager.get(url).text
    Holiday.objects.create(date=timezone.localdate())
    for url in (AGENTS, "/admin/"):
        assert "data-alarm" not in manager.get(url).text
