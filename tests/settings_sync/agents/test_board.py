"""The agents' board through Django's client: what it says, what a press does, pauses, shifts, and what it costs."""

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
SWITCH, PAUSE, LOOK = BOARD + "board/switch/", BOARD + "board/pause/", BOARD + "board/look/"
JSON = {"accept": "application/json"}


@pytest.fixture
def manager(client_for):
    return client_for(OFFICE_MANAGERS)


@pytest.fixture
def asha():
    agent = Agent.objects.create(name="Asha", number="+919812345678", department="Sales")
    reconcile.repair()
    return agent


# --- what it says ----------------------------------------------------------------------------------------
def test_the_board_groups_by_department_and_counts(manager, asha):
    Agent.objects.create(name="Ravi", number="+919812345679", department="Sales", availability="OFF")
    Agent.objects.create(name="Meera", number="+919812345670")
    page = manager.get(BOARD).text
    assert "98123 45678" in page
    assert "1 of 2 available" in page
    assert "No department" in page
    assert "2 of 3 available" in page


def test_an_empty_board_says_what_to_do(manager):
    assert "Add the first one" in manager.get(BOARD).text


def test_old_addresses_of_the_list_still_lead_to_the_list(manager, asha):
    for url in (BOARD + "list/", BOARD + "?availability__exact=OFF", BOARD + "?o=1"):
        assert 'id="changelist-form"' in manager.get(url).text
    assert 'id="board"' in manager.get(BOARD + "?q=Asha").text


# --- a press ---------------------------------------------------------------------------------------------
def test_a_press_switches_tells_and_is_confirmed(manager, simulator, asha):
    answer = manager.post(SWITCH, {"switch": f"{asha.pk}:OFF"}, headers=JSON).json()
    assert "Sending" in answer["cards"][str(asha.pk)]
    assert 'aria-checked="false"' in answer["cards"][str(asha.pk)]
    assert answer["said"] == "Asha is switched off."
    assert answer["again_s"] == 1
    worker.run(budget_s=5)
    answer = manager.get(LOOK, {"ids": asha.pk}).json()
    assert "In force" in answer["cards"][str(asha.pk)]
    assert simulator.state()["agents"] == {"9812345678": "OFF"}


def test_a_press_without_scripts_leads_back_to_the_board(manager, asha):
    response = manager.post(SWITCH, {"switch": f"{asha.pk}:OFF"}, follow=True)
    assert response.redirect_chain == [(BOARD, 302)]
    assert "Asha is switched off." in response.text


def test_a_switch_sends_the_state_that_it_wants_so_two_people_do_not_undo_each_other(manager, asha):
    for _ in range(2):
        manager.post(SWITCH, {"switch": f"{asha.pk}:OFF"}, headers=JSON)
    asha.refresh_from_db()
    assert asha.availability == "OFF"
    assert asha.history.count() == 2, "the second press changed nothing, and says nothing"


def test_the_board_tells_the_truth_about_a_provider_that_refuses(manager, simulator, asha):
    simulator.set_faults("script:invalid_time")
    manager.post(SWITCH, {"switch": f"{asha.pk}:OFF"}, headers=JSON)
    worker.run(budget_s=5)
    assert "Refused" in manager.get(LOOK, {"ids": asha.pk}).json()["cards"][str(asha.pk)]


def test_several_and_whole_departments_are_switched_with_their_history(manager, asha):
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


def test_nothing_chosen_is_said(manager, asha):
    assert "Tick the agents first" in manager.post(SWITCH, {"bulk": "OFF"}, headers=JSON).json()["said"]
    for nonsense in ("x:OFF", f"{asha.pk}:MAYBE", "", "999999:OFF"):
        assert manager.post(SWITCH, {"switch": nonsense}, headers=JSON).status_code == 200
    asha.refresh_from_db()
    assert asha.availability == "AVAIL"


def test_a_supervisor_sees_the_board_and_switches_nothing(client_for, asha):
    supervisor = client_for(SUPERVISORS)
    page = supervisor.get(BOARD).text
    assert "disabled" in page
    for url in (SWITCH, PAUSE):
        assert supervisor.post(url, {"switch": f"{asha.pk}:OFF", "agents": asha.pk}).status_code == 403
    assert supervisor.get(LOOK).status_code == 200
    assert supervisor.get(f"{BOARD}{asha.pk}/change/").status_code == 200


# --- off for a while -------------------------------------------------------------------------------------
def test_a_pause_is_asked_for_and_shown(manager, asha):
    asked = manager.post(PAUSE, {"pause": asha.pk}, headers=JSON).json()
    assert "30 minutes" in asked["ask"]
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
    ("data", "words"),
    [({"until": "time", "time": "00:00"}, "has passed today"), ({"until": "time", "time": "soon"}, "hours and minutes"),
     ({"until": "time"}, "hours and minutes"), ({"until": "forever"}, "Choose how long"), ({}, "Choose how long")],
)  # fmt: skip
def test_a_pause_without_a_moment_is_asked_again_with_words(manager, asha, data, words):
    answer = manager.post(PAUSE, {"agents": asha.pk, "asked": "1", **data}, headers=JSON).json()
    assert words in answer["ask"]
    asha.refresh_from_db()
    assert asha.availability == "AVAIL"


def test_until_the_next_opening_leaves_holidays_out():
    friday = timezone.localtime().replace(year=2026, month=11, day=20, hour=15, minute=0)
    assert pauses.next_opening(friday) is None
    for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"):
        OfficeHours.objects.create(day=day, opens_at=dt.time(9, 30), closes_at=dt.time(18))
    Holiday.objects.create(date=dt.date(2026, 11, 23))
    opening = timezone.localtime(pauses.next_opening(friday))
    assert (opening.date(), opening.time()) == (dt.date(2026, 11, 24), dt.time(9, 30))


# --- the page of one agent -------------------------------------------------------------------------------
def form_of(agent, **values):
    return {
        "name": agent.name,
        "number": "98123 45678",
        "department": "Sales",
        "availability": agent.availability,
    } | values


def week(*shifts):
    data = {"shifts-TOTAL_FORMS": len(shifts), "shifts-INITIAL_FORMS": 0}
    for number, (day, starts, ends) in enumerate(shifts):
        data |= {
            f"shifts-{number}-day": day,
            f"shifts-{number}-starts_at": starts,
            f"shifts-{number}-ends_at": ends,
        }
    return data


def test_the_form_pauses_and_ends_pauses(manager, asha):
    url = f"{BOARD}{asha.pk}/change/"
    manager.post(url, form_of(asha, off_until="2099-01-05T15:00"))
    asha.refresh_from_db()
    assert asha.availability == "OFF"
    assert timezone.localtime(asha.off_until).hour == 15
    manager.post(url, form_of(asha, off_until="2099-01-05T15:00", availability="AVAIL"))
    asha.refresh_from_db()
    assert (asha.availability, asha.off_until) == ("AVAIL", None)
    assert "This moment has passed" in manager.post(url, form_of(asha, off_until="2020-01-05T15:00")).text


def test_shifts_are_edited_on_the_agents_page_which_says_what_comes_next(manager, asha):
    url = f"{BOARD}{asha.pk}/change/"
    every_day = [(day, "00:00", "12:00") for day in range(7)] + [(day, "12:30", "23:59") for day in range(7)]
    assert manager.post(url, form_of(asha) | week(*every_day)).status_code == 302
    assert asha.shifts.count() == 14
    page = manager.get(url).text
    assert "Shift ends: off at" in page or "Shift begins: on at" in page
    assert "A switch by hand holds until then." in page
    asha.refresh_from_db()
    assert asha.availability == "AVAIL", "a new week acts from its next edge on"


def test_shifts_that_overlap_or_end_before_they_begin_are_told_at_their_row(manager, asha):
    url = f"{BOARD}{asha.pk}/change/"
    page = manager.post(url, form_of(asha) | week((0, "09:00", "13:00"), (0, "12:00", "18:00"))).text
    assert "begins before the one before it ends, at 13:00" in page
    assert (
        "The end must come after the beginning"
        in manager.post(url, form_of(asha) | week((0, "18:00", "09:00"))).text
    )
    assert not Shift.objects.exists()


def test_an_empty_row_of_the_week_is_no_shift(manager, asha):
    for url in (f"{BOARD}{asha.pk}/change/", BOARD + "add/"):
        number = "98123 45678" if "change" in url else "98123 45679"
        assert manager.post(url, form_of(asha, number=number) | week((0, "", ""))).status_code == 302
    assert not Shift.objects.exists()


def test_a_department_is_one_however_it_is_typed(manager, asha):
    manager.post(
        BOARD + "add/",
        {"name": "Ravi", "number": "98123 45679", "department": " sales ", "availability": "AVAIL"},
    )
    assert set(Agent.objects.values_list("department", flat=True)) == {"Sales"}


def test_the_page_says_who_switched_the_agent(manager, asha):
    manager.post(SWITCH, {"switch": f"{asha.pk}:OFF"}, headers=JSON)
    page = manager.get(f"{BOARD}{asha.pk}/change/").text
    assert "Who changed what, when" in page
    assert "office-managers" in page


# --- what it costs ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["", "list/", "board/look/"])
def test_with_500_agents_a_page_asks_little(client_for, path, django_assert_max_num_queries):
    """How long it takes is in the benchmark of the office."""
    large_office()
    client = client_for(OFFICE_MANAGERS)
    client.get(BOARD + path)
    with django_assert_max_num_queries(15):
        assert client.get(BOARD + path).status_code == 200
