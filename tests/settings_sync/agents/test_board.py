"""The agents' board: content, switching, pauses, shifts and number of queries."""

import datetime as dt

import pytest
from django.utils import timezone

from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync.agents import pauses
from settings_sync.delivery import reconcile, worker
from settings_sync.models import Agent, Holiday, OfficeHours, ProviderSetting, Shift
from tests.settings_sync.agents.large_office import large_office

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

BOARD = "/admin/settings_sync/agent/"
SWITCH, PAUSE, POLL = BOARD + "board/switch/", BOARD + "board/pause/", BOARD + "board/look/"
JSON = {"accept": "application/json"}


@pytest.fixture
def manager(client_for):
    return client_for(OFFICE_MANAGERS)


@pytest.fixture
def asha():
    agent = Agent.objects.create(name="Asha", number="+919812345678", department="Sales")
    reconcile.repair()
    return agent


# --- content ----------------------------------------------------------------------------------------
def test_the_board_groups_by_department_and_counts(manager, asha):
    Agent.objects.create(name="Ravi", number="+919812345679", department="Sales", availability="OFF")
    Agent.objects.create(name="Meera", number="+919812345670")
    page = manager.get(BOARD).text
    assert "98123 45678" in page
    assert "1 of 2 available" in page
    assert "No department" in page
    assert "2 of 3 available" in page


def test_an_empty_board_explains_how_to_add_an_agent(manager):
    assert "Add the first one" in manager.get(BOARD).text


def test_urls_of_the_change_list_still_show_it(manager, asha):
    for url in (BOARD + "list/", BOARD + "?availability__exact=OFF", BOARD + "?o=1"):
        assert 'id="changelist-form"' in manager.get(url).text
    assert 'id="board"' in manager.get(BOARD + "?q=Asha").text


# --- switching ---------------------------------------------------------------------------------------------
def test_a_switch_is_sent_and_confirmed(manager, simulator, asha):
    answer = manager.post(SWITCH, {"switch": f"{asha.pk}:OFF"}, headers=JSON).json()
    assert "Sending" in answer["cards"][str(asha.pk)]
    assert 'aria-checked="false"' in answer["cards"][str(asha.pk)]
    assert answer["said"] == "Asha is switched off."
    assert answer["again_s"] == 1
    worker.deliver_due(budget_s=5)
    answer = manager.get(POLL, {"ids": asha.pk}).json()
    assert "In force" in answer["cards"][str(asha.pk)]
    assert simulator.state()["agents"] == {"9812345678": "OFF"}


def test_a_switch_without_scripts_redirects_to_the_board(manager, asha):
    response = manager.post(SWITCH, {"switch": f"{asha.pk}:OFF"}, follow=True)
    assert response.redirect_chain == [(BOARD, 302)]
    assert "Asha is switched off." in response.text


def test_a_switch_posts_the_wanted_state_so_two_users_do_not_undo_each_other(manager, asha):
    for _ in range(2):
        manager.post(SWITCH, {"switch": f"{asha.pk}:OFF"}, headers=JSON)
    asha.refresh_from_db()
    assert asha.availability == "OFF"
    assert asha.history.count() == 2, "the second request changed nothing"


def test_the_board_shows_a_refusal_by_the_provider(manager, simulator, asha):
    simulator.set_faults("script:invalid_time")
    manager.post(SWITCH, {"switch": f"{asha.pk}:OFF"}, headers=JSON)
    worker.deliver_due(budget_s=5)
    assert "Refused" in manager.get(POLL, {"ids": asha.pk}).json()["cards"][str(asha.pk)]


def test_bulk_and_department_switches_are_recorded_in_the_history(manager, asha):
    ravi = Agent.objects.create(name="Ravi", number="+919812345679", department="Service")
    manager.post(SWITCH, {"bulk": "OFF", "agents": [asha.pk, ravi.pk]}, headers=JSON)
    assert set(Agent.objects.values_list("availability", flat=True)) == {"OFF"}
    manager.post(SWITCH, {"department": "AVAIL:Service"}, headers=JSON)
    assert dict(Agent.objects.values_list("name", "availability")) == {"Asha": "OFF", "Ravi": "AVAIL"}
    assert ravi.history.first().history_user.username == "office-managers"
    assert dict(ProviderSetting.objects.values_list("address", "desired")) == {
        "agent:9812345678": "OFF",
        "agent:9812345679": "AVAIL",
    }


def test_an_empty_selection_is_reported(manager, asha):
    assert "Tick the agents first" in manager.post(SWITCH, {"bulk": "OFF"}, headers=JSON).json()["said"]
    for nonsense in ("x:OFF", f"{asha.pk}:MAYBE", "", "999999:OFF"):
        assert manager.post(SWITCH, {"switch": nonsense}, headers=JSON).status_code == 200
    asha.refresh_from_db()
    assert asha.availability == "AVAIL"


def test_a_supervisor_sees_the_board_but_cannot_switch(client_for, asha):
    supervisor = client_for(SUPERVISORS)
    page = supervisor.get(BOARD).text
    assert "disabled" in page
    for url in (SWITCH, PAUSE):
        assert supervisor.post(url, {"switch": f"{asha.pk}:OFF", "agents": asha.pk}).status_code == 403
    assert supervisor.get(POLL).status_code == 200
    assert supervisor.get(f"{BOARD}{asha.pk}/change/").status_code == 200


# --- pauses -------------------------------------------------------------------------------------
def test_the_end_of_a_pause_is_asked_for_and_shown(manager, asha):
    question = manager.post(PAUSE, {"pause": asha.pk}, headers=JSON).json()
    assert "30 minutes" in question["ask"]
    answer = manager.post(PAUSE, {"agents": asha.pk, "until": "60", "asked": "1"}, headers=JSON).json()
    assert "Off until" in answer["cards"][str(asha.pk)]
    asha.refresh_from_db()
    assert asha.availability == "OFF"
    assert dt.timedelta(minutes=59) < asha.off_until - timezone.now() <= dt.timedelta(minutes=61)


def test_switching_on_by_hand_ends_the_pause(manager, asha):
    manager.post(PAUSE, {"agents": asha.pk, "until": "30"}, headers=JSON)
    manager.post(SWITCH, {"switch": f"{asha.pk}:AVAIL"}, headers=JSON)
    asha.refresh_from_db()
    assert (asha.availability, asha.off_until) == ("AVAIL", None)


@pytest.mark.parametrize(
    ("data", "error"),
    [({"until": "time", "time": "00:00"}, "has passed today"), ({"until": "time", "time": "soon"}, "hours and minutes"),
     ({"until": "time"}, "hours and minutes"), ({"until": "forever"}, "Choose how long"), ({}, "Choose how long")],
)  # fmt: skip
def test_an_invalid_end_of_a_pause_is_asked_for_again_with_the_error(manager, asha, data, error):
    answer = manager.post(PAUSE, {"agents": asha.pk, "asked": "1", **data}, headers=JSON).json()
    assert error in answer["ask"]
    asha.refresh_from_db()
    assert asha.availability == "AVAIL"


def test_the_next_opening_skips_holidays():
    friday = timezone.localtime().replace(year=2026, month=11, day=20, hour=15, minute=0)
    assert pauses.next_opening(friday) is None
    for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"):
        OfficeHours.objects.create(day=day, opens_at=dt.time(9, 30), closes_at=dt.time(18))
    Holiday.objects.create(date=dt.date(2026, 11, 23))
    opening = timezone.localtime(pauses.next_opening(friday))
    assert (opening.date(), opening.time()) == (dt.date(2026, 11, 24), dt.time(9, 30))


# --- the change form -------------------------------------------------------------------------------
def agent_form_data(agent, **values):
    return {
        "name": agent.name,
        "number": "98123 45678",
        "department": "Sales",
        "availability": agent.availability,
    } | values


def shift_form_data(*shifts):
    data = {"shifts-TOTAL_FORMS": len(shifts), "shifts-INITIAL_FORMS": 0}
    for number, (day, starts, ends) in enumerate(shifts):
        data |= {
            f"shifts-{number}-day": day,
            f"shifts-{number}-starts_at": starts,
            f"shifts-{number}-ends_at": ends,
        }
    return data


def test_the_form_starts_and_ends_a_pause(manager, asha):
    url = f"{BOARD}{asha.pk}/change/"
    manager.post(url, agent_form_data(asha, off_until="2099-01-05T15:00"))
    asha.refresh_from_db()
    assert asha.availability == "OFF"
    assert timezone.localtime(asha.off_until).hour == 15
    manager.post(url, agent_form_data(asha, off_until="2099-01-05T15:00", availability="AVAIL"))
    asha.refresh_from_db()
    assert (asha.availability, asha.off_until) == ("AVAIL", None)
    assert (
        "This moment has passed"
        in manager.post(url, agent_form_data(asha, off_until="2020-01-05T15:00")).text
    )


def test_shifts_are_edited_in_the_form_which_shows_the_next_switch(manager, asha):
    url = f"{BOARD}{asha.pk}/change/"
    every_day = [(day, "00:00", "12:00") for day in range(7)] + [(day, "12:30", "23:59") for day in range(7)]
    assert manager.post(url, agent_form_data(asha) | shift_form_data(*every_day)).status_code == 302
    assert asha.shifts.count() == 14
    page = manager.get(url).text
    assert "Shift ends: off at" in page or "Shift begins: on at" in page
    assert "A switch by hand holds until then." in page
    asha.refresh_from_db()
    assert asha.availability == "AVAIL", "new shifts take effect at their next start or end"


def test_shifts_that_overlap_or_end_before_they_start_show_an_error_in_their_row(manager, asha):
    url = f"{BOARD}{asha.pk}/change/"
    page = manager.post(
        url, agent_form_data(asha) | shift_form_data((0, "09:00", "13:00"), (0, "12:00", "18:00"))
    ).text
    assert "begins before the one before it ends, at 13:00" in page
    assert (
        "The end must come after the beginning"
        in manager.post(url, agent_form_data(asha) | shift_form_data((0, "18:00", "09:00"))).text
    )
    assert not Shift.objects.exists()


def test_an_empty_shift_row_is_ignored(manager, asha):
    for url in (f"{BOARD}{asha.pk}/change/", BOARD + "add/"):
        number = "98123 45678" if "change" in url else "98123 45679"
        assert (
            manager.post(url, agent_form_data(asha, number=number) | shift_form_data((0, "", ""))).status_code
            == 302
        )
    assert not Shift.objects.exists()


def test_a_department_is_matched_whatever_its_case_and_spaces(manager, asha):
    manager.post(
        BOARD + "add/",
        {"name": "Ravi", "number": "98123 45679", "department": " sales ", "availability": "AVAIL"},
    )
    assert set(Agent.objects.values_list("department", flat=True)) == {"Sales"}


def test_the_form_shows_who_switched_the_agent(manager, asha):
    manager.post(SWITCH, {"switch": f"{asha.pk}:OFF"}, headers=JSON)
    page = manager.get(f"{BOARD}{asha.pk}/change/").text
    assert "Who changed what, when" in page
    assert "office-managers" in page


# --- number of queries ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["", "list/", "board/look/"])
def test_with_500_agents_a_page_needs_few_queries(client_for, path, django_assert_max_num_queries):
    """The duration is measured by tests/bench/office_process.py."""
    large_office()
    client = client_for(OFFICE_MANAGERS)
    client.get(BOARD + path)
    with django_assert_max_num_queries(15):
        assert client.get(BOARD + path).status_code == 200
