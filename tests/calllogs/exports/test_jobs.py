"""Exports in the background: started once, cancelled, failed and taken over; files are complete or do not exist."""

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
from tests.calllogs.exports.exporting import make_calls, make_request, read_csv_rows
from tests.conftest import make_user

pytestmark = pytest.mark.django_db(transaction=True)
State = Export.State


@pytest.fixture(autouse=True)
def no_enqueueing(monkeypatch):
    monkeypatch.setattr(tasks, "enqueue_export", lambda export_id: None)


@pytest.fixture
def export_directory(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    return tmp_path / "exports"


@pytest.fixture
def job(export_directory):
    make_calls(["one", "two", "three"])
    return requests.start_job(make_request(make_user("asha", None)))[0]


def test_a_job_ends_with_a_complete_file_that_is_kept(job, export_directory):
    assert jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.rows, job.rows_expected, job.error, job.tries) == (State.DONE, 3, 3, "", 1)
    (file,) = export_directory.iterdir()
    assert file.name == job.file
    assert (file.stat().st_mode & 0o777, export_directory.stat().st_mode & 0o777) == (0o600, 0o700)
    assert job.bytes == file.stat().st_size
    assert len(read_csv_rows(file.read_bytes())) == 3
    assert dt.timedelta(days=6.9) < job.kept_until - timezone.now() <= dt.timedelta(days=7)
    assert not jobs.run(job.pk), "a second task for the same job does nothing"


def test_simultaneous_requests_share_one_job(job):
    user, barrier, results = job.person, threading.Barrier(3), []

    def request():
        barrier.wait()
        with contextlib.closing(connections["default"]):
            results.append(requests.start_job(make_request(user)))

    threads = [threading.Thread(target=request) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(export.pk, is_new) for export, is_new in results} == {(job.pk, False)}
    assert requests.start_job(make_request(user, file_format="xlsx"))[1]
    assert requests.start_job(make_request(user, query="status=MISSED"))[1]
    jobs.run(job.pk)
    assert requests.start_job(make_request(user))[1], "after the first has ended there is a new one"


def test_only_one_worker_writes(job):
    assert lease.claim(job.pk) is not None
    assert lease.claim(job.pk) is None
    Export.objects.update(lease_until=timezone.now() - dt.timedelta(seconds=1))
    assert lease.claim(job.pk).tries == 2


def test_a_cancelled_job_stops_and_leaves_nothing(job, export_directory, monkeypatch):
    monkeypatch.setattr(lease, "RENEWAL_INTERVAL_S", 0.02)
    monkeypatch.setattr(jobs, "chunks", lambda *_: iter(_slowly(b"x", lambda: requests.cancel(job))))
    assert not jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, list(export_directory.iterdir())) == (State.CANCELLED, [])
    assert not requests.cancel(job)
    monkeypatch.undo()
    assert requests.retry(job) == job
    assert jobs.run(job.pk)


def _slowly(chunk, callback):
    yield chunk
    callback()
    for _ in range(500):
        time.sleep(0.01)
        yield chunk


def test_a_worker_that_lost_its_lease_leaves_no_file(job, export_directory, monkeypatch):
    def stall():
        Export.objects.filter(pk=job.pk).update(lease_token="somebody else's")

    monkeypatch.setattr(lease, "RENEWAL_INTERVAL_S", 60)
    monkeypatch.setattr(jobs, "chunks", lambda *_: _then(stall))
    assert not jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.file, list(export_directory.iterdir())) == (State.RUNNING, "", [])


def _then(callback):
    yield b"x"
    callback()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (DatabaseError("+919812345678"), "database"),
        (ValueError("+919812345678"), "mistake"),
    ],
)
def test_a_failure_has_a_message_and_leaves_no_file(
    job, export_directory, monkeypatch, caplog, error, message
):
    def fails(*_):
        yield b"half"
        raise error

    monkeypatch.setattr(jobs, "chunks", fails)
    assert not jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.file, list(export_directory.iterdir())) == (State.FAILED, "", [])
    assert message in job.error
    assert "981234" not in job.error + caplog.text


def test_a_job_that_always_kills_its_worker_is_given_up(job):
    Export.objects.update(
        state=State.RUNNING, tries=lease.MAX_TRIES, lease_until=timezone.now() - dt.timedelta(seconds=1)
    )
    jobs.run_due(min_age_s=0)
    job.refresh_from_db()
    assert (job.state, "never came to its end" in job.error) == (State.FAILED, True)


def test_the_sweep_leaves_the_youngest_to_the_enqueued_task(job):
    assert jobs.run_due() == 0
    assert not jobs.has_due()
    Export.objects.update(asked_at=timezone.now() - dt.timedelta(minutes=1))
    assert jobs.has_due()
    assert jobs.run_due() == 1


def test_without_a_broker_sync_run_writes_what_waits(job):
    call_command("sync_run", verbosity=0, stdout=io.StringIO())
    job.refresh_from_db()
    assert job.state == State.DONE


def test_sync_run_writes_beside_its_loop(job):
    Export.objects.update(asked_at=timezone.now() - dt.timedelta(minutes=1))
    command = sync_run.Command()
    command.run_other_jobs(until_done=False)
    command._writing.join(30)
    job.refresh_from_db()
    assert job.state == State.DONE


def test_files_are_deleted_when_they_expire_and_orphans_after_a_day(job, export_directory):
    jobs.run(job.pk)
    for name, age_s in (("old.csv.part", 2 * files.ORPHAN_S), ("young.csv.part", 60)):
        (export_directory / name).touch()
        os.utime(export_directory / name, (time.time() - age_s,) * 2)
    jobs.clean_up()
    assert len(list(export_directory.iterdir())) == 2
    Export.objects.update(kept_until=timezone.now() - dt.timedelta(seconds=1))
    streamed = make_request(job.person, query="status=MISSED").record(Export.Way.SCREEN, State.RUNNING)
    Export.objects.filter(pk=streamed.pk).update(asked_at=timezone.now() - dt.timedelta(days=2))
    jobs.clean_up()
    streamed.refresh_from_db()
    assert streamed.state == State.STOPPED, "the server that sent it was killed"
    job.refresh_from_db()
    assert ([path.name for path in export_directory.iterdir()], job.file) == (["young.csv.part"], "")
    assert (job.state, job.can_be_downloaded) == (State.DONE, False)


def test_today_is_the_day_of_the_request(job):
    long_ago = timezone.now() - dt.timedelta(days=1)
    make_calls(["now"], started_at=timezone.now(), call_id="now")
    make_calls(["then"], started_at=long_ago, call_id="then")
    late = requests.start_job(make_request(job.person, query="period=today"))[0]
    Export.objects.filter(pk=late.pk).update(asked_at=long_ago)
    jobs.run(late.pk)
    late.refresh_from_db()
    assert [row[0] for row in read_csv_rows(files.path_for(late.file).read_bytes())] == ["then"]


WORKER = """
import django, os, signal, sys
django.setup()
from calllogs.exports import jobs
chunks = jobs.chunks
def dies(*arguments):
    for chunk in chunks(*arguments):
        yield chunk
        print("half", flush=True)
        signal.pause()
jobs.chunks = dies
jobs.run(int(sys.argv[1]))
"""


def test_a_killed_worker_is_replaced_by_another(job, export_directory, settings):
    """A real process and a real kill -9. Nobody can take the job over before the lease expires."""
    base, name = os.environ["DATABASE_URL"].rpartition("/")[0], connection.settings_dict["NAME"]
    url = f"sqlite:///{name}" if connection.vendor == "sqlite" else f"{base}/{name}"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "ivrportal.settings",
        "VAR_DIR": str(export_directory.parent),
    }
    environment |= {"DATABASE_URL": url, "EXPORT_LEASE_S": "1.5"}
    command = [sys.executable, "-c", WORKER, str(job.pk)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout.readline() == "half\n"
        (partial,) = export_directory.iterdir()
        job.refresh_from_db()
        assert (partial.suffix, job.state, job.can_be_downloaded) == (".part", State.RUNNING, False)
        assert not jobs.run(job.pk), "the worker is alive and renews its lease"
        worker.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not jobs.run(job.pk) and time.monotonic() < deadline:
        time.sleep(0.1)
    job.refresh_from_db()
    assert (job.state, job.tries, job.rows) == (State.DONE, 2, 3)
    assert len(read_csv_rows(files.path_for(job.file).read_bytes())) == 3
