"""Group commit and its fallbacks: an acknowledged push is on disk, and no request waits long."""

import os
import threading
import time

import pytest
from django.db import DataError, connection, transaction

from calllogs.intake import group_commit, parser, push_auth, replay
from calllogs.intake.envelope import receive, to_spool_record
from calllogs.models import CallLog, Push, PushKey
from tests.conftest import PUSHES, forget_push_keys

pytestmark = pytest.mark.django_db(transaction=True)
CALL = "calllogid={id}&callnumber=9812345678&date=2026-11-08&time=10:15:00&callstatus=ANSWER"


@pytest.fixture(autouse=True)
def _fresh_writer():
    """Each test gets a new writer, and leaves an empty spool."""
    group_commit.stop()
    yield
    group_commit.stop()
    replay.drain()


def push_together(push, count):
    """Send `count` pushes at once, each from its own thread. Returns the replies."""
    answers = [None] * count

    def send_one(number):
        answers[number] = push(CALL.format(id=f"G{number}")).content

    threads = [threading.Thread(target=send_one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_pushes_that_come_together_are_all_stored(push):
    assert push_together(push, 24) == [b"Successful"] * 24
    assert CallLog.objects.count() == Push.objects.count() == 24


def test_pushes_that_come_together_share_transactions(push, monkeypatch):
    batch_sizes = []
    store = group_commit.store

    def slow(batch):
        batch_sizes.append(len(batch))
        while sum(batch_sizes) + group_commit._current._queue.qsize() < 24:
            time.sleep(0.001)
        store(batch)

    monkeypatch.setattr(group_commit, "store", slow)
    assert push_together(push, 24) == [b"Successful"] * 24
    assert len(batch_sizes) <= 2


def test_a_connection_that_died_unnoticed_costs_no_push(push):
    assert push(CALL.format(id="G1")).content == b"Successful"
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    assert push(CALL.format(id="G2")).content == b"Successful"
    assert CallLog.objects.count() == 2


def test_a_push_that_the_database_rejects_affects_no_other(push, monkeypatch):
    from calllogs.intake import storage as storage_module

    store = storage_module.store

    def reject_one(batch):
        if any(parsed.call and parsed.call.call_id == "G3" for parsed in batch):
            raise DataError("poison")
        store(batch)

    monkeypatch.setattr(storage_module, "store", reject_one)
    monkeypatch.setattr(group_commit, "store", reject_one)
    answers = push_together(push, 8)
    assert answers == [b"Invalid Data" if number == 3 else b"Successful" for number in range(8)]
    assert set(CallLog.objects.values_list("call_id", flat=True)) == {f"G{n}" for n in range(8)} - {"G3"}
    kept = Push.objects.get(outcome="REJECTED")
    assert (kept.reason, "calllogid=G3" in kept.raw_query) == ("could not be stored", True)


def test_a_push_that_crashes_the_parser_affects_no_other(push, monkeypatch):
    parse = parser.parse

    def crash_on_one(raw, **named):
        if b"G3" in raw:
            raise RecursionError
        return parse(raw, **named)

    monkeypatch.setattr(parser, "parse", crash_on_one)
    answers = push_together(push, 8)
    assert answers == [b"Invalid Data" if number == 3 else b"Successful" for number in range(8)]
    assert Push.objects.get(outcome="REJECTED").reason == "could not be read"


def lock_calls(released):
    """Lock the table of calls from another connection until `released` is set."""
    locked = threading.Event()

    def hold_lock():
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("LOCK TABLE calllogs_calllog IN EXCLUSIVE MODE")
            locked.set()  # on SQLite, IMMEDIATE has locked the whole database
            released.wait(15)
        connection.close()

    thread = threading.Thread(target=hold_lock)
    thread.start()
    assert locked.wait(5)
    return thread


def test_a_database_that_stalls_costs_the_wait_once_and_no_push(push, settings):
    settings.PUSH_WAIT_S = 0.4
    assert push(CALL.format(id="before")).content == b"Successful"
    released = threading.Event()
    lock_holder = lock_calls(released)
    started = time.monotonic()
    assert push(CALL.format(id="stalled-1")).content == b"Accepted"
    assert 0.3 < time.monotonic() - started < 2
    started = time.monotonic()
    assert push(CALL.format(id="stalled-2")).content == b"Accepted"
    assert time.monotonic() - started < 0.3, "no request waits once the stall is known"
    assert replay.get_spool().depth().records == 2
    released.set()
    lock_holder.join()
    deadline = time.monotonic() + 10
    while CallLog.objects.count() < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    replay.drain()
    assert set(CallLog.objects.values_list("call_id", flat=True)) == {"before", "stalled-1", "stalled-2"}
    assert Push.objects.count() == 3, "a push that was spooled and committed late is stored once"


def test_a_wrong_key_is_refused_while_the_database_stalls(push, settings):
    settings.PUSH_WAIT_S = 0.3
    push(CALL.format(id="before"))
    released = threading.Event()
    lock_holder = lock_calls(released)
    assert push(CALL.format(id="x")).content == b"Accepted"
    assert push(CALL.format(id="y"), key="wrong").content == b"Failure"
    released.set()
    lock_holder.join()


def test_a_new_process_knows_the_keys_though_the_database_is_silent(push):
    push(CALL.format(id="before"))
    push_auth._KeyCache.digests = None  # as in a new process
    from calllogs.models.push_key import hash_push_key

    assert push_auth.is_valid_key(hash_push_key("test-push-key")) is True
    assert push_auth.is_valid_key(hash_push_key("wrong")) is False
    forget_push_keys()
    assert push_auth.is_valid_key(hash_push_key("test-push-key")) is None


def test_a_new_key_works_at_once_and_a_revoked_one_for_a_quarter_of_a_second(push):
    push(CALL.format(id="before"))
    PushKey.make("second", key="second-key")
    assert push(CALL.format(id="second"), key="second-key").status_code == 200
    PushKey.objects.filter(name="second").update(revoked_at="2026-11-08T00:00:00Z")
    time.sleep(push_auth.KEYS_FRESH_S)
    assert push(CALL.format(id="third"), key="second-key").status_code == 403
    assert push(CALL.format(id="fourth")).status_code == 200, "the other live key still works"


def test_the_last_use_of_a_key_is_recorded(push):
    push(CALL.format(id="one"))
    assert PushKey.objects.get().last_used_at is not None


def test_what_was_answered_is_on_disk_when_the_writer_stops(push):
    push_together(push, 10)
    group_commit.stop()
    assert CallLog.objects.count() == 10
    assert push(CALL.format(id="after")).content == b"Successful", "a new writer takes over"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # forking with threads is what this tests
def test_a_forked_child_has_a_writer_of_its_own(push):
    push(CALL.format(id="parent"))
    connection.close()
    child = os.fork()
    if child == 0:
        connection.close()
        status = 1
        try:
            status = 0 if push(CALL.format(id="child")).content == b"Successful" else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert CallLog.objects.count() == 2


def test_addresses_are_allowed_and_refused_by_network(push, settings):
    settings.PUSH_ALLOWED_NETWORKS = ["203.0.113.0/24", "2001:db8::/32"]
    sample = (PUSHES / "sample_url.query").read_bytes()
    assert push(sample, REMOTE_ADDR="203.0.113.9").status_code == 200
    assert push(sample, REMOTE_ADDR="::ffff:203.0.113.9").status_code == 200
    assert push(sample, REMOTE_ADDR="2001:db8::1").status_code == 200
    assert push(sample, REMOTE_ADDR="203.0.114.9").status_code == 403
    assert push(sample, REMOTE_ADDR="not an address").status_code == 403


def test_behind_trusted_proxies_the_address_is_read_from_the_right(push, settings):
    settings.TRUSTED_PROXIES, settings.PUSH_ALLOWED_NETWORKS = ["10.0.0.0/8"], ["203.0.113.0/24"]
    sample = (PUSHES / "sample_url.query").read_bytes()
    forged = "203.0.113.9, 198.51.100.7, 10.1.2.3"
    assert push(sample, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forged).status_code == 403
    honest = "198.51.100.7, 203.0.113.9"
    assert push(sample, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=honest).status_code == 200
    assert push(sample, REMOTE_ADDR="203.0.113.9", HTTP_X_FORWARDED_FOR="198.51.100.7").status_code == 200


def test_with_no_key_at_all_pushes_need_an_allowed_network(push, settings):
    PushKey.objects.all().delete()
    forget_push_keys()
    sample = (PUSHES / "sample_url.query").read_bytes()
    assert push(sample, key=None).status_code == 403
    settings.PUSH_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    assert push(sample, key=None).status_code == 200


def test_keys_of_the_environment_are_accepted_beside_those_of_the_screen(push, settings):
    settings.PUSH_KEYS = ["from-the-environment"]
    sample = (PUSHES / "sample_url.query").read_bytes()
    assert push(sample, key="from-the-environment").status_code == 200
    assert push(sample).status_code == 200


def test_a_writer_that_is_never_idle_drains_its_spool(push, monkeypatch):
    """On a machine without a Celery worker, no other process drains the spool."""
    monkeypatch.setattr(group_commit, "SPOOL_CHECK_S", 0.2)
    monkeypatch.setattr(group_commit, "IDLE_S", 60.0)
    assert push(CALL.format(id="L0")).content == b"Successful"
    replay.get_spool().append(to_spool_record(receive(CALL.format(id="spooled").encode(), "127.0.0.1")))
    deadline, number = time.monotonic() + 10, 0
    while not CallLog.objects.filter(call_id="spooled").exists():
        assert time.monotonic() < deadline
        number += 1
        push(CALL.format(id=f"L{number}"))
    assert replay.get_spool().depth().records == 0
