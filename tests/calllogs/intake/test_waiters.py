"""Coroutines that wait for the writer: told together, never longer than they have patience, their loop never held."""

import asyncio
import threading
import time

import pytest
from django.db import OperationalError

from calllogs.intake import group_commit, replay
from calllogs.intake.envelope import receive
from calllogs.intake.push_auth import digest_of
from calllogs.intake.waiters import PushResult
from calllogs.models import CallLog, Push

pytestmark = pytest.mark.django_db(transaction=True)
CALL = "calllogid={id}&callnumber=9812345678&date=2026-11-08&time=10:15:00&callstatus=ANSWER"


@pytest.fixture(autouse=True)
def _a_writer_of_its_own(push_key):
    """Each test meets a writer that has read the keys and seen no trouble yet, and leaves an empty spool."""
    group_commit.stop()
    assert group_commit.submit(one("first"), digest_of(push_key)) == PushResult.COMMITTED
    yield
    group_commit.stop()
    replay.drain()


def one(name):
    return receive(CALL.format(id=name).encode(), "127.0.0.1")


def at_once(names, key):
    async def all_of_them():
        return await asyncio.gather(*[group_commit.asubmit(one(name), digest_of(key)) for name in names])

    return asyncio.run(all_of_them())


def test_those_who_come_together_share_a_commit_and_are_told_each_its_own(push_key, monkeypatch):
    sizes = []
    store = group_commit.store
    monkeypatch.setattr(group_commit, "store", lambda batch: (sizes.append(len(batch)), store(batch)))

    async def all_of_them():
        coming = [group_commit.asubmit(one(f"W{number}"), digest_of(push_key)) for number in range(40)]
        unusable = group_commit.asubmit(receive(b"calllogid=U", "127.0.0.1"), digest_of(push_key))
        return await asyncio.gather(*coming, unusable, group_commit.asubmit(one("R"), digest_of("wrong")))

    assert asyncio.run(all_of_them()) == [PushResult.COMMITTED] * 40 + [
        PushResult.UNUSABLE,
        PushResult.REFUSED,
    ]
    assert (sum(sizes), CallLog.objects.count()) == (41, 41)
    assert len(sizes) <= 20


def test_a_stall_ends_their_patience_and_holds_nobody_elses(push_key, settings, monkeypatch):
    settings.PUSH_WAIT_S = 0.3
    goes_on = threading.Event()
    store = group_commit.store
    monkeypatch.setattr(group_commit, "store", lambda batch: (goes_on.wait(20), store(batch)))

    async def lateness(asked):
        """How late the loop itself is, at worst, until the pushes are answered."""
        worst = 0.0
        while not asked.done():
            due = time.monotonic() + 0.01
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - due)
        return worst

    async def all_of_them():
        asked = asyncio.gather(
            *[group_commit.asubmit(one(f"S{number}"), digest_of(push_key)) for number in range(8)]
        )
        began = time.monotonic()
        late = await lateness(asked)
        return await asked, time.monotonic() - began, late

    answers, took, late = asyncio.run(all_of_them())
    goes_on.set()
    group_commit.stop()
    assert answers == [PushResult.SPOOLED] * 8
    assert 0.25 < took < 5
    assert late < 0.25, "the loop was held while the writer was"
    replay.drain()
    assert CallLog.objects.filter(call_id__startswith="S").count() == 8
    assert Push.objects.count() == 9


def test_who_comes_into_a_stall_waits_no_longer_than_those_before(push_key, settings, monkeypatch):
    settings.PUSH_WAIT_S = 1.0
    goes_on = threading.Event()
    store = group_commit.store
    monkeypatch.setattr(group_commit, "store", lambda batch: (goes_on.wait(20), store(batch)))

    async def one_late():
        first = asyncio.ensure_future(group_commit.asubmit(one("A"), digest_of(push_key)))
        await asyncio.sleep(0.7)
        began = time.monotonic()
        late = await group_commit.asubmit(one("B"), digest_of(push_key))
        return await first, late, time.monotonic() - began

    first, late, took = asyncio.run(one_late())
    goes_on.set()
    assert (first, late) == (PushResult.SPOOLED, PushResult.SPOOLED)
    assert took < 0.9


def test_an_error_of_the_database_sends_all_of_a_batch_to_the_spool(push_key, monkeypatch):
    def fails(batch):
        raise OperationalError("gone")

    monkeypatch.setattr(group_commit, "store", fails)
    assert at_once(["E1", "E2", "E3"], push_key) == [PushResult.SPOOLED] * 3
    monkeypatch.undo()
    replay.drain()
    assert CallLog.objects.filter(call_id__startswith="E").count() == 3


def test_a_sender_that_leaves_before_its_answer_costs_the_others_nothing(push_key, monkeypatch):
    goes_on = threading.Event()
    store = group_commit.store
    monkeypatch.setattr(group_commit, "store", lambda batch: (goes_on.wait(20), store(batch)))

    async def one_leaves():
        leaves = asyncio.ensure_future(group_commit.asubmit(one("L"), digest_of(push_key)))
        stays = asyncio.ensure_future(group_commit.asubmit(one("M"), digest_of(push_key)))
        await asyncio.sleep(0.05)
        leaves.cancel()
        goes_on.set()
        return await stays

    assert asyncio.run(one_leaves()) == PushResult.COMMITTED
    group_commit.stop()
    assert set(CallLog.objects.values_list("call_id", flat=True)) == {"first", "L", "M"}


def test_a_loop_that_has_ended_meanwhile_does_not_stop_the_writer(push_key, monkeypatch):
    goes_on = threading.Event()
    store = group_commit.store
    monkeypatch.setattr(group_commit, "store", lambda batch: (goes_on.wait(20), store(batch)))

    async def leaves_all():
        asyncio.ensure_future(group_commit.asubmit(one("O"), digest_of(push_key)))  # noqa: RUF006
        await asyncio.sleep(0.05)

    asyncio.run(leaves_all())
    goes_on.set()
    assert group_commit.submit(one("P"), digest_of(push_key)) == PushResult.COMMITTED
    assert set(CallLog.objects.values_list("call_id", flat=True)) == {"first", "O", "P"}


def test_many_rounds_leave_nobody_in_the_line(push_key):
    async def rounds():
        for turn in range(30):
            await asyncio.gather(
                *[group_commit.asubmit(one(f"N{turn}-{n}"), digest_of(push_key)) for n in range(5)]
            )
        return len(group_commit._current._room._line)

    assert asyncio.run(rounds()) == 0
