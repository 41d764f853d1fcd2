"""Counters and histograms for `/metrics`: each process counts in memory and writes a small file every WRITE_S seconds.

`prometheus_client`'s multiprocess mode is not used: it writes through mapped memory, so on a full disk the kernel kills
the process with SIGBUS, and pushes would be lost. Here a failed write loses no count.
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
    """A counter, or a histogram if it has `buckets`; +Inf is added. `known` label values are exported from 0."""

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


class _ProcessCounts:
    """The counts of this process, and its file."""

    def __init__(self) -> None:
        self.counts: Counts = {name: {} for name in METERS}
        self.lock = threading.Lock()
        self.has_changes = threading.Event()
        self.writer: threading.Thread | None = None
        self.directory, self.name, self.fd = Path(), "", -1  # an empty name: no file yet
        self.has_warned = False


_process = _ProcessCounts()


def count(name: str, *labels: str, by: int = 1) -> None:
    process = _process
    with process.lock:
        process.counts[name].setdefault(labels, [0.0])[0] += by
    _schedule_write(process)


def observe(name: str, value: float, *labels: str) -> None:
    process, buckets = _process, METERS[name].buckets
    with process.lock:
        numbers = process.counts[name].get(labels)
        if numbers is None:
            numbers = process.counts[name][labels] = [0.0] * (len(buckets) + 2)
        numbers[bisect_left(buckets, value)] += 1
        numbers[-1] += value
    _schedule_write(process)


def total() -> Counts:
    """The counts of all processes of this machine; those of other processes are up to WRITE_S old.

    A counter has one number. A histogram has one number per bucket, not cumulated, and the sum of its observations.
    """
    counts = _copy_counts(_process)
    try:
        metrics_files.add_counts(counts, metrics_files.counts_of_others(_directory(), _process.name))
    except OSError as error:
        _warn_once(_process, error)
    return counts


def write() -> None:
    """Write the counts of this process for the others to read. Logs an OSError instead of raising it."""
    process = _process
    try:
        if not process.name:
            process.directory = _directory()
            process.name, process.fd = metrics_files.register_process(process.directory)
        metrics_files.write_counts(process.directory, process.name, _copy_counts(process))
        process.has_warned = False
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            process.name = ""  # the directory was deleted: register again
        _warn_once(process, error)


def _schedule_write(process: _ProcessCounts) -> None:
    if not process.has_changes.is_set():
        process.has_changes.set()
    if process.writer is None:
        with process.lock:
            if process.writer is None:
                process.writer = threading.Thread(
                    target=_write_loop, name="meters", daemon=True, args=(process,)
                )
                with suppress(RuntimeError):  # the interpreter is shutting down; _write_at_exit follows
                    process.writer.start()


def _write_loop(process: _ProcessCounts) -> None:
    while True:
        process.has_changes.wait()
        time.sleep(WRITE_S)
        process.has_changes.clear()
        write()


def _copy_counts(process: _ProcessCounts) -> Counts:
    with process.lock:
        return {
            name: {labels: list(numbers) for labels, numbers in series.items()}
            for name, series in process.counts.items()
        }


def _warn_once(process: _ProcessCounts, error: OSError) -> None:
    if not process.has_warned:
        logger.warning("what is counted for /metrics cannot be shared (%s)", type(error).__name__)
    process.has_warned = True


def _directory() -> Path:
    return Path(settings.VAR_DIR) / "meters"


def _reset_after_fork() -> None:
    """A forked child starts with counts and a file of its own."""
    global _process
    before, _process = _process, _ProcessCounts()
    if before.fd >= 0:
        with suppress(OSError):
            os.close(before.fd)


def _write_at_exit() -> None:
    if _process.has_changes.is_set():
        _process.has_warned = True  # logging may be shut down already
        write()


os.register_at_fork(after_in_child=_reset_after_fork)
atexit.register(_write_at_exit)
