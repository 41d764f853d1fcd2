"""Counts of running and ended processes are summed, and a failed write does no harm."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.conf import settings as portal

from calllogs.intake.waiters import PushResult
from ivrportal.common import metrics, metrics_files
from settings_sync.delivery.outcomes import Outcome

ONE = {"ivrportal_pushes": {("committed",): [1.0]}}


@pytest.fixture
def alone(settings, tmp_path, monkeypatch):
    """A separate directory with the counts of this test only."""
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(metrics, "_process", metrics._ProcessCounts())
    return tmp_path / "meters"


def pushes(counts) -> float:
    return counts["ivrportal_pushes"].get(("committed",), [0.0])[0]


def process(directory: Path, times: int, *, end: str) -> subprocess.CompletedProcess[str]:
    code = f"""
import os, signal, django
from ivrportal.common import metrics
for _ in range({times}):
    metrics.count("ivrportal_pushes", "committed")
{end}
"""
    env = os.environ | {"VAR_DIR": str(directory.parent), "DJANGO_SETTINGS_MODULE": "ivrportal.settings"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        cwd=portal.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )


def test_outcome_labels_match_the_enums_of_their_packages():
    assert set(metrics.METERS["ivrportal_pushes"].known) == set(PushResult)
    assert set(metrics.METERS["ivrportal_attempts"].known) == set(Outcome)


def test_counts_of_processes_that_have_ended_stay_and_are_counted_once(alone):
    metrics.count("ivrportal_pushes", "committed")
    assert process(alone, 10, end="").returncode == 0  # the process writes at exit
    assert process(alone, 100, end="metrics.write(); os.kill(os.getpid(), signal.SIGKILL)").returncode == -9
    for _ in range(3):
        assert pushes(metrics.total()) == 111
    metrics.write()
    assert {path.name for path in alone.iterdir()} == {
        "ended.json", "folding.lock", f"{metrics._process.name}.live", f"{metrics._process.name}.json",
    }  # fmt: skip
    assert pushes(metrics.total()) == 111


def test_a_process_killed_between_adding_and_deleting_adds_nothing_twice(alone, monkeypatch):
    process(alone, 10, end="metrics.write(); os._exit(0)")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            metrics_files.counts_of_others(alone, "")
    assert pushes(metrics.total()) == 10
    assert pushes(metrics.total()) == 10


def test_a_forked_child_counts_for_itself(alone):
    metrics.count("ivrportal_pushes", "committed", by=1000)
    metrics.write()
    pid = os.fork()
    if not pid:
        try:
            metrics.count("ivrportal_pushes", "committed", by=5)
            metrics.write()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert pushes(metrics.total()) == 1005


def test_counts_are_written_automatically_after_a_moment(alone, monkeypatch):
    monkeypatch.setattr(metrics, "WRITE_S", 0.05)
    metrics.count("ivrportal_pushes", "committed")
    until = time.monotonic() + 10
    while not metrics._process.name or pushes(metrics_files.counts_of_others(alone, "nobody")) != 1:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_threads_lose_no_count(alone):
    def work():
        for _ in range(2000):
            metrics.count("ivrportal_pushes", "committed")
            metrics.observe("ivrportal_push_batch_pushes", 3)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = metrics.total()
    assert pushes(total) == 16_000
    assert total["ivrportal_push_batch_pushes"][()] == [0, 0, 16_000, 0, 0, 0, 0, 0, 0, 0, 48_000]


def test_a_disk_that_takes_nothing_costs_one_line_and_no_count(alone, caplog):
    alone.write_text("a file where the directory should be")
    metrics.count("ivrportal_pushes", "committed")
    for _ in range(3):
        metrics.write()
    assert pushes(metrics.total()) == 1
    assert caplog.text.count("cannot be shared") == 1
    alone.unlink()
    metrics.write()
    assert pushes(metrics_files.counts_of_others(alone, "nobody")) == 1


def test_a_torn_file_and_other_buckets_of_before_break_nothing(alone):
    alone.mkdir()
    (alone / "ended.json").write_text('{"counts": {"ivrportal_pushes": [[["comm')
    (alone / "abc.json").write_text("[]")
    metrics.count("ivrportal_pushes", "committed")
    assert pushes(metrics.total()) == 1
    counts = {"ivrportal_push_batch_pushes": {(): [1.0, 2.0]}}
    metrics_files.add_counts(counts, {"ivrportal_push_batch_pushes": {(): [5.0] * 11}})
    assert counts["ivrportal_push_batch_pushes"][()] == [5.0] * 11
