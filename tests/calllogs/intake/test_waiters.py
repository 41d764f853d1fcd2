"""Coroutines that wait for the writer: woken together, timed out at their deadline, their loop never blocked."""

import asyncio
import threading
import time

import pytest
from django.db import OperationalError

from calllogs.intake import group_commit, replay
from calllogs.intake.envelope import receive
from calllogs.intake.waiters import PushResult
from calllogs.models import CallLog, Push
from calllogs.models.push_key import hash_push_key

pytestmark = pytest.mark.django_db(transaction=True)
CALL = "calllogid={id}&callnumber=9812345678&date=2026-11-08&time=10:15:00&callstatus=ANSWER"


@pytest.fixture(autouse=True)
def _fresh_writer(push_key):
    """Each test gets a new writer that has loaded the keys, and leaves an empty spool."""
    group_commit.stop()
    assert group_commit.submit(sample_push("first"), hash_push_key(push_key)) == PushResult.COMMITTED
    yield
    group_commit.stop()
    replay.drain()


def sample_push(name):
    return receive(CALL.format(id=name).encode(), "127.0.0.1")


def submit_together(names, key):
    async def submit_all():
        return await asyncio.gather(
            *[group_commit.asubmit(sample_push(name), hash_push_key(key)) for name in names]
        )

    return asyncio.run(submit_all())


def test_concurrent_pushes_share_a_commit_and_get_their_own_results(push_key, monkeypatch):
    sizes = []
    store = group_commit.store
    monkeypatch.setattr(group_commit, "store", lambda batch: (sizes.append(len(batch)), store(batch)))

    async def submit_all():
        submissions = [
            group_commit.asubmit(sample_push(f"W{number}"), hash_push_key(push_key)) for number in range(40)
        ]
        unusable = group_commit.asubmit(receive(b"calllogid=U", "127.0.0.1"), hash_push_key(push_key))
        return await asyncio.gather(
            *submissions, unusable, group_commit.asubmit(sample_push("R"), hash_push_key("wrong"))
        )

    assert asyncio.run(submit_all()) == [PushResult.COMMITTED] * 40 + [
        PushResult.UNUSABLE,
        PushResult.REFUSED,
    ]
    assert (sum(sizes), CallLog.objects.count()) == (41, 41)
    assert len(sizes) <= 20


def test_a_stall_times_waiters_out_without_blocking_the_loop(push_key, settings, monkeypatch):
    settings.PUSH_WAIT_S = 0.3
    may_continue = threading.Event()
    store = group_commit.store
    monkeypatch.setattr(group_commit, "store", lambda batch: (may_continue.wait(20), store(batch)))

    async def measure_lateness(submissions):
        """The longest delay of the loop, in seconds, until the pushes are answered."""
        worst = 0.0
        while not submissions.done():
            due = time.monotonic() + 0.01
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - due)
        return worst

    async def submit_all():
        submissions = asyncio.gather(
            *[group_commit.asubmit(sample_push(f"S{number}"), hash_push_key(push_key)) for number in range(8)]
        )
        started_at = time.monotonic()
        late_s = await measure_lateness(submissions)
        return await submissions, time.monotonic() - started_at, late_s

    answers, duration_s, late_s = asyncio.run(submit_all())
    may_continue.set()
    group_commit.stop()
    assert answers == [PushResult.SPOOLED] * 8
    assert 0.25 < duration_s < 5
    assert late_s < 0.25, "the loop was blocked while the writer was"
    replay.drain()
    assert CallLog.objects.filter(call_id__startswith="S").count() == 8
    assert Push.objects.count() == 9


def test_a_push_that_arrives_in_a_stall_waits_no_longer_than_those_before(push_key, settings, monkeypatch):
    settings.PUSH_WAIT_S = 1.0
    may_continue = threading.Event()
    store = group_commit.store
    monkeypatch.setattr(group_commit, "store", lambda batch: (may_continue.wait(20), store(batch)))

    async def submit_one_late():
        first = asyncio.ensure_future(group_commit.asubmit(sample_push("A"), hash_push_key(push_key)))
        await asyncio.sleep(0.7)
        started_at = time.monotonic()
        late_s = await group_commit.asubmit(sample_push("B"), hash_push_key(push_key))
        return await first, late_s, time.monotonic() - started_at

    first, late_s, duration_s = asyncio.run(submit_one_late())
    may_continue.set()
    assert (first, late_s) == (PushResult.SPOOLED, PushResult.SPOOLED)
    assert duration_s < 0.9


def test_an_error_of_the_database_sends_all_of_a_batch_to_the_spool(push_key, monkeypatch):
    def fails(batch):
        raise OperationalError("gone")

    monkeypatch.setattr(group_commit, "store", fails)
    assert submit_together(["E1", "E2", "E3"], push_key) == [PushResult.SPOOLED] * 3
    monkeypatch.undo()
    replay.drain()
    assert CallLog.objects.filter(call_id__startswith="E").count() == 3


def test_a_sender_that_disconnects_does_not_affect_the_others(push_key, monkeypatch):
    may_continue = threading.Event()
    store = group_commit.store
    monkeypatch.setattr(group_commit, "store", lambda batch: (may_continue.wait(20), store(batch)))

    async def cancel_one():
        leaves = asyncio.ensure_future(group_commit.asubmit(sample_push("L"), hash_push_key(push_key)))
        stays = asyncio.ensure_future(group_commit.asubmit(sample_push("M"), hash_push_key(push_key)))
        await asyncio.sleep(0.05)
        leaves.cancel()
        may_continue.set()
        return await stays

    assert asyncio.run(cancel_one()) == PushResult.COMMITTED
    group_commit.stop()
    assert set(CallLog.objects.values_list("call_id", flat=True)) == {"first", "L", "M"}


def test_a_closed_loop_does_not_stop_the_writer(push_key, monkeypatch):
    may_continue = threading.Event()
    store = group_commit.store
    monkeypatch.setattr(group_commit, "store", lambda batch: (may_continue.wait(20), store(batch)))

    async def abandon_all():
        asyncio.ensure_future(group_commit.asubmit(sample_push("O"), hash_push_key(push_key)))  # noqa: RUF006
        await asyncio.sleep(0.05)

    asyncio.run(abandon_all())
    may_continue.set()
    assert group_commit.submit(sample_push("P"), hash_push_key(push_key)) == PushResult.COMMITTED
    assert set(CallLog.objects.values_list("call_id", flat=True)) == {"first", "O", "P"}


def test_no_waiter_is_left_after_many_rounds(push_key):
    async def run_rounds():
        for round_number in range(30):
            await asyncio.gather(
                *[
                    group_commit.asubmit(sample_push(f"N{round_number}-{n}"), hash_push_key(push_key))
                    for n in range(5)
                ]
            )
        return len(group_commit._current._loop_waiters._waiting)

    assert asyncio.run(run_rounds()) == 0
