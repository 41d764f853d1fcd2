"""Pushes, saves and exports for half an hour, while processes are killed, stopped, stalled and emptied.

At the end nothing may be lost, duplicated, incomplete or leaked, and the processes must have released their resources.
"""

import csv
import json
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil

from ivrportal.devserver.processes import kill_group, start_tied
from settings_sync.simulator import Simulator
from tests.bench.databases import ROOT
from tests.faults import canaries
from tests.faults.checker import check, max_answer_seconds
from tests.faults.push_portal import PortalServer, running_portal, start_databases
from tests.faults.pushes_clients import Push, PushSenders, build_push, generate_sample_calls
from tests.faults.settings_disturbances import Celery
from tests.faults.settings_run import FAULTS, TIMES
from tests.faults.settings_verdict import judge

MINUTES = 30
CALLS = 4_000  # repeated, so that the number of distinct callers is bounded
PUSHES_PER_S, SAVES_PER_S = 40, 1.5
FAULT_EVERY_S = (2.0, 6.0)
SETTLE_S = 120.0
COOL_DOWN_S = 15.0
GROWTH = 1.10
# For requests in progress and files being written.
ALLOWED_EXTRA = {"connections": 2, "files": 8, "MB": 0}


@dataclass(frozen=True)
class Options:
    """`times`: minutes; 0: MINUTES."""

    seed: int
    times: int = 0


@dataclass
class SoakRun:
    """All running parts, and the injection of faults. Main thread only: child processes are tied to it."""

    portal: PortalServer
    celery: Celery
    provider: Simulator
    rng: random.Random
    sync: subprocess.Popen[bytes] | None = None
    fault_counts: Counter[str] = field(default_factory=Counter)

    def inject_fault(self) -> None:
        name = self.rng.choice(list(SOAK_FAULTS))
        self.fault_counts[name] += 1
        SOAK_FAULTS[name](self)

    def restart_if_ended(self) -> None:
        """Restart what has ended, as the machine's supervisor does."""
        self.portal.restart_if_ended()
        if self.celery.worker is None or self.celery.worker.poll() is not None:
            self.celery.start_worker()
        if self.sync is None or self.sync.poll() is not None:
            command = [sys.executable, "manage.py", "sync_run", "--loop"]
            self.sync = start_tied(command, env=self.celery.env, cwd=ROOT, output=self.celery.log)

    def stop_sync(self) -> None:
        if self.sync is not None:
            kill_group(self.sync)
            self.sync.wait()
            self.sync = None


# --- the faults ----------------------------------------------------------------------------------------


def kill_a_web_process(soak_run: SoakRun) -> None:
    if workers := soak_run.portal.workers():
        soak_run.rng.choice(workers).kill()
    time.sleep(0.1)
    soak_run.portal.wait_until_serving()


def kill_the_web_server(soak_run: SoakRun) -> None:
    soak_run.portal.kill()
    soak_run.portal.start()


def restart_the_web_server(soak_run: SoakRun) -> None:
    soak_run.portal.terminate()
    soak_run.portal.start()


def stop_the_database(soak_run: SoakRun) -> None:
    soak_run.portal.postgres.stop()
    time.sleep(soak_run.rng.uniform(0.5, 3))
    soak_run.portal.postgres.start()


def crash_the_database(soak_run: SoakRun) -> None:
    soak_run.portal.postgres.kill()
    soak_run.portal.postgres.start()


def stall_the_database(soak_run: SoakRun) -> None:
    soak_run.portal.postgres.pause()
    try:
        time.sleep(soak_run.rng.uniform(1, 4))
    finally:
        soak_run.portal.postgres.resume()


SOAK_FAULTS: dict[str, Callable[[SoakRun], object]] = {
    "web process killed": kill_a_web_process,
    "web server killed": kill_the_web_server,
    "web server restarted": restart_the_web_server,
    "worker killed": lambda soak_run: soak_run.celery.start_worker(),
    "worker's child killed": lambda soak_run: soak_run.celery.kill_a_child(soak_run.rng),
    "sync killed": SoakRun.stop_sync,
    "database stopped": stop_the_database,
    "database restarted": lambda soak_run: soak_run.portal.postgres.restart(),
    "database crashed": crash_the_database,
    "database stalled": stall_the_database,
    "broker killed": lambda soak_run: soak_run.celery.start_broker(),
    "broker stalled": lambda soak_run: soak_run.celery.stall_broker(soak_run.rng.uniform(0.3, 1.5)),
    "broker emptied": lambda soak_run: soak_run.celery.empty_broker(),
    "provider bad": lambda soak_run: soak_run.provider.set_faults(FAULTS),
    "provider worse": lambda soak_run: soak_run.provider.set_faults("http500=60,drop_after=20,late=20:1-3"),
    "provider good": lambda soak_run: soak_run.provider.set_faults(""),
}


# --- the run ---------------------------------------------------------------------------------------------


def run(options: Options) -> str:
    seconds = 60.0 * (options.times or MINUTES)
    rng = random.Random(f"soak {options.seed}")
    extra = {**TIMES, "IVR_API_KEY": canaries.KEY, "IVR_CUST_ID": canaries.CUSTOMER, "EXPORT_LEASE_S": "5"}
    with (
        start_databases("postgres") as databases,
        Simulator(
            api_key=canaries.KEY, cust_id=canaries.CUSTOMER, seed=options.seed, latency_s=0.002
        ) as provider,
        running_portal(databases, start=False, **extra, IVR_API_URL=provider.url) as portal,
        Celery(portal.environment()) as celery,
    ):
        portal.extra["REDIS_URL"] = celery.broker.url
        portal.start()
        soak_run = SoakRun(portal, celery, provider, rng)
        try:
            return _run_soak(soak_run, options.seed, seconds)
        finally:
            soak_run.stop_sync()


def _run_soak(soak_run: SoakRun, seed: int, seconds: float) -> str:
    portal = soak_run.portal
    soak_run.restart_if_ended()
    _start_users(soak_run, "begin", str(seed)).wait(60)
    calls = generate_sample_calls(f"soak {seed}", CALLS)
    with PushSenders(
        portal.port, portal.databases.key, [build_push(call) for call in calls], portal.answers
    ) as senders:
        senders.wait()
    _wait_for_users(_start_users(soak_run, "save", f"warm {seed}", "20", "8"))
    time.sleep(COOL_DOWN_S)
    before = _measure_resources(soak_run)
    until = time.monotonic() + seconds
    users = [
        _start_users(soak_run, "save", f"{seed} {number}", str(int(seconds * SAVES_PER_S / 2)), str(seconds))
        for number in range(2)
    ]
    with PushSenders(portal.port, portal.databases.key, _generate_paced_pushes(calls), portal.answers):
        while time.monotonic() < until:
            time.sleep(soak_run.rng.uniform(*FAULT_EVERY_S))
            soak_run.inject_fault()
            soak_run.restart_if_ended()
    for each in users:
        _wait_for_users(each)
    soak_run.provider.set_faults("")
    outcome = _wait_until_settled(soak_run)
    portal.wait_until_drained(within_s=60)
    time.sleep(COOL_DOWN_S)
    after = _measure_resources(soak_run)
    exports = _assert_exports_complete(portal, outcome["exports"])
    verdict = judge(outcome | {"kills": sum(soak_run.fault_counts.values())}, [soak_run.provider.state()])
    assert verdict.is_clean(), (
        f"{verdict}: {verdict.wrong[:5]} {verdict.unsettled[:5]} {verdict.overlaps[:5]}"
    )
    _assert_no_growth(before, after)
    _assert_no_secrets(soak_run)
    soak_run.stop_sync()
    portal.terminate()
    figures = check(portal)
    injected = ", ".join(f"{count} {name}" for name, count in sorted(soak_run.fault_counts.items()))
    return (
        f"{seconds / 60:g} minutes: {figures}; slowest {max_answer_seconds(portal.answers):.2f} s; {verdict};"
        f" {exports};"
        f" before {before}, after {after}; {injected}"
    )


def _generate_paced_pushes(calls: list[Any]) -> Iterator[Push]:
    began = time.monotonic()
    for number, call in enumerate(cycle(calls), start=1):
        time.sleep(max(0.0, began + number / PUSHES_PER_S - time.monotonic()))
        yield build_push(call)


def _start_users(soak_run: SoakRun, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.soak_users", *arguments],
        cwd=ROOT,
        env=soak_run.celery.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _wait_for_users(users: subprocess.Popen[str]) -> str:
    output, errors = users.communicate(timeout=SETTLE_S * 3)
    assert users.returncode == 0, f"somebody failed:\n{errors[-3000:]}"
    return output


def _wait_until_settled(soak_run: SoakRun) -> dict[str, Any]:
    """Keep everything running until all is settled. Returns the outcome."""
    users = _start_users(soak_run, "settled", str(SETTLE_S))
    with ThreadPoolExecutor(1) as reader:
        # Read while it is written, because the output exceeds a pipe's buffer.
        ending = reader.submit(_wait_for_users, users)
        while not ending.done():
            soak_run.restart_if_ended()
            time.sleep(0.5)
    return json.loads(ending.result().splitlines()[-1])


# --- the checks ------------------------------------------------------------------------------------------


def _measure_resources(soak_run: SoakRun) -> dict[str, int]:
    """Memory of the largest web and worker process in MB, all open files, and database connections."""
    assert soak_run.celery.worker is not None
    worker = psutil.Process(soak_run.celery.worker.pid)
    web, celery = soak_run.portal.workers(), [worker, *worker.children(recursive=True)]
    name = soak_run.portal.url.rpartition("/")[2]
    connections = soak_run.portal.rows(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")
    return {
        "web MB": max(process.memory_info().rss for process in web) >> 20,
        "worker MB": max(process.memory_info().rss for process in celery) >> 20,
        "files": sum(process.num_fds() for process in [*web, *celery]),
        "connections": connections[0][0],
    }


def _assert_no_growth(before: dict[str, int], after: dict[str, int]) -> None:
    grown = {
        name: (before[name], now)
        for name, now in after.items()
        if now > before[name] * GROWTH + ALLOWED_EXTRA[name.rpartition(" ")[2]]
    }
    assert not grown, f"more than {GROWTH:.0%} of where it began (before, after): {grown}"


def _assert_exports_complete(portal: PortalServer, exports: list[dict[str, Any]]) -> str:
    """Every export has ended, and every complete one has all rows. Removes the files, which may contain numbers."""
    states = Counter(export["state"] for export in exports)
    assert set(states) <= {"DONE", "FAILED"}, f"exports that never ended: {states}"
    directory = portal.var / "exports"
    for export in exports:
        if export["state"] == "DONE":
            rows = _count_rows(directory / export["file"])
            assert rows == export["rows"], f"export {export['id']} has {rows} rows for {export['rows']}"
    assert states["DONE"], "no export was written: this proves nothing"
    with tempfile.TemporaryDirectory() as elsewhere:
        directory.rename(Path(elsewhere) / "exports")
    return f"exports: {dict(states)}"


def _count_rows(path: Path) -> int:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return sum(1 for _ in csv.reader(file)) - 1
    with zipfile.ZipFile(path) as book:
        assert book.testzip() is None, f"{path.name} is damaged"
        return book.read("xl/worksheets/sheet1.xml").count(b"<row") - 1  # the second sheet holds the metadata


def _assert_no_secrets(soak_run: SoakRun) -> None:
    """No secret is in any file or message. The checker searches the same files for numbers."""
    secrets = (canaries.KEY, canaries.CUSTOMER, soak_run.portal.databases.key)
    contents = [*canaries.read_files(soak_run.portal.var), ("web.log", soak_run.portal.log.read_bytes())]
    contents += canaries.read_redis_keys(soak_run.celery.broker.url)
    assert not (leaks := canaries.find_canaries(contents, secrets)), sorted(set(leaks))[:10]


RUNS: dict[str, Callable[[Options], str]] = {"everything": run}
