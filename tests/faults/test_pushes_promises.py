"""The guarantees of push intake. Each bug of `bugs` breaks one of these tests. On both databases."""

import contextlib
import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from calllogs.intake import group_commit, replay
from calllogs.intake.envelope import ParsedPush, RawPush, parse_push, receive
from calllogs.intake.waiters import PushResult
from calllogs.models import CallLog, Push, RefusedPushCount
from calllogs.models.push_key import hash_push_key

pytestmark = pytest.mark.django_db(transaction=True)
CALL = "calllogid=C1&date=2026-11-08&time=12:00:00"


@pytest.fixture(autouse=True)
def _own_spool(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.VAR_DIR = tmp_path
    yield
    # The writer drains the spool of this test before the next test truncates the database.
    deadline = time.monotonic() + 5
    while replay.get_spool().depth().records and time.monotonic() < deadline:
        time.sleep(0.05)


@contextlib.contextmanager
def _locked_database() -> Iterator[None]:
    """Another connection holds a lock that blocks the insert of a push."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        with contextlib.closing(sqlite3.connect(database["NAME"], isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    with psycopg.connect(
        host=database["HOST"],
        port=database["PORT"],
        user=database["USER"],
        password=database["PASSWORD"],
        dbname=database["NAME"],
    ) as other:
        other.execute("LOCK TABLE calllogs_push IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


def test_a_push_is_successful_only_when_it_is_committed(push: Callable[..., Any], settings: Any) -> None:
    settings.PUSH_WAIT_S = 0.3
    assert push("calllogid=C0&date=2026-11-08&time=12:00:00").content == b"Successful"
    with _locked_database():
        assert push(CALL).content == b"Accepted"
    deadline = time.monotonic() + 5
    while not Push.objects.filter(call__call_id="C1").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_push_that_arrives_during_a_stall_waits_only_for_the_remaining_time(
    push_key: str, settings: Any
) -> None:
    settings.PUSH_WAIT_S = 0.6
    digest = hash_push_key(push_key)
    assert group_commit.submit(receive(CALL.encode(), "127.0.0.1"), digest) == PushResult.COMMITTED
    with _locked_database():
        first = threading.Thread(
            target=group_commit.submit, args=(receive(CALL.encode(), "127.0.0.1"), digest)
        )
        first.start()
        time.sleep(0.4)
        start = time.monotonic()
        assert group_commit.submit(receive(CALL.encode(), "127.0.0.1"), digest) == PushResult.SPOOLED
        waited_s = time.monotonic() - start
        first.join()
    assert waited_s < 0.45


def test_a_push_is_accepted_only_when_it_is_synced(
    push: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written: dict[int, int] = {}
    synced: dict[int, int] = {}
    write, fdatasync = os.write, os.fdatasync

    def record_write(fd: int, data: Any) -> int:
        done = write(fd, data)
        if os.readlink(f"/proc/self/fd/{fd}").startswith(str(tmp_path)):
            written[os.fstat(fd).st_ino] = os.fstat(fd).st_size
        return done

    def record_sync(fd: int) -> None:
        fdatasync(fd)
        synced[os.fstat(fd).st_ino] = os.fstat(fd).st_size

    def fail(batch: list[ParsedPush]) -> None:
        raise OperationalError

    monkeypatch.setattr(os, "write", record_write)
    monkeypatch.setattr(os, "fdatasync", record_sync)
    monkeypatch.setattr(group_commit, "store", fail)
    answer = push(CALL).content
    at_the_answer = dict(synced)
    assert answer == b"Accepted"
    assert written
    assert at_the_answer == written


def test_a_full_disk_loses_no_push_while_the_database_works(
    push: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> int:
        raise OSError(errno.ENOSPC, "no room")

    # This process has not loaded the keys yet, and cannot write their digest file.
    monkeypatch.setattr(Path, "write_text", full)
    assert push(CALL).content == b"Successful"


def test_a_later_push_never_blanks_a_field(push: Callable[..., Any]) -> None:
    push(f"{CALL}&callnumber=9812345678&callduration=75&department=Sales&callstatus=ANSWER")
    push(f"{CALL}&callnumber=&callduration=-&department=&state=Delhi")
    call = CallLog.objects.get()
    assert (call.caller, call.talk_seconds, call.department) == ("+919812345678", 75, "Sales")
    assert (call.status, call.circle, call.has_conflict) == ("ANSWERED", "Delhi", False)


def test_an_unstorable_push_affects_only_itself(
    push_key: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PUSH_WAIT_S = 5.0
    pushes = [receive(CALL.replace("C1", f"C{n}").encode(), "127.0.0.1") for n in range(8)]

    def parse_and_spoil(push: RawPush) -> ParsedPush:
        # The parser passes nothing that the database rejects, so the bad value is added after parsing.
        parsed = parse_push(push)
        if push is pushes[5] and parsed.call:
            return parsed._replace(call=parsed.call._replace(ivr_seconds=-1))
        return parsed

    monkeypatch.setattr(group_commit, "parse_push", parse_and_spoil)
    kept: dict[int, PushResult] = {}

    def submit(n: int) -> None:
        kept[n] = group_commit.submit(pushes[n], hash_push_key(push_key))

    threads = [threading.Thread(target=submit, args=(n,)) for n in range(8)]
    with _locked_database():
        for thread in threads:
            thread.start()
        time.sleep(0.3)  # the first waits for the lock, the others queue behind it
    for thread in threads:
        thread.join()
    assert {n: kept[n] for n in kept if kept[n] != PushResult.COMMITTED} == {5: PushResult.UNUSABLE}
    assert set(CallLog.objects.values_list("call_id", flat=True)) == {f"C{n}" for n in range(8)} - {"C5"}
    rejected = Push.objects.get(outcome=Push.Outcome.REJECTED)
    assert (rejected.uid, rejected.reason) == (pushes[5].uid, "could not be stored")


def test_a_forged_sender_address_is_not_trusted(push: Callable[..., Any], settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    settings.PUSH_ALLOWED_NETWORKS = ["203.0.113.0/24"]
    honest = push(CALL, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.7, 10.0.0.2")
    assert (honest.status_code, Push.objects.get().remote_addr) == (200, "203.0.113.7")
    forged = push(CALL, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.7, 198.51.100.9, 10.0.0.2")
    assert (forged.status_code, RefusedPushCount.objects.get().remote_addr) == (403, "198.51.100.9")
    without_proxy = push(CALL, REMOTE_ADDR="198.51.100.9", HTTP_X_FORWARDED_FOR="203.0.113.7")
    assert without_proxy.status_code == 403
