"""`/metrics` has every number that the alerts and the dashboard need, summed over processes."""

import http.client
import time

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from calllogs.models import Export
from ivrportal.celery import app
from ivrportal.devserver.embedded_broker import HOST
from settings_sync.models import Circuit, ProviderSetting
from tests.faults.push_portal import running_portal, start_databases
from tests.faults.pushes_clients import PushSenders, build_push, generate_sample_calls
from tests.faults.settings_disturbances import Celery

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parsed(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def one(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


def scraped(client: Client) -> Samples:
    return parsed(client.get("/metrics").text)


@pytest.fixture
def machine():
    return Client(headers={"host": "127.0.0.1"})


@pytest.mark.django_db(transaction=True)
def test_everything_has_a_help_a_unit_and_our_prefix(machine):
    families = list(text_string_to_metric_families(machine.get("/metrics").text))
    assert len(families) > 15
    for family in families:
        assert family.name.startswith("ivrportal_")
        assert family.documentation.endswith(".")
        if family.type == "histogram":
            assert family.name.endswith(("_seconds", "_pushes"))


@pytest.mark.django_db(transaction=True)
def test_pushes_are_counted_by_outcome(machine, push):
    before = scraped(machine)
    good = "calllogid=m-1&callnumber=9812345678&date=2026-11-08&time=10:00:00"
    assert push(good).text == push(good).text == "Successful"
    assert push("calllogid=m-2&date=never").text == "Invalid Data"
    assert push(good, key="wrong").text == "Failure"
    after = scraped(machine)
    told = {
        outcome: one(after, "ivrportal_pushes_total", outcome=outcome)
        - one(before, "ivrportal_pushes_total", outcome=outcome)
        for outcome in ("committed", "unusable", "refused", "spooled", "nowhere")
    }
    assert told == {"committed": 2, "unusable": 1, "refused": 1, "spooled": 0, "nowhere": 0}
    for name in ("ivrportal_push_batch_pushes", "ivrportal_push_batch_seconds"):
        assert one(after, f"{name}_count") - one(before, f"{name}_count") == 4
    assert one(after, "ivrportal_push_batch_pushes_sum") - one(before, "ivrportal_push_batch_pushes_sum") == 4


@pytest.mark.django_db(transaction=True)
def test_attempts_settings_gate_and_exports_are_exported(machine, simulator, no_broker):
    from settings_sync.delivery import worker as delivery_worker
    from tests.settings_sync.delivery.test_worker import deliver, save_agent

    before = scraped(machine)
    save_agent()
    deliver()
    Export.objects.create(who="x", file_format="csv", way="JOB", zone="UTC", words="all", state="WAITING")
    after = scraped(machine)
    assert one(after, "ivrportal_attempts_total", outcome="confirmed") == 1 + one(
        before, "ivrportal_attempts_total", outcome="confirmed"
    )
    assert one(after, "ivrportal_attempt_seconds_count") - one(before, "ivrportal_attempt_seconds_count") == 1
    assert one(after, "ivrportal_settings", state="IN_FORCE") == ProviderSetting.objects.count() == 1
    assert one(after, "ivrportal_exports", state="WAITING") == 1
    assert one(after, "ivrportal_sending", state="open") == 1
    assert delivery_worker.claim() is None
    Circuit.objects.update(stopped_by="somebody")
    stopped = scraped(machine)
    assert (
        one(stopped, "ivrportal_sending", state="open"),
        one(stopped, "ivrportal_sending", state="stopped"),
    ) == (0, 1)


@pytest.mark.django_db(transaction=True)
def test_web_requests_are_counted_by_class_of_status(machine):
    before = scraped(machine)
    machine.get("/healthz")
    machine.get("/nowhere")
    after = scraped(machine)
    count = "ivrportal_web_requests_total"
    # The previous scrape was counted when it ended.
    assert one(after, count, status="2xx") - one(before, count, status="2xx") == 2
    assert one(after, count, status="4xx") - one(before, count, status="4xx") == 1


@pytest.mark.django_db(transaction=True)
def test_tasks_are_counted_by_outcome(machine):
    @app.task(name="tests.fails")
    def fails():
        raise ValueError

    fails.apply()
    samples = scraped(machine)
    assert one(samples, "ivrportal_tasks_total", task="tests.fails", outcome="failure") == 1
    assert one(samples, "ivrportal_task_seconds_count", task="tests.fails") == 1


@pytest.mark.django_db
def test_without_a_database_the_other_metrics_are_exported(machine, monkeypatch):
    from django.db import OperationalError

    from ivrportal.observability import gauges

    def silent():
        raise OperationalError

    monkeypatch.setattr(gauges, "database_gauges", silent)
    samples = scraped(machine)
    assert one(samples, "ivrportal_database_up") == 0
    assert one(samples, "ivrportal_spool_records") == 0
    assert ("ivrportal_pushes_total", (("outcome", "committed"),)) in samples


# --- several processes -----------------------------------------------------------------------------------


def request_metrics(port: int) -> Samples:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    connection.request("GET", "/metrics", headers={"Host": HOST})
    text = connection.getresponse().read().decode()
    connection.close()
    return parsed(text)


def until_counted(port: int, wanted: int) -> Samples:
    deadline = time.monotonic() + 20
    while True:
        samples = request_metrics(port)
        found = one(samples, "ivrportal_pushes_total", outcome="committed")
        assert found <= wanted
        if found == wanted:
            return samples
        assert time.monotonic() < deadline, f"{found} of {wanted} pushes are counted"
        time.sleep(0.2)


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_several_web_processes_and_workers_are_one_count_also_after_they_are_killed():
    with start_databases("postgres") as databases, running_portal(databases) as server:
        pushes = [build_push(call) for call in generate_sample_calls("metrics", 400)]
        with PushSenders(server.port, databases.key, pushes[:200], server.answers) as senders:
            senders.wait()
        samples = until_counted(server.port, 200)
        assert one(samples, "ivrportal_push_batch_pushes_sum") == 200
        for worker in server.workers():
            worker.kill()
        time.sleep(0.1)
        server.wait_until_serving()
        until_counted(server.port, 200)  # never decreasing, or a scraper would see a reset
        with PushSenders(server.port, databases.key, pushes[200:], server.answers) as senders:
            senders.wait()
        assert {answer.body for answer in server.answers} == {"Successful"}
        until_counted(server.port, 400)
        env = server.environment() | {"IVR_SWEEP_S": "0.5", "PORTAL_MODE": "demo"}
        with Celery(env):
            wait_for_tasks(server.port)
        server.terminate()
        server.start()
        assert one(until_counted(server.port, 400), "ivrportal_database_up") == 1


def wait_for_tasks(port: int) -> None:
    name, deadline = "settings_sync.tasks.sweep", time.monotonic() + 60
    while (
        request_metrics(port).get(("ivrportal_tasks_total", (("outcome", "success"), ("task", name))), 0) < 2
    ):
        assert time.monotonic() < deadline, "no task of the worker is counted"
        time.sleep(0.3)
