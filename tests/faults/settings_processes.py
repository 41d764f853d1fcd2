"""`python -m tests.faults.settings_processes`: savers, workers that get killed, and a watcher on one database.

Reads a `RunPlan` as JSON from standard input and prints the outcome as JSON. Savers, workers and the watcher are forked
from this process after `django.setup()`: a worker that is killed every half second still spends most time working.
"""

import ctypes
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")
django.setup()

# Imported after django.setup(), which loads the apps.
from django.conf import settings  # noqa: E402
from django.db import DatabaseError, close_old_connections, connections  # noqa: E402

from settings_sync.models import Agent, Attempt, Holiday, OfficeHours, ProviderSetting  # noqa: E402
from settings_sync.models.provider_setting import State  # noqa: E402
from tests.faults import settings_savers, settings_workers  # noqa: E402
from tests.faults.settings_plan import RunPlan  # noqa: E402

PR_SET_PDEATHSIG = 1
POLL_EVERY_S = 0.03


def main() -> None:
    plan = RunPlan(**json.loads(sys.stdin.read()))
    rng = random.Random(f"processes {plan.seed}")
    settings_savers.create_records(plan.seed)
    connections.close_all()
    seen = Path(settings.VAR_DIR) / "seen"
    watcher = fork(lambda: record_settings_in_force(seen))
    worker_processes = WorkerProcesses(plan, rng)
    each = plan.saves // plan.savers
    savers = [
        fork(
            lambda number=number: settings_savers.save_in_bursts(f"{plan.seed} {number}", each, plan.seconds)
        )
        for number in range(plan.savers)
    ]
    worker_processes.kill_until_saved(savers)
    clear_faults(settings.IVR_API_URL)
    if plan.new_account:
        clear_faults(plan.new_account)
    settled_s = wait_until_settled(plan)
    kill_process(watcher)
    worker_processes.end()
    print(
        json.dumps(collect_outcome(seen) | {"kills": worker_processes.kills, "settled_s": settled_s}),
        flush=True,
    )


class WorkerProcesses:
    """Starts the worker processes, and kills and replaces them."""

    def __init__(self, plan: RunPlan, rng: random.Random) -> None:
        self.plan, self.rng, self.kills = plan, rng, 0
        self.started = time.monotonic()
        self.workers = {self._start(kind): kind for kind in plan.kinds}

    def kill_until_saved(self, savers: list[int]) -> None:
        """Kill random workers until all savers have ended."""
        while savers:
            self._pause()
            savers = [pid for pid in savers if os.waitpid(pid, os.WNOHANG) == (0, 0)]
            if self.plan.kill_s and self.workers:
                self._replace(self.rng.choice(list(self.workers)))
        for pid in list(self.workers):
            # Workers killed last leave their leases behind too.
            self._replace(pid)

    def end(self) -> None:
        for pid in self.workers:
            kill_process(pid)

    def _pause(self) -> None:
        time.sleep(self.rng.uniform(*(self.plan.kill_s or (0.2, 0.2))))

    def _replace(self, pid: int) -> None:
        kind = self.workers.pop(pid)
        kill_process(pid)
        self.kills += 1
        self.workers[self._start(kind)] = kind

    def _start(self, kind: str) -> int:
        changed = self.plan.new_account and time.monotonic() > self.started + self.plan.seconds / 2
        url = self.plan.new_account if changed else settings.IVR_API_URL
        return fork(lambda: settings_workers.run_worker(kind, url))


def fork(act: Callable[[], None]) -> int:
    """Fork a process that runs `act` and exits, and is killed when its parent ends. Returns its process id."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() == parent:
            random.seed()
            act()
            status = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(status)


def kill_process(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def record_settings_in_force(seen: Path) -> None:
    """Record each setting that is displayed as In force, once for each change of it."""
    known: set[tuple[Any, ...]] = set()
    with seen.open("w", encoding="utf-8", buffering=1) as lines:
        while True:
            try:
                rows = list(
                    ProviderSetting.objects.filter(state=State.IN_FORCE).values_list(
                        "address", "desired", "confirmed", "changed_at"
                    )
                )
            except DatabaseError:
                close_old_connections()
                rows = []
            now = time.time()
            for address, desired, confirmed, changed_at in set(rows) - known:
                # The pages show In force for a row in this state whose desired value is the confirmed one.
                if desired == confirmed:
                    lines.write(json.dumps([address, desired, changed_at.timestamp(), now]) + "\n")
            known.update(rows)
            time.sleep(POLL_EVERY_S)


def clear_faults(url: str) -> None:
    body = json.dumps({"spec": ""}).encode()
    urlopen(Request(f"{url}/faults", body, {"Content-Type": "application/json"}), timeout=5).close()


def count_pending(url: str) -> int:
    with urlopen(f"{url}/state?since=1000000000", timeout=5) as reply:
        return json.load(reply)["pending"]


def wait_until_settled(plan: RunPlan) -> float:
    """Wait until no setting is pending and no provider has a late action. Returns the seconds waited."""
    began = time.monotonic()
    while time.monotonic() < began + plan.settle_within_s:
        with suppress(DatabaseError):
            urls = [settings.IVR_API_URL, *([plan.new_account] if plan.new_account else [])]
            if not ProviderSetting.objects.pending().exists() and not any(map(count_pending, urls)):
                break
        close_old_connections()
        time.sleep(0.05)
    return round(time.monotonic() - began, 2)


def collect_outcome(seen: Path) -> dict[str, Any]:
    return {
        "agents": dict(Agent.objects.values_list("number", "availability")),
        "holidays": [day.isoformat() for day in Holiday.objects.values_list("date", flat=True)],
        "hours": {
            hours.day: [hours.opens_at.strftime("%I:%M %p"), hours.closes_at.strftime("%I:%M %p")]
            for hours in OfficeHours.objects.all()
        },
        "states": dict(ProviderSetting.objects.values_list("address", "state")),
        "attempts": Attempt.objects.count(),
        "seen": [json.loads(line) for line in seen.read_text(encoding="utf-8").splitlines()],
    }


if __name__ == "__main__":
    assert threading.active_count() == 1, "a fork copies one thread only"
    main()
