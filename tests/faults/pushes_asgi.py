"""The product's own application, but its processes kill themselves at one exact place. Only for fault runs.

`FAULT_KILL=commit:40` lets each process live for up to 40 passes of that place, by luck; the places are below. Of
several, as in `commit,batch:40`, luck chooses one.
"""

import os
import random
import signal
import threading
from typing import Any

from ivrportal.asgi import application
from tests.faults.pushes_stand import DEATH

__all__ = ["application"]
_write = os.write


class Life:
    """So many passes of a place, then death; or its last moments, for a place that wants to use them."""

    def __init__(self, passes: int) -> None:
        # Luck is this process's own: the run's seed cannot repeat what the kernel's clock decides anyway.
        self.luck = random.Random(os.getpid())
        self.left = self.luck.randint(1, passes)

    def is_over(self) -> bool:
        self.left -= 1
        return self.left == 0

    def end(self) -> None:
        _write(2, DEATH)
        os.kill(os.getpid(), signal.SIGKILL)

    def passed(self) -> None:
        if self.is_over():
            self.end()


def _kill_between_commit_and_answer(life: Life) -> None:
    from calllogs.intake import group_commit

    store = group_commit.store

    def stored(batch: Any) -> None:
        store(batch)
        life.passed()

    group_commit.store = stored


def _kill_during_a_batch(life: Life) -> None:
    """Somewhere between the first byte to the database and its answer, the commit included."""
    from calllogs.intake import group_commit as commit_module

    store = commit_module.store

    def cut_short(batch: Any) -> None:
        if life.is_over():
            threading.Timer(life.luck.uniform(0, 0.005), life.end).start()
        store(batch)

    commit_module.store = cut_short


def _kill_during_an_append(life: Life) -> None:
    fdatasync = os.fdatasync

    def torn(fd: int, data: Any) -> int:
        # Only the spool writes memoryviews: the record is on the disk in two parts, and between them we die.
        if not isinstance(data, memoryview) or len(data) < 2:
            return _write(fd, data)
        written = _write(fd, data[: len(data) // 2])
        life.passed()
        return written

    def synced(fd: int) -> None:
        life.passed()
        fdatasync(fd)
        life.passed()

    os.write, os.fdatasync = torn, synced


PLACES = {
    "commit": _kill_between_commit_and_answer,
    "batch": _kill_during_a_batch,
    "append": _kill_during_an_append,
}

if "FAULT_KILL" in os.environ:
    _places, _, _passes = os.environ["FAULT_KILL"].partition(":")
    _life = Life(int(_passes))
    # Granian imports the application in each worker, after its fork.
    PLACES[_life.luck.choice(_places.split(","))](_life)
if "FAULT_BUG" in os.environ:
    from tests.faults import bugs

    bugs.plant(os.environ["FAULT_BUG"])
