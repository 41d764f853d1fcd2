"""Two machines on one PostgreSQL and one broker, run by the commands of deploy/systemd with production's settings."""

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
from tests.deploy.machines import Machine, machines
from tests.faults import canaries
from tests.faults.checker import check
from tests.faults.pushes_clients import Answer, Crowd, Push, endless, lifelike, push_of, sent
from tests.faults.pushes_stand import Stand, databases_on

SAVE = """
from django.db import transaction
from settings_sync import desired, intent
from settings_sync.models import Agent
from calllogs.models import Export
for turn in range(5):
    for number in range({first}, {first} + 4):
        with transaction.atomic():
            number = f'+91981234{{number:04d}}'
            agent, _ = Agent.objects.get_or_create(number=number, defaults={{'name': number[-2:]}})
            agent.availability = 'OFF' if agent.availability == 'AVAIL' else 'AVAIL'
            agent.save()
            intent.record([desired.agent_address(agent.number)])
Export.objects.create(who='x', file_format='csv', way='JOB', zone='UTC', words='all', state='WAITING', query='')
"""
PARTS = ("web", "worker", "beat", "sync")


@pytest.fixture
def provider():
    with Simulator(
        api_key=canaries.KEY, cust_id=canaries.CUSTOMER, faults="ok=70,http500=15,drop_after=15"
    ) as it:
        yield it


@pytest.mark.whole
@pytest.mark.timeout(600)
def test_two_machines_store_every_push_once_and_bring_every_setting_into_force(
    tmp_path: Path, provider: Simulator
) -> None:
    tmp_path.chmod(0o711)
    times = {"IVR_SETTLE_S": "3", "IVR_BACKOFF_CAP_S": "1", "IVR_RATE_PER_S": "50", "IVR_BREAKER_OPEN_S": "1"}
    times |= {"IVR_SWEEP_S": "1", "IVR_LEASE_S": "2", "IVR_DEADLINE_S": "1", "IVR_CONNECT_S": "0.5"}
    with databases_on("postgres") as databases:
        url = databases.fresh("machines")
        with machines(2, tmp_path, url, provider, **times) as (one, other):
            stand = Stand(databases, url, one.directory)
            one.run("collectstatic", "--no-input", "--verbosity", "0")
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda machine: machine.run("migrate", "--no-input"), (one, other)))
            for part in PARTS:
                one.start(part)
                other.start(part)
            for machine in (one, other):
                machine.wait_until_it_serves()
            _push_and_save(stand, [one, other])
            _without_database(stand, [one, other])
            _one_after_the_other(stand, [one, other])
            _leave_a_spool(stand, one, other)
            _until_in_force(one, provider)
            assert _metric(one, "ivrportal_spool_records") == _metric(other, "ivrportal_spool_records") == 0
            for machine in (one, other):
                for part in list(machine.running):
                    machine.stop(part)
            print(check(stand))
            written = list((tmp_path / "exports").glob("*.csv"))
            assert len(written) == 2
            assert all((other.var / "exports" / path.name).exists() for path in written)
            places = [place for machine in (one, other) for place in canaries.files(machine.var)]
            places += [(machine.name, machine.log.read_bytes()) for machine in (one, other)]
            places = [place for place in places if not place[0].startswith("exports")]
            assert not (sung := canaries.found(places, (*canaries.SECRETS, databases.key))), sung


def _push_and_save(stand: Stand, both: list[Machine]) -> None:
    """Pushes to both, saves on both, at once."""
    with ThreadPoolExecutor() as pool:
        saved = [pool.submit(both[n].run, "shell", "-c", SAVE.format(first=n * 2)) for n in (0, 1)]
        calls = [lifelike(machine.name, 300) for machine in both]
        # Then some of the same calls once more, each told to the other machine.
        for some in (calls, [calls[1][:100], calls[0][:100]]):
            for machine, told in zip(both, some, strict=True):
                pushes = [push_of(call) for call in told]
                with Crowd(machine.port, stand.databases.key, pushes, stand.answers) as crowd:
                    crowd.wait()
        for each in saved:
            each.result(120)


def _without_database(stand: Stand, both: list[Machine]) -> None:
    """Each has pushes on its own disk then, and brings them in by itself."""
    stand.server.stop()
    for machine in both:
        pushes = [push_of(call) for call in lifelike(f"spool {machine.name}", 60)]
        with Crowd(machine.port, stand.databases.key, pushes, stand.answers) as crowd:
            crowd.wait()
        assert _spooled(machine)
        assert machine.get("/healthz") == (200, "ok")
        assert machine.get("/readyz")[0] == 503
        assert _metric(machine, "ivrportal_database_up") == 0
    stand.server.start()
    for machine in both:
        _until(lambda machine=machine: not _spooled(machine), "a spool is left alone")


def _one_after_the_other(stand: Stand, both: list[Machine]) -> None:
    """An upgrade: each web server is stopped and started while the other serves, as Caddy would use them."""
    ports, over = [machine.port for machine in both], threading.Event()
    source, taking = endless(random.Random(8)), threading.Lock()

    def client() -> None:
        while not over.is_set():
            with taking:
                push = next(source)
            stand.answers.append(_by_either(ports, push, stand.databases.key))

    before = len(stand.answers)
    with ThreadPoolExecutor() as pool:
        clients = [pool.submit(client) for _ in range(4)]
        try:
            for machine in both:
                machine.stop("web")
                machine.start("web")
                machine.wait_until_it_serves()
                time.sleep(0.5)
        finally:
            over.set()
        for each in clients:
            each.result(30)
    assert len(stand.answers) - before > 100
    assert {answer.status for answer in stand.answers[before:]} == {200}


def _by_either(ports: list[int], push: Push, key: str) -> Answer:
    """What a proxy does: a server that does not answer is left out, and the other one is asked."""
    until, answer = time.monotonic() + 10, Answer(push, 0, "", 0.0)
    while not answer.status and time.monotonic() < until:
        for port in ports:
            connection = http.client.HTTPConnection(HOST, port, timeout=10)
            answer = sent(connection, push, key)
            connection.close()
            if answer.status:
                break
    return answer


def _leave_a_spool(stand: Stand, one: Machine, other: Machine) -> None:
    """A web server goes away and leaves a spool: the worker of its own machine brings it in."""
    stand.server.stop()
    pushes = [push_of(call) for call in lifelike("left", 40)]
    with Crowd(other.port, stand.databases.key, pushes, stand.answers) as crowd:
        crowd.wait()
    other.stop("web")
    assert _spooled(other)
    stand.server.start()
    _until(lambda: not _spooled(other), "the spool of a machine without a web server is left alone")
    other.start("web")
    other.wait_until_it_serves()


def _until_in_force(machine: Machine, provider: Simulator) -> None:
    provider.set_faults("")
    _until(lambda: {row["state"] for row in _settings(machine)} == {"IN_FORCE"}, "settings are not in force")
    wanted = {row["address"]: row["desired"] for row in _settings(machine)}
    agents = {
        setting_address.agent_address(f"+91{number}"): told
        for number, told in provider.state()["agents"].items()
    }
    assert agents == wanted
    assert len(agents) == 6
    assert provider.state()["overlaps"] == []


def _settings(machine: Machine) -> list[dict[str, str]]:
    return json.loads(machine.run("sync_status", "--json"))


def _spooled(machine: Machine) -> list[Path]:
    return [path for path in (machine.var / "spool").glob("*") if path.suffix != ".bad"]


def _metric(machine: Machine, name: str) -> float:
    status, text = machine.get("/metrics")
    assert status == 200
    return float(next(line for line in text.splitlines() if line.startswith(f"{name} ")).split()[1])


def _until(is_so, otherwise: str, *, within_s: float = 90) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.3)
