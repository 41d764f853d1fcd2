"""Exports in the background: begun once, followed, cancelled, failed, begun again by others, whole or not there."""

import contextlib
import datetime as dt
import io
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from calllogs.exports import files, jobs, lease, requests, tasks
from calllogs.models import Export
from ivrportal.management.commands import sync_run
from tests.calllogs.exports.exporting import asked, csv_rows, make_calls
from tests.conftest import make_user

pytestmark = pytest.mark.django_db(transaction=True)
State = Export.State


@pytest.fixture(autouse=True)
def nobody_is_nudged(monkeypatch):
    monkeypatch.setattr(tasks, "enqueue_export", lambda export_id: None)


@pytest.fixture
def places(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    return tmp_path / "exports"


@pytest.fixture
def job(places):
    make_calls(["one", "two", "three"])
    return requests.begin_job(asked(make_user("asha", None)))[0]


def test_a_job_ends_in_a_whole_file_that_is_named_and_kept(job, places):
    assert jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.rows, job.rows_expected, job.error, job.tries) == (State.DONE, 3, 3, "", 1)
    (file,) = places.iterdir()
    assert file.name == job.file
    assert (file.stat().st_mode & 0o777, places.stat().st_mode & 0o777) == (0o600, 0o700)
    assert job.bytes == file.stat().st_size
    assert len(csv_rows(file.read_bytes())) == 3
    assert dt.timedelta(days=6.9) < job.kept_until - timezone.now() <= dt.timedelta(days=7)
    assert not jobs.run(job.pk), "who is nudged twice does nothing the second time"


def test_who_asks_twice_at_once_joins_the_first(job):
    user, barrier, got = job.person, threading.Barrier(3), []

    def ask():
        barrier.wait()
        with contextlib.closing(connections["default"]):
            got.append(requests.begin_job(asked(user)))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(export.pk, is_new) for export, is_new in got} == {(job.pk, False)}
    assert requests.begin_job(asked(user, file_format="xlsx"))[1]
    assert requests.begin_job(asked(user, query="status=MISSED"))[1]
    jobs.run(job.pk)
    assert requests.begin_job(asked(user))[1], "after the first has ended there is a new one"


def test_only_one_worker_writes(job):
    assert lease.claim(job.pk) is not None
    assert lease.claim(job.pk) is None
    Export.objects.update(lease_until=timezone.now() - dt.timedelta(seconds=1))
    assert lease.claim(job.pk).tries == 2


def test_a_cancelled_job_stops_and_leaves_nothing(job, places, monkeypatch):
    monkeypatch.setattr(lease, "BEAT_S", 0.02)
    monkeypatch.setattr(jobs, "pieces", lambda *_: iter(_slowly(b"x", lambda: requests.cancel(job))))
    assert not jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, list(places.iterdir())) == (State.CANCELLED, [])
    assert not requests.cancel(job)
    monkeypatch.undo()
    assert requests.try_again(job) == job
    assert jobs.run(job.pk)


def _slowly(piece, after):
    yield piece
    after()
    for _ in range(500):
        time.sleep(0.01)
        yield piece


def test_a_worker_that_was_overtaken_leaves_its_file_to_nobody(job, places, monkeypatch):
    def stall():
        Export.objects.filter(pk=job.pk).update(lease_token="somebody else's")

    monkeypatch.setattr(lease, "BEAT_S", 60)
    monkeypatch.setattr(jobs, "pieces", lambda *_: _then(stall))
    assert not jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.file, list(places.iterdir())) == (State.RUNNING, "", [])


def _then(act):
    yield b"x"
    act()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (DatabaseError("+919812345678"), "database"),
        (ValueError("+919812345678"), "mistake"),
    ],
)
def test_a_failure_is_told_in_words_and_leaves_nothing(job, places, monkeypatch, caplog, error, words):
    def fails(*_):
        yield b"half"
        raise error

    monkeypatch.setattr(jobs, "pieces", fails)
    assert not jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.file, list(places.iterdir())) == (State.FAILED, "", [])
    assert words in job.error
    assert "981234" not in job.error + caplog.text


def test_a_job_that_always_ends_its_worker_is_given_up(job):
    Export.objects.update(
        state=State.RUNNING, tries=lease.MOST_TRIES, lease_until=timezone.now() - dt.timedelta(seconds=1)
    )
    jobs.run_due(patience_s=0)
    job.refresh_from_db()
    assert (job.state, "never came to its end" in job.error) == (State.FAILED, True)


def test_the_sweep_leaves_the_youngest_to_whoever_was_nudged(job):
    assert jobs.run_due() == 0
    assert not jobs.are_due()
    Export.objects.update(asked_at=timezone.now() - dt.timedelta(minutes=1))
    assert jobs.are_due()
    assert jobs.run_due() == 1


def test_without_a_broker_sync_run_writes_what_waits(job):
    call_command("sync_run", verbosity=0, stdout=io.StringIO())
    job.refresh_from_db()
    assert job.state == State.DONE


def test_sync_run_writes_beside_its_loop(job):
    Export.objects.update(asked_at=timezone.now() - dt.timedelta(minutes=1))
    command = sync_run.Command()
    command.also(to_the_end=False)
    command._writing.join(30)
    job.refresh_from_db()
    assert job.state == State.DONE


def test_files_go_when_their_days_are_over_and_what_nobody_names_after_a_day(job, places):
    jobs.run(job.pk)
    for name, age_s in (("old.csv.part", 2 * files.ORPHAN_S), ("young.csv.part", 60)):
        (places / name).touch()
        os.utime(places / name, (time.time() - age_s,) * 2)
    jobs.clean_up()
    assert len(list(places.iterdir())) == 2
    Export.objects.update(kept_until=timezone.now() - dt.timedelta(seconds=1))
    sent = asked(job.person, query="status=MISSED").record(Export.Way.SCREEN, State.RUNNING)
    Export.objects.filter(pk=sent.pk).update(asked_at=timezone.now() - dt.timedelta(days=2))
    jobs.clean_up()
    sent.refresh_from_db()
    assert sent.state == State.STOPPED, "the server that sent it was killed"
    job.refresh_from_db()
    assert ([path.name for path in places.iterdir()], job.file) == (["young.csv.part"], "")
    assert (job.state, job.can_be_downloaded) == (State.DONE, False)


def test_today_is_the_day_on_which_it_was_asked_for(job):
    long_ago = timezone.now() - dt.timedelta(days=1)
    make_calls(["now"], started_at=timezone.now(), call_id="now")
    make_calls(["then"], started_at=long_ago, call_id="then")
    late = requests.begin_job(asked(job.person, query="period=today"))[0]
    Export.objects.filter(pk=late.pk).update(asked_at=long_ago)
    jobs.run(late.pk)
    late.refresh_from_db()
    assert [row[0] for row in csv_rows(files.path_of(late.file).read_bytes())] == ["then"]


WORKER = """
import django, os, signal, sys
django.setup()
from calllogs.exports import jobs
whole = jobs.pieces
def dies(*arguments):
    for piece in whole(*arguments):
        yield piece
        print("half", flush=True)
        signal.pause()
jobs.pieces = dies
jobs.run(int(sys.argv[1]))
"""


def test_a_worker_that_is_killed_half_way_is_followed_by_another(job, places, settings):
    """A real process, a real kill -9. Until the lease is over nobody may take it up; then the file is whole."""
    base, name = os.environ["DATABASE_URL"].rpartition("/")[0], connection.settings_dict["NAME"]
    url = f"sqlite:///{name}" if connection.vendor == "sqlite" else f"{base}/{name}"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "ivrportal.settings",
        "VAR_DIR": str(places.parent),
    }
    environment |= {"DATABASE_URL": url, "EXPORT_LEASE_S": "1.5"}
    command = [sys.executable, "-c", WORKER, str(job.pk)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout.readline() == "half\n"
        (half,) = places.iterdir()
        job.refresh_from_db()
        assert (half.suffix, job.state, job.can_be_downloaded) == (".part", State.RUNNING, False)
        assert not jobs.run(job.pk), "it is alive, and its lease renewed"
        worker.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not jobs.run(job.pk) and time.monotonic() < deadline:
        time.sleep(0.1)
    job.refresh_from_db()
    assert (job.state, job.tries, job.rows) == (State.DONE, 2, 3)
    assert len(csv_rows(files.path_of(job.file).read_bytes())) == 3
