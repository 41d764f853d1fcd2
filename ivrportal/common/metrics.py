"""What the processes of this machine count, for `/metrics`: in memory, and every WRITE_S in a small file of each.

`prometheus_client` has a way for several processes, but it writes through mapped memory: on a full disk the kernel
ends the process with SIGBUS, and a push is worth more than its count. Here a file that cannot be written costs nothing.
"""

import atexit
import logging
import os
import threading
import time
from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from ivrportal.common import metrics_files
from ivrportal.common.metrics_files import Counts

logger = logging.getLogger(__name__)

WRITE_S = 2.0
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TASK_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 900.0)
_BATCHES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
_ATTEMPTS = ("confirmed", "refused", "not_sent", "unknown", "throttled", "account", "config", "unrecognised")


@dataclass(frozen=True, slots=True)
class Meter:
    """A counter; with `buckets` a histogram, which has one more without an end. `known` labels are shown from 0."""

    help: str
    labels: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


METERS = {
    "ivrportal_pushes": Meter(
        "Pushes, by what became of them.",
        ("outcome",),
        ("committed", "unusable", "spooled", "refused", "nowhere"),
    ),
    "ivrportal_push_batch_pushes": Meter("Pushes in one batch of the writer.", buckets=_BATCHES),
    "ivrportal_push_batch_seconds": Meter(
        "From the receipt of a batch's oldest push to its answer.", buckets=_SECONDS
    ),
    "ivrportal_attempts": Meter("Requests to the provider, by outcome.", ("outcome",), _ATTEMPTS),
    "ivrportal_attempt_seconds": Meter("How long a request to the provider took.", buckets=_SECONDS),
    "ivrportal_tasks": Meter("Celery tasks that ended, by outcome.", ("task", "outcome")),
    "ivrportal_task_seconds": Meter("How long a Celery task took.", ("task",), buckets=_TASK_SECONDS),
    "ivrportal_web_requests": Meter(
        "Web requests but for pushes, by class of status.", ("status",), ("2xx", "3xx", "4xx", "5xx")
    ),
    "ivrportal_web_request_seconds": Meter("How long the portal worked at a web request.", buckets=_SECONDS),
}


class _Mine:
    """What this process has counted."""

    def __init__(self) -> None:
        self.counts: Counts = {name: {} for name in METERS}
        self.lock = threading.Lock()
        self.is_new = threading.Event()
        self.writer: threading.Thread | None = None
        self.directory, self.name, self.fd = Path(), "", -1  # without a name: there is no file yet
        self.is_troubled = False


_mine = _Mine()


def count(name: str, *labels: str, by: int = 1) -> None:
    mine = _mine
    with mine.lock:
        mine.counts[name].setdefault(labels, [0.0])[0] += by
    _wake(mine)


def observe(name: str, value: float, *labels: str) -> None:
    mine, buckets = _mine, METERS[name].buckets
    with mine.lock:
        seen = mine.counts[name].get(labels)
        if seen is None:
            seen = mine.counts[name][labels] = [0.0] * (len(buckets) + 2)
        seen[bisect_left(buckets, value)] += 1
        seen[-1] += value
    _wake(mine)


def total() -> Counts:
    """What the processes of this machine have counted: ours as of now, that of the others as of WRITE_S ago.

    A counter's numbers are one; a histogram's are its buckets, each by itself, and the sum of all that it saw.
    """
    found = _copied(_mine)
    try:
        metrics_files.add(found, metrics_files.of_others(_directory(), _mine.name))
    except OSError as error:
        _complain(_mine, error)
    return found


def write() -> None:
    """Leave what this process has counted where the others find it. Never raises for a disk."""
    mine = _mine
    try:
        if not mine.name:
            mine.directory = _directory()
            mine.name, mine.fd = metrics_files.enter(mine.directory)
        metrics_files.write(mine.directory, mine.name, _copied(mine))
        mine.is_troubled = False
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            mine.name = ""  # somebody has deleted the directory, and with it all that we had written
        _complain(mine, error)


def _wake(mine: _Mine) -> None:
    if not mine.is_new.is_set():
        mine.is_new.set()
    if mine.writer is None:
        with mine.lock:
            if mine.writer is None:
                mine.writer = threading.Thread(
                    target=_write_for_ever, name="meters", daemon=True, args=(mine,)
                )
                with suppress(RuntimeError):  # the process is ending, and writes once more when it does
                    mine.writer.start()


def _write_for_ever(mine: _Mine) -> None:
    while True:
        mine.is_new.wait()
        time.sleep(WRITE_S)
        mine.is_new.clear()
        write()


def _copied(mine: _Mine) -> Counts:
    with mine.lock:
        return {
            name: {labels: list(numbers) for labels, numbers in series.items()}
            for name, series in mine.counts.items()
        }


def _complain(mine: _Mine, error: OSError) -> None:
    if not mine.is_troubled:
        logger.warning("what is counted for /metrics cannot be shared (%s)", type(error).__name__)
    mine.is_troubled = True


def _directory() -> Path:
    return Path(settings.VAR_DIR) / "meters"


def _begin_anew() -> None:
    """A forked child has counted nothing, and is somebody else."""
    global _mine
    before, _mine = _mine, _Mine()
    if before.fd >= 0:
        with suppress(OSError):
            os.close(before.fd)


def _leave() -> None:
    if _mine.is_new.is_set():
        _mine.is_troubled = True  # nobody listens any more
        write()


os.register_at_fork(after_in_child=_begin_anew)
atexit.register(_leave)
