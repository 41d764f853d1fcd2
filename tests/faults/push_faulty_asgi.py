"""The product's application with processes that kill themselves at one exact point. Only for fault runs.

With `FAULT_KILL=commit:40` each process dies after a random number of passes of that point, at most 40. Of several
points, as in `commit,batch:40`, one is chosen at random. See `KILL_POINTS`.
"""

import os
import random
import signal
import threading
from typing import Any

from ivrportal.asgi import application
from tests.faults.push_portal import DEATH_LINE

__all__ = ["application"]
_write = os.write


class KillCountdown:
    """Counts the passes of a point; the process dies on the last one.

    Points that need to choose the moment of death call `is_reached` and `kill` instead of `count_pass`.
    """

    def __init__(self, passes: int) -> None:
        # Seeded by process: the run's seed could not reproduce the timing anyway.
        self.rng = random.Random(os.getpid())
        self.left = self.rng.randint(1, passes)

    def is_reached(self) -> bool:
        self.left -= 1
        return self.left == 0

    def kill(self) -> None:
        _write(2, DEATH_LINE)
        os.kill(os.getpid(), signal.SIGKILL)

    def count_pass(self) -> None:
        if self.is_reached():
            self.kill()


def _kill_between_commit_and_answer(countdown: KillCountdown) -> None:
    from calllogs.intake import group_commit

    store = group_commit.store

    def store_and_count(batch: Any) -> None:
        store(batch)
        countdown.count_pass()

    group_commit.store = store_and_count


def _kill_during_a_batch(countdown: KillCountdown) -> None:
    """Kills between the first byte to the database and its answer, including the commit."""
    from calllogs.intake import group_commit

    store = group_commit.store

    def store_under_timer(batch: Any) -> None:
        if countdown.is_reached():
            threading.Timer(countdown.rng.uniform(0, 0.005), countdown.kill).start()
        store(batch)

    group_commit.store = store_under_timer


def _kill_during_an_append(countdown: KillCountdown) -> None:
    fdatasync = os.fdatasync

    def write_in_two_parts(fd: int, data: Any) -> int:
        # Only the spool writes memoryviews. The record is written in two parts, and the process dies between them.
        if not isinstance(data, memoryview) or len(data) < 2:
            return _write(fd, data)
        written = _write(fd, data[: len(data) // 2])
        countdown.count_pass()
        return written

    def counted_sync(fd: int) -> None:
        countdown.count_pass()
        fdatasync(fd)
        countdown.count_pass()

    os.write, os.fdatasync = write_in_two_parts, counted_sync


KILL_POINTS = {
    "commit": _kill_between_commit_and_answer,
    "batch": _kill_during_a_batch,
    "append": _kill_during_an_append,
}

if "FAULT_KILL" in os.environ:
    _points, _, _passes = os.environ["FAULT_KILL"].partition(":")
    _countdown = KillCountdown(int(_passes))
    # Granian imports the application in each worker, after its fork.
    KILL_POINTS[_countdown.rng.choice(_points.split(","))](_countdown)
if "FAULT_BUG" in os.environ:
    from tests.faults import bugs

    bugs.plant(os.environ["FAULT_BUG"])
