"""Requests that wait until their push is stored: threads that wait on a lock, coroutines that wait on a future.

The writer wakes an event loop once per batch, because waking it costs as much as the rest of a push. One timer per loop
enforces the timeouts of all its coroutines, because a timer for each would cost nearly as much again.
"""

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from enum import StrEnum

from calllogs.intake.envelope import RawPush


class PushResult(StrEnum):
    COMMITTED = "committed"  # in the database
    UNUSABLE = "unusable"  # in the database as received, without a call
    SPOOLED = "spooled"  # synced to the spool
    REFUSED = "refused"  # no live key
    NOT_STORED = "nowhere"


class PendingPush:
    """One push and its result. `is_abandoned`: the request timed out and no longer waits for the writer."""

    __slots__ = ("digest", "is_abandoned", "push", "result")

    def __init__(self, push: RawPush, digest: str) -> None:
        self.push, self.digest = push, digest
        self.result, self.is_abandoned = PushResult.NOT_STORED, False


class ThreadWaiter(PendingPush):
    """Waits on a bare lock: an Event would cost as much as the rest of the work here."""

    __slots__ = ("lock",)

    def __init__(self, push: RawPush, digest: str) -> None:
        super().__init__(push, digest)
        self.lock = threading.Lock()
        self.lock.acquire()


class AsyncWaiter(PendingPush):
    """`future` resolves to True when the result is set, and to False if the deadline passed first."""

    __slots__ = ("deadline", "future", "loop_waiters")

    def __init__(self, push: RawPush, digest: str, loop_waiters: "LoopWaiters", deadline: float) -> None:
        super().__init__(push, digest)
        self.loop_waiters, self.deadline = loop_waiters, deadline
        self.future: asyncio.Future[bool] = loop_waiters.loop.create_future()


class LoopWaiters:
    """The coroutines of one event loop that wait for one writer. Only `resolve` may be called from another thread.

    `cap_deadline` maps a waiter's own deadline to the effective one, which is never later (both monotonic).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, cap_deadline: Callable[[float], float]) -> None:
        self.loop, self._cap_deadline = loop, cap_deadline
        self._waiting: deque[AsyncWaiter] = (
            deque()
        )  # in order of arrival, so the first has the earliest deadline
        self._timer: asyncio.TimerHandle | None = None

    def add(self, push: RawPush, digest: str, *, timeout_s: float) -> AsyncWaiter:
        pending = AsyncWaiter(push, digest, self, time.monotonic() + timeout_s)
        self._waiting.append(pending)
        if self._timer is None:
            self._start_timer()
        return pending

    def resolve(self, batch: list[AsyncWaiter]) -> None:
        """Wake the coroutines of a batch. Called from the writer's thread."""
        try:
            self.loop.call_soon_threadsafe(self._resolve_in_loop, batch)
        except RuntimeError:
            # The loop is closed: the server has stopped, and nobody waits any more.
            return

    def _resolve_in_loop(self, batch: list[AsyncWaiter]) -> None:
        for pending in batch:
            if not pending.future.done():
                pending.future.set_result(True)
        self._drop_resolved()

    def _drop_resolved(self) -> None:
        while self._waiting and self._waiting[0].future.done():
            self._waiting.popleft()

    def _expire(self) -> None:
        """Time out the waiters whose deadline has passed."""
        self._timer = None
        self._drop_resolved()
        now = time.monotonic()
        while self._waiting and self._cap_deadline(self._waiting[0].deadline) <= now:
            pending = self._waiting.popleft()
            if not pending.future.done():
                pending.is_abandoned = True
                pending.future.set_result(False)
        if self._waiting:
            self._start_timer()

    def _start_timer(self) -> None:
        # One timer is enough: the first waiter's deadline can only move later before the timer fires.
        wait_s = self._cap_deadline(self._waiting[0].deadline) - time.monotonic()
        self._timer = self.loop.call_later(max(0.0, wait_s), self._expire)


def deliver_results(batch: Iterable[PendingPush]) -> None:
    """Wake all requests of a batch. Their results have been set."""
    by_loop: dict[LoopWaiters, list[AsyncWaiter]] = defaultdict(list)
    for pending in batch:
        if isinstance(pending, AsyncWaiter):
            by_loop[pending.loop_waiters].append(pending)
        elif isinstance(pending, ThreadWaiter):
            pending.lock.release()
    for loop_waiters, waiting in by_loop.items():
        loop_waiters.resolve(waiting)
