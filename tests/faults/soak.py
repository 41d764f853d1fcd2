"""Everything at once for half an hour: pushes, saves and exports, while all that can be killed, stopped or emptied is.

At the end nothing is lost, doubled, half or told, and the processes have given back what they took.
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
from tests.faults.checker import check, slowest_s
from tests.faults.pushes_clients import Crowd, Push, lifelike, push_of
from tests.faults.pushes_stand import Stand, databases_on, stand_on
from tests.faults.settings_beside import Celery
from tests.faults.settings_stand import FAULTS, TIMES
from tests.faults.settings_verdict import judge

MINUTES = 30
CALLS = 4_000  # that come again and again, so that what is remembered of numbers has an end
PUSHES_PER_S, SAVES_PER_S = 40, 1.5
FAULT_EVERY_S = (2.0, 6.0)
SETTLE_S = 120.0
COOL_S = 15.0
GROWTH = 1.10
SLACK = {"connections": 2, "files": 8, "MB": 0}  # a request that is just served, a file that is just written


@dataclass(frozen=True)
class Options:
    """`times`: minutes; 0: as many as issue 8 wants."""

    seed: int
    times: int = 0


@dataclass
class Scene:
    """All that runs, and how it is hurt. From the main thread only: what it starts is tied to it."""

    stand: Stand
    crew: Celery
    provider: Simulator
    luck: random.Random
    sync: subprocess.Popen[bytes] | None = None
    done: Counter[str] = field(default_factory=Counter)

    def hurt(self) -> None:
        name = self.luck.choice(list(HURTS))
        self.done[name] += 1
        HURTS[name](self)

    def keep_up(self) -> None:
        """What the machine's supervisor does."""
        self.stand.keep_up()
        if self.crew.worker is None or self.crew.worker.poll() is not None:
            self.crew.start_worker()
        if self.sync is None or self.sync.poll() is not None:
            command = [sys.executable, "manage.py", "sync_run", "--loop"]
            self.sync = start_tied(command, env=self.crew.env, cwd=ROOT, output=self.crew.log)

    def stop_sync(self) -> None:
        if self.sync is not None:
            kill_group(self.sync)
            self.sync.wait()
            self.sync = None


# --- the faults of all issues ----------------------------------------------------------------------------


def kill_a_web_process(scene: Scene) -> None:
    if workers := scene.stand.workers():
        scene.luck.choice(workers).kill()
    time.sleep(0.1)
    scene.stand.wait_until_it_serves()


def kill_the_web_server(scene: Scene) -> None:
    scene.stand.kill()
    scene.stand.start()


def restart_the_web_server(scene: Scene) -> None:
    scene.stand.terminate()
    scene.stand.start()


def stop_the_database(scene: Scene) -> None:
    scene.stand.server.stop()
    time.sleep(scene.luck.uniform(0.5, 3))
    scene.stand.server.start()


def crash_the_database(scene: Scene) -> None:
    scene.stand.server.kill()
    scene.stand.server.start()


def stall_the_database(scene: Scene) -> None:
    scene.stand.server.pause()
    try:
        time.sleep(scene.luck.uniform(1, 4))
    finally:
        scene.stand.server.resume()


HURTS: dict[str, Callable[[Scene], object]] = {
    "web process killed": kill_a_web_process,
    "web server killed": kill_the_web_server,
    "web server restarted": restart_the_web_server,
    "worker killed": lambda scene: scene.crew.start_worker(),
    "worker's child killed": lambda scene: scene.crew.kill_a_child(scene.luck),
    "sync killed": Scene.stop_sync,
    "database stopped": stop_the_database,
    "database restarted": lambda scene: scene.stand.server.restart(),
    "database crashed": crash_the_database,
    "database stalled": stall_the_database,
    "broker killed": lambda scene: scene.crew.start_broker(),
    "broker stalled": lambda scene: scene.crew.stall_broker(scene.luck.uniform(0.3, 1.5)),
    "broker emptied": lambda scene: scene.crew.empty_broker(),
    "provider bad": lambda scene: scene.provider.set_faults(FAULTS),
    "provider worse": lambda scene: scene.provider.set_faults("http500=60,drop_after=20,late=20:1-3"),
    "provider good": lambda scene: scene.provider.set_faults(""),
}


# --- the run ---------------------------------------------------------------------------------------------


def run(options: Options) -> str:
    seconds = 60.0 * (options.times or MINUTES)
    luck = random.Random(f"soak {options.seed}")
    extra = {**TIMES, "IVR_API_KEY": canaries.KEY, "IVR_CUST_ID": canaries.CUSTOMER, "EXPORT_LEASE_S": "5"}
    with (
        databases_on("postgres") as databases,
        Simulator(
            api_key=canaries.KEY, cust_id=canaries.CUSTOMER, seed=options.seed, latency_s=0.002
        ) as provider,
        stand_on(databases, start=False, **extra, IVR_API_URL=provider.url) as stand,
        Celery(stand.environment()) as crew,
    ):
        stand.extra["REDIS_URL"] = crew.broker.url
        stand.start()
        scene = Scene(stand, crew, provider, luck)
        try:
            return _play(scene, options.seed, seconds)
        finally:
            scene.stop_sync()


def _play(scene: Scene, seed: int, seconds: float) -> str:
    stand = scene.stand
    scene.keep_up()
    _people(scene, "begin", str(seed)).wait(60)
    calls = lifelike(f"soak {seed}", CALLS)
    with Crowd(stand.port, stand.databases.key, [push_of(call) for call in calls], stand.answers) as crowd:
        crowd.wait()
    _end_of(_people(scene, "save", f"warm {seed}", "20", "8"))
    time.sleep(COOL_S)
    before = _taken(scene)
    until = time.monotonic() + seconds
    people = [
        _people(scene, "save", f"{seed} {number}", str(int(seconds * SAVES_PER_S / 2)), str(seconds))
        for number in range(2)
    ]
    with Crowd(stand.port, stand.databases.key, _paced(calls), stand.answers):
        while time.monotonic() < until:
            time.sleep(scene.luck.uniform(*FAULT_EVERY_S))
            scene.hurt()
            scene.keep_up()
    for each in people:
        _end_of(each)
    scene.provider.set_faults("")
    told = _settled(scene)
    stand.wait_until_drained(within_s=60)
    time.sleep(COOL_S)
    after = _taken(scene)
    exports = _no_export_is_half(stand, told["exports"])
    verdict = judge(told | {"kills": sum(scene.done.values())}, [scene.provider.state()])
    assert verdict.is_clean(), (
        f"{verdict}: {verdict.wrong[:5]} {verdict.unsettled[:5]} {verdict.overlaps[:5]}"
    )
    _nothing_grew(before, after)
    _nobody_told(scene)
    scene.stop_sync()
    stand.terminate()
    figures = check(stand)
    hurts = ", ".join(f"{count} {name}" for name, count in sorted(scene.done.items()))
    return (
        f"{seconds / 60:g} minutes: {figures}; slowest {slowest_s(stand.answers):.2f} s; {verdict}; {exports};"
        f" before {before}, after {after}; {hurts}"
    )


def _paced(calls: list[Any]) -> Iterator[Push]:
    began = time.monotonic()
    for number, call in enumerate(cycle(calls), start=1):
        time.sleep(max(0.0, began + number / PUSHES_PER_S - time.monotonic()))
        yield push_of(call)


def _people(scene: Scene, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.soak_people", *arguments],
        cwd=ROOT,
        env=scene.crew.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _end_of(people: subprocess.Popen[str]) -> str:
    said, errors = people.communicate(timeout=SETTLE_S * 3)
    assert people.returncode == 0, f"somebody could not go on:\n{errors[-3000:]}"
    return said


def _settled(scene: Scene) -> dict[str, Any]:
    """Everybody lives and goes on living; what is wanted, and how it stands when nothing moves any more."""
    people = _people(scene, "settled", str(SETTLE_S))
    with ThreadPoolExecutor(1) as reader:
        # Read while it is written: after half an hour it is more than a pipe holds.
        ending = reader.submit(_end_of, people)
        while not ending.done():
            scene.keep_up()
            time.sleep(0.5)
    return json.loads(ending.result().splitlines()[-1])


# --- what is looked at -----------------------------------------------------------------------------------


def _taken(scene: Scene) -> dict[str, int]:
    """The largest of the web's processes and of the worker's in MB, files of all, connections to the database."""
    assert scene.crew.worker is not None
    worker = psutil.Process(scene.crew.worker.pid)
    web, celery = scene.stand.workers(), [worker, *worker.children(recursive=True)]
    name = scene.stand.url.rpartition("/")[2]
    connections = scene.stand.rows(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")
    return {
        "web MB": max(process.memory_info().rss for process in web) >> 20,
        "worker MB": max(process.memory_info().rss for process in celery) >> 20,
        "files": sum(process.num_fds() for process in [*web, *celery]),
        "connections": connections[0][0],
    }


def _nothing_grew(before: dict[str, int], after: dict[str, int]) -> None:
    grown = {
        name: (before[name], now)
        for name, now in after.items()
        if now > before[name] * GROWTH + SLACK[name.rpartition(" ")[2]]
    }
    assert not grown, f"more than {GROWTH:.0%} of where it began (before, after): {grown}"


def _no_export_is_half(stand: Stand, exports: list[dict[str, Any]]) -> str:
    """Each has ended; each that is complete has all of its rows. The files are taken away: they may hold numbers."""
    states = Counter(export["state"] for export in exports)
    assert set(states) <= {"DONE", "FAILED"}, f"exports that never ended: {states}"
    directory = stand.var / "exports"
    for export in exports:
        if export["state"] == "DONE":
            rows = _rows_of(directory / export["file"])
            assert rows == export["rows"], f"export {export['id']} has {rows} rows for {export['rows']}"
    assert states["DONE"], "no export was written: this proves nothing"
    with tempfile.TemporaryDirectory() as elsewhere:
        directory.rename(Path(elsewhere) / "exports")
    return f"exports: {dict(states)}"


def _rows_of(path: Path) -> int:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return sum(1 for _ in csv.reader(file)) - 1
    with zipfile.ZipFile(path) as book:
        assert book.testzip() is None, f"{path.name} is damaged"
        return book.read("xl/worksheets/sheet1.xml").count(b"<row") - 1  # the second says what it is of


def _nobody_told(scene: Scene) -> None:
    """No key in any file or message; whole numbers are looked for by the checker, in the same files."""
    secrets = (canaries.KEY, canaries.CUSTOMER, scene.stand.databases.key)
    places = [*canaries.files(scene.stand.var), ("web.log", scene.stand.log.read_bytes())]
    places += canaries.keys_of_redis(scene.crew.broker.url)
    assert not (sung := canaries.found(places, secrets)), sorted(set(sung))[:10]


RUNS: dict[str, Callable[[Options], str]] = {"everything": run}
