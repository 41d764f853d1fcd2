"""What machines ask, and the home screen."""

import pytest
from django.test import Client

from calllogs import replay, writer
from calllogs.arrival import packed, receive
from ivrportal.roles import OFFICE_MANAGERS, SUPERVISORS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def spooled():
    writer.stop()  # a writer of an earlier test would drain it under our eyes
    replay.spool().append(packed(receive(b"calllogid=spooled-1&date=2026-11-08&time=10:00", "127.0.0.1")))
    yield
    replay.drain()


@pytest.fixture
def machine():
    return Client(headers={"host": "127.0.0.1"})


def test_the_process_says_that_it_serves(machine, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert machine.get("/healthz").content == b"ok"


def test_readiness_tells_database_broker_spool_settings_and_pushes(machine, spooled):
    response = machine.get("/readyz")
    state = response.json()
    assert response.status_code == 200
    assert (state["database"], state["broker"], state["spool"]["records"]) == ("ok", "ok", 1)
    assert {"oldest_due_setting_s", "last_push_age_s"} <= state.keys()


def test_a_dead_broker_is_told_and_is_no_reason_to_be_unready(machine, settings):
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
