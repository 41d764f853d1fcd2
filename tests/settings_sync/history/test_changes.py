"""The history of changes: content, filters, delivery status and undo."""

import datetime as dt
import re

import pytest
from django.utils import timezone
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync import scheduler
from settings_sync.delivery import reconcile, service, worker
from settings_sync.history import change_log, delivery_status
from settings_sync.history.change_log import ChangeFilter
from settings_sync.history.delivery_status import DeliveryStatus
from settings_sync.models import Agent, Holiday, OfficeHours, OtherHours, ProviderSetting, Shift

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

PAGE = "/admin/changes/"
AGENTS = "/admin/settings_sync/agent/"
SOON = timezone.localdate() + dt.timedelta(days=20)


@pytest.fixture
def manager(client_for):
    return client_for(OFFICE_MANAGERS)


@pytest.fixture
def asha(manager):
    manager.post(
        AGENTS + "add/",
        {"name": "Asha", "number": "9812345678", "department": "Sales", "availability": "AVAIL"},
    )
    return Agent.objects.get()


def switch(manager, agent, to):
    manager.post(AGENTS + "board/switch/", {"switch": f"{agent.pk}:{to}"})


def statuses(**filters):
    found, _more = change_log.load_page(ChangeFilter(**filters))
    return [
        (change.row.history_type, delivery.status)
        for change, delivery in zip(found, delivery_status.delivery_statuses(found), strict=True)
    ]


def undo_links(page):
    return re.findall(r'href="(/admin/changes/[a-z]+/\d+/)"', page.text)


# --- content ----------------------------------------------------------------------------------------
def test_a_change_shows_author_time_and_values(manager, asha):
    switch(manager, asha, "OFF")
    page = manager.get(PAGE).text
    assert "office-managers" in page
    assert re.search(r"<del>Available</del>.*?<ins>Off</ins>", page, re.DOTALL)
    assert "Agent, added" in page


def test_automatic_changes_show_their_cause(manager, asha):
    Agent.objects.update(availability="OFF", off_until=timezone.now() - dt.timedelta(seconds=1))
    scheduler.apply_due_changes()
    assert "by itself: the pause is over" in manager.get(PAGE).text
    Shift.objects.create(agent=asha, day=0, starts_at=dt.time(9), ends_at=dt.time(18))
    monday = dt.datetime(2026, 11, 23, 10, tzinfo=timezone.get_default_timezone())
    for days, hour in ((0, 8), (0, 18)):
        scheduler.apply_due_changes(monday.replace(hour=hour) + dt.timedelta(days=days))
    assert "by itself: shift" in manager.get(PAGE).text


def test_the_history_of_a_deleted_record_stays(manager, asha):
    manager.post(f"{AGENTS}{asha.pk}/delete/", {"post": "yes"})
    page = manager.get(f"{PAGE}?record=agent:{asha.pk}").text
    assert "Agent, deleted" in page
    assert "Changes of Asha" in page


def test_filters_limit_the_list(manager, asha):
    manager.post("/admin/settings_sync/holiday/add/", {"date": SOON.isoformat(), "name": "Founder's day"})
    Agent.objects.get().save()  # without a user
    manager.get("/admin/")  # shows the messages of the saves, which name the records
    for query, wanted, unwanted in (
        ("kind=holiday", "Founder", "Asha"), ("kind=agent", "Asha", "Founder"),
        ("person=itself", "Saved without a change", "Founder"),
        (f"record=agent:{asha.pk}", "Asha", "Founder"), ("first=2099-01-01", "Nothing was changed that fits", "Asha"),
        ("last=2001-01-01", "Nothing was changed that fits", "Asha"),
    ):  # fmt: skip
        page = manager.get(f"{PAGE}?{query}").text
        assert wanted in page, query
        assert unwanted not in page, query
    assert "no date" in manager.get(f"{PAGE}?first=nonsense").text
    for query in ("page=x", "page=999999999", "person=x", "record=agent:x", "kind=x", "record=x:1"):
        assert manager.get(f"{PAGE}?{query}").status_code == 200


def test_a_record_without_earlier_history_is_marked_as_such(manager):
    agent = Agent.objects.bulk_create([Agent(name="Asha", number="+919812345678")])[0]
    switch(manager, agent, "OFF")
    assert "What it was before is not known" in manager.get(PAGE).text


# --- delivery status ---------------------------------------------------------------------
def test_in_force_and_not_yet(manager, simulator, asha):
    assert statuses() == [("+", DeliveryStatus.NOT_YET)]
    worker.deliver_due(budget_s=5)
    assert statuses() == [("+", DeliveryStatus.IN_FORCE)]
    assert re.search(r"In force since \d\d:\d\d", manager.get(PAGE).text)


def test_a_change_replaced_before_it_was_sent(manager, simulator, asha):
    worker.deliver_due(budget_s=5)
    switch(manager, asha, "OFF")
    switch(manager, asha, "AVAIL")
    worker.deliver_due(budget_s=5)
    assert statuses() == [
        ("~", DeliveryStatus.IN_FORCE),
        ("~", DeliveryStatus.REPLACED),
        ("+", DeliveryStatus.IN_FORCE),
    ]


def test_a_change_that_was_sent_but_never_confirmed_is_not_in_force(manager, simulator, asha):
    simulator.set_faults("script:http500")
    worker.deliver_due(budget_s=0.01)
    switch(manager, asha, "OFF")
    assert statuses()[-1] == ("+", DeliveryStatus.UNCONFIRMED)


def test_a_change_of_a_name_is_not_sent(manager, simulator, asha):
    asha.name = "Asha Nair"
    asha.save()
    assert statuses()[0] == ("~", DeliveryStatus.NOTHING)


def test_a_sent_holiday_that_was_deleted_could_not_be_taken_back(manager, simulator):
    for date in (SOON, SOON + dt.timedelta(days=1)):
        manager.post("/admin/settings_sync/holiday/add/", {"date": date.isoformat(), "name": ""})
        if date == SOON:
            worker.deliver_due(budget_s=5)
    for holiday in Holiday.objects.order_by("date"):
        manager.post(f"/admin/settings_sync/holiday/{holiday.pk}/delete/", {"post": "yes"})
    assert statuses() == [
        ("-", DeliveryStatus.NEVER_SENT),
        ("-", DeliveryStatus.STUCK),
        ("+", DeliveryStatus.REPLACED),
        ("+", DeliveryStatus.IN_FORCE),
    ]
    assert "Could not be taken back" in manager.get(PAGE).text
    service.close_withdrawn(ProviderSetting.objects.get().pk)
    assert statuses()[1] == ("-", DeliveryStatus.REMOVED)


def test_hours_are_in_force_if_sent_as_daily(simulator, settings):
    settings.IVR_SEND_DAILY = True
    for day in OfficeHours.Day.values:
        OfficeHours.objects.create(day=day, opens_at=dt.time(9), closes_at=dt.time(18))
    reconcile.repair()
    worker.deliver_due(budget_s=10)
    assert {status for _, status in statuses(kinds=("hours",))} == {DeliveryStatus.IN_FORCE}


def test_a_date_override_waits_for_its_date(simulator):
    OtherHours.objects.create(date=SOON, opens_at=dt.time(9), closes_at=dt.time(12))
    OtherHours.objects.create(date=dt.date(2020, 1, 1), opens_at=dt.time(9), closes_at=dt.time(12))
    assert statuses(kinds=("other",)) == [("+", DeliveryStatus.TOO_LATE), ("+", DeliveryStatus.LATER)]


# --- undo ----------------------------------------------------------------------------------------
def test_an_undo_is_confirmed_and_sent(manager, simulator, asha):
    switch(manager, asha, "OFF")
    link = undo_links(manager.get(PAGE))[0]
    question = manager.get(link).text
    assert "Yes, put it back" in question
    assert re.search(r"<del>Off</del>.*?<ins>Available</ins>", question, re.DOTALL)
    assert Agent.objects.get().availability == "OFF", "GET changes nothing"
    page = manager.post(link, follow=True)
    assert Agent.objects.get().availability == "AVAIL"
    assert ProviderSetting.objects.get().desired == "AVAIL"
    assert "office-managers, put back" in page.text
    assert "nothing to put back" in manager.get(link).text
    manager.post(link)
    assert asha.history.count() == 3, "a second undo does nothing"


def test_an_undo_restores_only_the_fields_of_the_change(manager, asha):
    switch(manager, asha, "OFF")
    asha.refresh_from_db()
    asha.name = "Asha Nair"
    asha.save()
    manager.post(undo_links(manager.get(PAGE))[1])
    asha.refresh_from_db()
    assert (asha.name, asha.availability) == ("Asha Nair", "AVAIL")


def test_restoring_a_number_switches_the_other_one_off(manager, asha):
    form = {"name": "Asha", "number": "9812345679", "department": "Sales", "availability": "AVAIL"}
    manager.post(f"{AGENTS}{asha.pk}/change/", form)
    manager.post(undo_links(manager.get(PAGE))[0])
    assert dict(ProviderSetting.objects.values_list("address", "desired")) == {
        "agent:9812345678": "AVAIL",
        "agent:9812345679": "OFF",
    }


def test_a_deleted_agent_is_restored_with_shifts_and_history(manager, asha):
    Shift.objects.create(agent=asha, day=0, starts_at=dt.time(9), ends_at=dt.time(18))
    manager.post(f"{AGENTS}{asha.pk}/delete/", {"post": "yes"})
    assert not Shift.objects.exists()
    link = next(link for link in undo_links(manager.get(PAGE)) if "/agent/" in link)
    assert "with 1 shift" in manager.get(link).text
    manager.post(link)
    restored = Agent.objects.get()
    assert (restored.pk, restored.name, restored.number) == (asha.pk, "Asha", "+919812345678")
    assert restored.shifts.count() == 1
    assert ProviderSetting.objects.get().desired == "AVAIL"
    assert restored.history.count() == 3
    assert "there again already" in manager.get(link).text


def test_a_deleted_agent_whose_number_is_taken_cannot_be_restored(manager, asha):
    manager.post(f"{AGENTS}{asha.pk}/delete/", {"post": "yes"})
    link = undo_links(manager.get(PAGE))[0]
    Agent.objects.create(name="Ravi", number="+919812345678")
    assert "Another agent has this number already." in manager.get(link).text
    manager.post(link)
    assert Agent.objects.count() == 1


def test_a_deleted_future_holiday_can_be_restored_but_not_a_past_one(manager):
    for date in (SOON, dt.date(2020, 1, 26)):
        Holiday.objects.create(date=date, name="Day").delete()
    links = undo_links(manager.get(PAGE))
    assert len(links) == 1
    manager.post(links[0])
    assert Holiday.objects.get().date == SOON
    assert ProviderSetting.objects.get().address == f"holiday:{SOON}"


def test_a_change_of_hours_is_undone(manager):
    monday = OfficeHours.objects.create(day="Monday", opens_at=dt.time(9), closes_at=dt.time(18))
    monday.closes_at = dt.time(16)
    monday.save()
    manager.post(undo_links(manager.get(PAGE))[0])
    assert ProviderSetting.objects.get().desired == "09:00-18:00"


def test_an_undo_that_switches_off_the_last_agent_must_be_confirmed(manager, asha):
    for day in OfficeHours.Day.values:
        OfficeHours.objects.create(day=day, opens_at=dt.time(0), closes_at=dt.time(23, 59))
    Agent.objects.update(availability="OFF")
    asha.history.all().update(availability="OFF")
    switch(manager, asha, "AVAIL")
    link = next(link for link in undo_links(manager.get(PAGE)) if "/agent/" in link)
    assert "nobody at all is available" in manager.get(link).text
    manager.post(link)
    assert Agent.objects.get().availability == "AVAIL", "not without confirmation"
    manager.post(link, {"sure": "1"})
    assert Agent.objects.get().availability == "OFF"


def test_a_supervisor_reads_the_history_but_cannot_undo(client_for, manager, asha):
    switch(manager, asha, "OFF")
    link = undo_links(manager.get(PAGE))[0]
    supervisor = client_for(SUPERVISORS)
    page = supervisor.get(PAGE)
    assert page.status_code == 200
    assert undo_links(page) == []
    assert supervisor.post(link).status_code == 403
    assert manager.get("/admin/changes/agent/999999/").status_code == 404
    assert manager.get("/admin/changes/nonsense/1/").status_code == 404


# --- number of queries ---------------------------------------------------------------------------------------
def test_with_thousands_of_changes_a_page_needs_few_queries(
    manager, simulator, django_assert_max_num_queries
):
    agents = bulk_create_with_history(
        [Agent(name=f"Agent {n}", number=f"+9198123{45000 + n}", department="Sales") for n in range(500)],
        Agent,
    )
    hours = bulk_create_with_history(
        [OfficeHours(day=day, opens_at=dt.time(9), closes_at=dt.time(18)) for day in OfficeHours.Day.values],
        OfficeHours,
    )
    bulk_create_with_history([Holiday(date=SOON + dt.timedelta(days=n)) for n in range(400)], Holiday)
    bulk_create_with_history([OtherHours(date=SOON, opens_at=dt.time(9), closes_at=dt.time(18))], OtherHours)
    bulk_create_with_history(
        [Shift(agent=agents[n], day=0, starts_at=dt.time(9), ends_at=dt.time(18)) for n in range(5)], Shift
    )
    for turn in range(6):  # the duration is measured by tests/bench/office_process.py
        for agent in agents:
            agent.availability = "OFF" if turn % 2 else "AVAIL"
        bulk_update_with_history(agents, Agent, ["availability"])
    # One page with every kind of record.
    for record in (*hours, *Holiday.objects.all()[:5], OtherHours.objects.get(), *Shift.objects.all()):
        record.save()
    reconcile.repair()
    worker.deliver_due(budget_s=5)
    for query in (
        "",
        "?page=2",
        "?page=50",
        f"?record=agent:{agents[0].pk}",
        "?kind=agent&person=itself&first=2020-01-01",
    ):
        manager.get(PAGE + query)
        with django_assert_max_num_queries(15):
            assert manager.get(PAGE + query).status_code == 200
