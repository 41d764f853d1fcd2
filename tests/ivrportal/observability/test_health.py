"""The health endpoints, and the counts of the home screen."""

import datetime as dt
import threading
import time

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from calllogs.intake import group_commit, replay
from calllogs.intake.envelope import receive, to_spool_record
from calllogs.models import Push
from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from ivrportal.observability import database_probe, gauges
from settings_sync.models import ProviderSetting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def spooled():
    group_commit.stop()  # a writer of an earlier test would drain it during this one
    replay.get_spool().append(
        to_spool_record(receive(b"calllogid=spooled-1&date=2026-11-08&time=10:00", "127.0.0.1"))
    )
    yield
    replay.drain()


@pytest.fixture
def machine():
    return Client(headers={"host": "127.0.0.1"})


def test_the_process_says_that_it_serves(machine, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert machine.get("/healthz").content == b"ok"


def test_readiness_reports_database_broker_spool_settings_and_pushes(machine, spooled):
    response = machine.get("/readyz")
    state = response.json()
    assert response.status_code == 200
    assert (state["database"], state["broker"], state["spool"]["records"]) == ("ok", "ok", 1)
    assert {"oldest_due_setting_s", "last_push_age_s"} <= state.keys()


def test_without_a_database_the_spool_is_reported_and_the_portal_is_not_ready(machine, spooled, monkeypatch):
    def silent():
        raise OperationalError

    monkeypatch.setattr(gauges, "readiness", silent)
    response = machine.get("/readyz")
    assert response.status_code == 503
    assert response["Cache-Control"] == "no-store"
    assert response.json() | {"broker": ""} == {
        "database": "OperationalError",
        "broker": "",
        "spool": {"records": 1, "bytes": response.json()["spool"]["bytes"], "damaged": 0},
        "oldest_due_setting_s": None,
        "last_push_age_s": None,
    }


def test_ages_are_seconds_of_the_oldest_due_setting_and_the_last_push(machine):
    moment = timezone.now() - dt.timedelta(seconds=100)
    waiting = {"kind": "agent", "desired": "OFF", "next_attempt_at": moment}
    for number, age_s in ((1, 30), (2, 70)):
        changed_at = timezone.now() - dt.timedelta(seconds=age_s)
        ProviderSetting.objects.create(
            address=f"agent:{number}", lane=f"{number}", changed_at=changed_at, **waiting
        )
    Push.objects.create(uid="a", received_at=moment, raw_query="x=y", outcome=Push.Outcome.STORED)
    Push.objects.create(uid="b", received_at=timezone.now(), raw_query="x=y", outcome=Push.Outcome.REFUSED)
    state = machine.get("/readyz").json()
    assert 70 <= state["oldest_due_setting_s"] < 90
    assert 100 <= state["last_push_age_s"] < 120


def test_a_database_that_stalls_holds_one_thread_and_no_probe_for_long(machine, monkeypatch):
    over, begun = threading.Event(), []
    monkeypatch.setattr(database_probe, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(gauges, "readiness", lambda: begun.append(1) or over.wait(20) or {})
    try:
        began = time.monotonic()
        states = [machine.get("/readyz") for _ in range(3)]
        assert time.monotonic() - began < 5
        assert [(each.status_code, each.json()["database"]) for each in states] == [(503, "stalled")] * 3
        assert len(begun) == 1
    finally:
        over.set()
    until = time.monotonic() + 10
    monkeypatch.undo()
    while machine.get("/readyz").status_code != 200:
        assert time.monotonic() < until


def test_a_dead_broker_is_reported_and_readiness_stays(machine, settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    response = machine.get("/readyz")
    assert (response.status_code, response.json()["broker"]) == (200, "ConnectionError")


def test_metrics_are_for_their_networks_only(machine, settings, spooled):
    text = machine.get("/metrics").text
    assert "ivrportal_spool_records 1.0" in text
    assert 'ivrportal_settings{state="IN_FORCE"} 0.0' in text
    settings.METRICS_ALLOWED_NETWORKS = ["10.0.0.0/8"]
    assert machine.get("/metrics").status_code == 403


def test_the_home_screen_shows_the_spool_to_those_who_care_for_pushes(client_for, spooled):
    assert "Pushes waiting on disk" in client_for(SUPERVISORS).get("/admin/").text
    assert "Pushes waiting on disk" not in client_for(OFFICE_MANAGERS).get("/admin/").text
