"""Those who wait until their push is kept: a thread with a bell, or a coroutine of an event loop.

A loop is told once for a whole batch, because waking it costs as much as all the rest of a push; and one timer watches
over all who wait there, because a timer for each would cost nearly as much again.
"""

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from enum import StrEnum

from calllogs.intake.envelope import RawPush


class PushResult(StrEnum):
    COMMITTED = "committed"  # on the database's disk
    UNUSABLE = "unusable"  # there too, but only as it came: no call could be made of it
    SPOOLED = "spooled"  # on our own
    REFUSED = "refused"  # no live key
    NOWHERE = "nowhere"


class PendingPush:
    """One push, and what became of it. `given_up`: who brought it has put it elsewhere meanwhile."""

    __slots__ = ("digest", "given_up", "kept", "push")

    def __init__(self, push: RawPush, digest: str) -> None:
        self.push, self.digest = push, digest
        self.kept, self.given_up = PushResult.NOWHERE, False


class ThreadWaiter(PendingPush):
    """A bare lock is its bell: an Event would cost as much as the rest of the way here."""

    __slots__ = ("bell",)

    def __init__(self, push: RawPush, digest: str) -> None:
        super().__init__(push, digest)
        self.bell = threading.Lock()
        self.bell.acquire()


class AsyncWaiter(PendingPush):
    """`told` has the result True once the push is kept, and False if its patience ended before."""

    __slots__ = ("room", "told", "until")

    def __init__(self, push: RawPush, digest: str, room: "LoopWaiters", until: float) -> None:
        super().__init__(push, digest)
        self.room, self.until = room, until
        self.told: asyncio.Future[bool] = room.loop.create_future()


class LoopWaiters:
    """All the coroutines of one loop that wait for one writer. Used in the loop's thread, but for `tell`.

    `ends`: until when one may wait whose own patience ends at that moment (both monotonic); never later than that.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, ends: Callable[[float], float]) -> None:
        self.loop, self._ends = loop, ends
        self._line: deque[AsyncWaiter] = (
            deque()
        )  # in the order of their coming, so that the first has the least patience
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, push: RawPush, digest: str, *, patience_s: float) -> AsyncWaiter:
        waiting = AsyncWaiter(push, digest, self, time.monotonic() + patience_s)
        self._line.append(waiting)
        if self._timer is None:
            self._look_again()
        return waiting

    def tell(self, batch: list[AsyncWaiter]) -> None:
        """From the writer's thread: these are kept."""
        try:
            self.loop.call_soon_threadsafe(self._told, batch)
        except RuntimeError:
            # The loop is closed: the server has ended, and those who waited with it.
            return

    def _told(self, batch: list[AsyncWaiter]) -> None:
        for waiting in batch:
            if not waiting.told.done():
                waiting.told.set_result(True)
        self._leave()

    def _leave(self) -> None:
        while self._line and self._line[0].told.done():
            self._line.popleft()

    def _look(self) -> None:
        """Send away whose patience has ended."""
        self._timer = None
        self._leave()
        now = time.monotonic()
        while self._line and self._ends(self._line[0].until) <= now:
            waiting = self._line.popleft()
            if not waiting.told.done():
                waiting.given_up = True
                waiting.told.set_result(False)
        if self._line:
            self._look_again()

    def _look_again(self) -> None:
        # What ends the patience of the first can only come later while nobody looks: one timer is enough.
        wait_s = self._ends(self._line[0].until) - time.monotonic()
        self._timer = self.loop.call_later(max(0.0, wait_s), self._look)


def resolve_all(batch: Iterable[PendingPush]) -> None:
    """All of them know now what became of their push."""
    rooms: dict[LoopWaiters, list[AsyncWaiter]] = defaultdict(list)
    for waiting in batch:
        if isinstance(waiting, AsyncWaiter):
            rooms[waiting.room].append(waiting)
        elif isinstance(waiting, ThreadWaiter):
            waiting.bell.release()
    for room, those in rooms.items():
        room.tell(those)
