"""`python -m tests.faults.settings_cast`: people who save, workers that are killed, and one who watches; one database.

Reads a `Part` as JSON from its standard input, and says at its end, as JSON, what it did, saw and left behind. Savers,
workers and the watcher are processes forked from this one, which has Django's start behind it: so a worker that is
killed every half second is at work for most of its life.
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

# After set-up, because these need the applications.
from django.conf import settings  # noqa: E402
from django.db import DatabaseError, close_old_connections, connections  # noqa: E402

from settings_sync.models import Agent, Attempt, Holiday, OfficeHours, ProviderSetting  # noqa: E402
from settings_sync.models.provider_setting import State  # noqa: E402
from tests.faults import settings_savers, settings_workers  # noqa: E402
from tests.faults.settings_part import Part  # noqa: E402

PR_SET_PDEATHSIG = 1
LOOK_EVERY_S = 0.03


def main() -> None:
    part = Part(**json.loads(sys.stdin.read()))
    luck = random.Random(f"cast {part.seed}")
    settings_savers.begin(part.seed)
    connections.close_all()
    seen = Path(settings.VAR_DIR) / "seen"
    watcher = fork(lambda: watch(seen))
    crew = Crew(part, luck)
    each = part.saves // part.savers
    savers = [
        fork(lambda number=number: settings_savers.save(f"{part.seed} {number}", each, part.seconds))
        for number in range(part.savers)
    ]
    crew.play(savers)
    heal(settings.IVR_API_URL)
    if part.new_account:
        heal(part.new_account)
    settled_s = wait_until_settled(part)
    kill(watcher)
    crew.end()
    print(json.dumps(left_behind(seen) | {"kills": crew.kills, "settled_s": settled_s}), flush=True)


class Crew:
    """The workers, and who kills them."""

    def __init__(self, part: Part, luck: random.Random) -> None:
        self.part, self.luck, self.kills = part, luck, 0
        self.started = time.monotonic()
        self.workers = {self._start(kind): kind for kind in part.kinds}

    def play(self, savers: list[int]) -> None:
        """Kill one worker after the other until all savers are through."""
        while savers:
            self._pause()
            savers = [pid for pid in savers if os.waitpid(pid, os.WNOHANG) == (0, 0)]
            if self.part.kill_s and self.workers:
                self._replace(self.luck.choice(list(self.workers)))
        for pid in list(self.workers):
            # The last ones to be killed leave their leases behind as well.
            self._replace(pid)

    def end(self) -> None:
        for pid in self.workers:
            kill(pid)

    def _pause(self) -> None:
        time.sleep(self.luck.uniform(*(self.part.kill_s or (0.2, 0.2))))

    def _replace(self, pid: int) -> None:
        kind = self.workers.pop(pid)
        kill(pid)
        self.kills += 1
        self.workers[self._start(kind)] = kind

    def _start(self, kind: str) -> int:
        changed = self.part.new_account and time.monotonic() > self.started + self.part.seconds / 2
        url = self.part.new_account if changed else settings.IVR_API_URL
        return fork(lambda: settings_workers.work(kind, url))


def fork(act: Callable[[], None]) -> int:
    """A process that does this and ends, or is killed when we end; its number."""
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


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def watch(seen: Path) -> None:
    """Write down each setting that is shown as in force, once for each time that it was changed."""
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
                # What a person sees as in force is a row in this state whose value is the confirmed one.
                if desired == confirmed:
                    lines.write(json.dumps([address, desired, changed_at.timestamp(), now]) + "\n")
            known.update(rows)
            time.sleep(LOOK_EVERY_S)


def heal(url: str) -> None:
    body = json.dumps({"spec": ""}).encode()
    urlopen(Request(f"{url}/faults", body, {"Content-Type": "application/json"}), timeout=5).close()


def pending(url: str) -> int:
    with urlopen(f"{url}/state?since=1000000000", timeout=5) as reply:
        return json.load(reply)["pending"]


def wait_until_settled(part: Part) -> float:
    """Until nothing is due any more and nothing will act late; how long that took."""
    began = time.monotonic()
    while time.monotonic() < began + part.settle_within_s:
        with suppress(DatabaseError):
            urls = [settings.IVR_API_URL, *([part.new_account] if part.new_account else [])]
            if not ProviderSetting.objects.moving().exists() and not any(map(pending, urls)):
                break
        close_old_connections()
        time.sleep(0.05)
    return round(time.monotonic() - began, 2)


def left_behind(seen: Path) -> dict[str, Any]:
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
