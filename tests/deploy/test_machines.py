"""Two machines on one PostgreSQL and one broker, run by deploy/systemd's commands with production settings."""

import http.client
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ivrportal.devserver.embedded_broker import HOST
from settings_sync import setting_address
from settings_sync.simulator import Simulator
from tests.deploy.machines import Machine, running_machines
from tests.faults import canaries
from tests.faults.checker import check
from tests.faults.push_portal import PortalServer, start_databases
from tests.faults.pushes_clients import (
    Push,
    PushAnswer,
    PushSenders,
    build_push,
    generate_endless_pushes,
    generate_sample_calls,
    send_push,
)

SAVE_SCRIPT = """
from django.db import transaction
from settings_sync import setting_address
from settings_sync.delivery import service
from settings_sync.models import Agent
from calllogs.models import Export
for turn in range(5):
    for number in range({first}, {first} + 4):
        with transaction.atomic():
            number = f'+91981234{{number:04d}}'
            agent, _ = Agent.objects.get_or_create(number=number, defaults={{'name': number[-2:]}})
            agent.availability = 'OFF' if agent.availability == 'AVAIL' else 'AVAIL'
            agent.save()
            service.reconcile_and_enqueue([setting_address.agent_address(agent.number)])
Export.objects.create(who='x', file_format='csv', way='JOB', zone='UTC', words='all', state='WAITING', query='')
"""
PARTS = ("web", "worker", "beat", "sync")


@pytest.fixture
def provider():
    with Simulator(
        api_key=canaries.KEY, cust_id=canaries.CUSTOMER, faults="ok=70,http500=15,drop_after=15"
    ) as simulator:
        yield simulator


@pytest.mark.whole
@pytest.mark.timeout(600)
def test_two_machines_store_every_push_once_and_bring_every_setting_into_force(
    tmp_path: Path, provider: Simulator
) -> None:
    tmp_path.chmod(0o711)
    times = {"IVR_SETTLE_S": "3", "IVR_BACKOFF_CAP_S": "1", "IVR_RATE_PER_S": "50", "IVR_BREAKER_OPEN_S": "1"}
    times |= {"IVR_SWEEP_S": "1", "IVR_LEASE_S": "2", "IVR_DEADLINE_S": "1", "IVR_CONNECT_S": "0.5"}
    with start_databases("postgres") as databases:
        url = databases.fresh("machines")
        with running_machines(2, tmp_path, url, provider, **times) as (one, other):
            portal = PortalServer(databases, url, one.directory)
            one.run("collectstatic", "--no-input", "--verbosity", "0")
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda machine: machine.run("migrate", "--no-input"), (one, other)))
            for part in PARTS:
                one.start(part)
                other.start(part)
            for machine in (one, other):
                machine.wait_until_serving()
            _push_and_save(portal, [one, other])
            _push_without_database(portal, [one, other])
            _restart_in_turn(portal, [one, other])
            _leave_spool_to_worker(portal, one, other)
            _wait_until_in_force(one, provider)
            assert (
                _read_metric(one, "ivrportal_spool_records")
                == _read_metric(other, "ivrportal_spool_records")
                == 0
            )
            for machine in (one, other):
                for part in list(machine.running):
                    machine.stop(part)
            print(check(portal))
            written = list((tmp_path / "exports").glob("*.csv"))
            assert len(written) == 2
            assert all((other.var / "exports" / path.name).exists() for path in written)
            contents = [content for machine in (one, other) for content in canaries.read_files(machine.var)]
            contents += [(machine.name, machine.log.read_bytes()) for machine in (one, other)]
            contents = [content for content in contents if not content[0].startswith("exports")]
            assert not (leaks := canaries.find_canaries(contents, (*canaries.SECRETS, databases.key))), leaks


def _push_and_save(portal: PortalServer, both: list[Machine]) -> None:
    """Push to both machines and save on both at the same time."""
    with ThreadPoolExecutor() as pool:
        saved = [pool.submit(both[n].run, "shell", "-c", SAVE_SCRIPT.format(first=n * 2)) for n in (0, 1)]
        calls = [generate_sample_calls(machine.name, 300) for machine in both]
        # Then repeat some of the calls, each sent to the other machine.
        for some in (calls, [calls[1][:100], calls[0][:100]]):
            for machine, sample in zip(both, some, strict=True):
                pushes = [build_push(call) for call in sample]
                with PushSenders(machine.port, portal.databases.key, pushes, portal.answers) as senders:
                    senders.wait()
        for each in saved:
            each.result(120)


def _push_without_database(portal: PortalServer, both: list[Machine]) -> None:
    """Without a database each machine spools pushes to its own disk, and drains them automatically afterwards."""
    portal.postgres.stop()
    for machine in both:
        pushes = [build_push(call) for call in generate_sample_calls(f"spool {machine.name}", 60)]
        with PushSenders(machine.port, portal.databases.key, pushes, portal.answers) as senders:
            senders.wait()
        assert _list_spool_files(machine)
        assert machine.get("/healthz") == (200, "ok")
        assert machine.get("/readyz")[0] == 503
        assert _read_metric(machine, "ivrportal_database_up") == 0
    portal.postgres.start()
    for machine in both:
        _wait_until(lambda machine=machine: not _list_spool_files(machine), "a spool was not drained")


def _restart_in_turn(portal: PortalServer, both: list[Machine]) -> None:
    """An upgrade: restart each web server while the other serves, as behind Caddy."""
    ports, stopped = [machine.port for machine in both], threading.Event()
    source, source_lock = generate_endless_pushes(random.Random(8)), threading.Lock()

    def client() -> None:
        while not stopped.is_set():
            with source_lock:
                push = next(source)
            portal.answers.append(_push_to_either(ports, push, portal.databases.key))

    before = len(portal.answers)
    with ThreadPoolExecutor() as pool:
        clients = [pool.submit(client) for _ in range(4)]
        try:
            for machine in both:
                machine.stop("web")
                machine.start("web")
                machine.wait_until_serving()
                time.sleep(0.5)
        finally:
            stopped.set()
        for each in clients:
            each.result(30)
    assert len(portal.answers) - before > 100
    assert {answer.status for answer in portal.answers[before:]} == {200}


def _push_to_either(ports: list[int], push: Push, key: str) -> PushAnswer:
    """Try the servers in turn as a proxy does, skipping one that does not answer."""
    until, answer = time.monotonic() + 10, PushAnswer(push, 0, "", 0.0)
    while not answer.status and time.monotonic() < until:
        for port in ports:
            connection = http.client.HTTPConnection(HOST, port, timeout=10)
            answer = send_push(connection, push, key)
            connection.close()
            if answer.status:
                break
    return answer


def _leave_spool_to_worker(portal: PortalServer, one: Machine, other: Machine) -> None:
    """A web server stops and leaves a spool, which the worker of its machine drains."""
    portal.postgres.stop()
    pushes = [build_push(call) for call in generate_sample_calls("left", 40)]
    with PushSenders(other.port, portal.databases.key, pushes, portal.answers) as senders:
        senders.wait()
    other.stop("web")
    assert _list_spool_files(other)
    portal.postgres.start()
    _wait_until(
        lambda: not _list_spool_files(other), "the spool of a machine without a web server was not drained"
    )
    other.start("web")
    other.wait_until_serving()


def _wait_until_in_force(machine: Machine, provider: Simulator) -> None:
    provider.set_faults("")
    _wait_until(
        lambda: {row["state"] for row in _load_settings(machine)} == {"IN_FORCE"}, "settings are not in force"
    )
    wanted = {row["address"]: row["desired"] for row in _load_settings(machine)}
    agents = {
        setting_address.agent_address(f"+91{number}"): availability
        for number, availability in provider.state()["agents"].items()
    }
    assert agents == wanted
    assert len(agents) == 6
    assert provider.state()["overlaps"] == []


def _load_settings(machine: Machine) -> list[dict[str, str]]:
    return json.loads(machine.run("sync_status", "--json"))


def _list_spool_files(machine: Machine) -> list[Path]:
    return [path for path in (machine.var / "spool").glob("*") if path.suffix != ".bad"]


def _read_metric(machine: Machine, name: str) -> float:
    status, text = machine.get("/metrics")
    assert status == 200
    return float(next(line for line in text.splitlines() if line.startswith(f"{name} ")).split()[1])


def _wait_until(condition, message: str, *, within_s: float = 90) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, message
        time.sleep(0.3)
