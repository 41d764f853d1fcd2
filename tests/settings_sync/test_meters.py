"""What processes count is added up, whoever of them has ended, and costs nothing where it cannot be kept."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.conf import settings as portal

from calllogs.waiting import Kept
from settings_sync import meter_files, meters
from settings_sync.outcomes import Outcome

ONE = {"ivrportal_pushes": {("committed",): [1.0]}}


@pytest.fixture
def alone(settings, tmp_path, monkeypatch):
    """Counts of this test only, in a place of its own."""
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(meters, "_mine", meters._Mine())
    return tmp_path / "meters"


def pushes(counts) -> float:
    return counts["ivrportal_pushes"].get(("committed",), [0.0])[0]


def process(directory: Path, times: int, *, end: str) -> subprocess.CompletedProcess[str]:
    code = f"""
import os, signal, django
from settings_sync import meters
for _ in range({times}):
    meters.count("ivrportal_pushes", "committed")
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


def test_words_of_outcomes_are_those_of_their_rooms():
    assert set(meters.METERS["ivrportal_pushes"].known) == set(Kept)
    assert set(meters.METERS["ivrportal_attempts"].known) == set(Outcome)


def test_counts_of_processes_that_have_ended_stay_and_are_counted_once(alone):
    meters.count("ivrportal_pushes", "committed")
    assert process(alone, 10, end="").returncode == 0  # writes when it ends
    assert process(alone, 100, end="meters.write(); os.kill(os.getpid(), signal.SIGKILL)").returncode == -9
    for _ in range(3):
        assert pushes(meters.total()) == 111
    meters.write()
    assert {path.name for path in alone.iterdir()} == {
        "ended.json", "folding.lock", f"{meters._mine.name}.live", f"{meters._mine.name}.json",
    }  # fmt: skip
    assert pushes(meters.total()) == 111


def test_a_process_killed_between_adding_and_deleting_adds_nothing_twice(alone, monkeypatch):
    process(alone, 10, end="meters.write(); os._exit(0)")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            meter_files.of_others(alone, "")
    assert pushes(meters.total()) == 10
    assert pushes(meters.total()) == 10


def test_a_forked_child_counts_for_itself(alone):
    meters.count("ivrportal_pushes", "committed", by=1000)
    meters.write()
    pid = os.fork()
    if not pid:
        try:
            meters.count("ivrportal_pushes", "committed", by=5)
            meters.write()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert pushes(meters.total()) == 1005


def test_what_is_counted_is_written_by_itself_after_a_moment(alone, monkeypatch):
    monkeypatch.setattr(meters, "WRITE_S", 0.05)
    meters.count("ivrportal_pushes", "committed")
    until = time.monotonic() + 10
    while not meters._mine.name or pushes(meter_files.of_others(alone, "nobody")) != 1:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_threads_lose_no_count(alone):
    def work():
        for _ in range(2000):
            meters.count("ivrportal_pushes", "committed")
            meters.observe("ivrportal_push_batch_pushes", 3)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = meters.total()
    assert pushes(total) == 16_000
    assert total["ivrportal_push_batch_pushes"][()] == [0, 0, 16_000, 0, 0, 0, 0, 0, 0, 0, 48_000]


def test_a_disk_that_takes_nothing_costs_one_line_and_no_count(alone, caplog):
    alone.write_text("a file where the directory should be")
    meters.count("ivrportal_pushes", "committed")
    for _ in range(3):
        meters.write()
    assert pushes(meters.total()) == 1
    assert caplog.text.count("cannot be shared") == 1
    alone.unlink()
    meters.write()
    assert pushes(meter_files.of_others(alone, "nobody")) == 1


def test_a_torn_file_and_other_buckets_of_before_break_nothing(alone):
    alone.mkdir()
    (alone / "ended.json").write_text('{"counts": {"ivrportal_pushes": [[["comm')
    (alone / "abc.json").write_text("[]")
    meters.count("ivrportal_pushes", "committed")
    assert pushes(meters.total()) == 1
    counts = {"ivrportal_push_batch_pushes": {(): [1.0, 2.0]}}
    meter_files.add(counts, {"ivrportal_push_batch_pushes": {(): [5.0] * 11}})
    assert counts["ivrportal_push_batch_pushes"][()] == [5.0] * 11
