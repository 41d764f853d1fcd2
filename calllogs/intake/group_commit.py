"""Group commit: many pushes, one transaction, one fsync.

Requests put their arrivals on a queue and wait. One thread in each process takes whatever has gathered, commits it as
one batch, and releases those who wait; while it commits, the next batch gathers by itself. Only this thread talks to
the database, so a database that stalls can hold it and nobody else: a request waits for PUSH_WAIT_S at most and then
puts its push in the spool. A push that was both spooled and, late, committed is one push: its id is the same.
"""

import asyncio
import atexit
import logging
import os
import queue
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils import timezone

from calllogs.intake import push_auth, refused_pushes, replay, waiters
from calllogs.intake.envelope import ParsedPush, RawPush, parse_push, to_spool_record
from calllogs.intake.spool import SpoolFull
from calllogs.intake.storage import store, store_each
from calllogs.intake.waiters import LoopWaiters, PendingPush, PushResult
from calllogs.models import PushKey
from ivrportal.common import metrics

logger = logging.getLogger(__name__)

MAX_BATCH = 256
PROBE_S = 0.5  # how often a silent database is asked whether it is back
IDLE_S = 1.0
LOOK_S = 5.0  # how often a writer that is never idle looks whether something waits in the spool
LAST_USE_S = 60.0  # how exactly "last used" is told


def submit(push: RawPush, digest: str) -> PushResult:
    """Keep one push that carries the key of this digest; returns within PUSH_WAIT_S, and a sync of the spool."""
    return _writer().submit(push, digest)


async def asubmit(push: RawPush, digest: str) -> PushResult:
    """The same for a coroutine; its loop is held by nothing."""
    return await _writer().asubmit(push, digest)


def start() -> None:
    """Start this process's writer now rather than with the first push; it drains what an earlier one left."""
    _writer()


def stop() -> None:
    """Commit what waits, and end this process's writer."""
    if _current is not None and _current.pid == os.getpid():
        _current.stop()


class Writer:
    def __init__(self) -> None:
        self.pid = os.getpid()
        self._queue: queue.SimpleQueue[PendingPush | None] = queue.SimpleQueue()
        self._busy_since = 0.0  # monotonic; 0 while nothing is asked of the database
        self._is_silent = False
        self._stopping = False
        self._last_uses: dict[str, float] = {}
        self._room: LoopWaiters | None = None  # of the loop that the server runs in this process
        self._thread = threading.Thread(target=self._run, name="push-writer", daemon=True)
        self._thread.start()

    # --- the requests' side ---

    def submit(self, push: RawPush, digest: str) -> PushResult:
        if self._takes_nothing():
            return self._aside(push, digest)
        waiting = waiters.ThreadWaiter(push, digest)
        self._queue.put(waiting)
        until = time.monotonic() + settings.PUSH_WAIT_S
        while not waiting.bell.acquire(timeout=max(0.0, self._ends(until) - time.monotonic())):
            if self._ends(until) <= time.monotonic():
                waiting.given_up = True
                return self._aside(push, digest)
        return waiting.kept

    async def asubmit(self, push: RawPush, digest: str) -> PushResult:
        if not self._takes_nothing():
            waiting = self._room_here().enter(push, digest, patience_s=settings.PUSH_WAIT_S)
            self._queue.put(waiting)
            if await waiting.told:
                return waiting.kept
        return await asyncio.to_thread(self._aside, push, digest)

    def _room_here(self) -> LoopWaiters:
        loop = asyncio.get_running_loop()
        if self._room is None or self._room.loop is not loop:
            self._room = LoopWaiters(loop, self._ends)
        return self._room

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stopping = True
        self._queue.put(None)
        self._thread.join(timeout=5)

    def _takes_nothing(self) -> bool:
        return self._is_silent or self._is_stalled() or self._stopping

    def _ends(self, until: float) -> float:
        """When to give up: no later than when the writer itself counts as stalled, for who comes late into a stall may
        have waited for the server as long as those before it waited here."""
        since = self._busy_since
        return min(until, since + settings.PUSH_WAIT_S) if since else until

    def _is_stalled(self) -> bool:
        since = self._busy_since
        return since > 0 and time.monotonic() - since >= settings.PUSH_WAIT_S

    def _aside(self, push: RawPush, digest: str) -> PushResult:
        """Without the database: into the spool, if the key is known to be good."""
        kept = self._spooled(push, push_auth.is_valid_key(digest))
        metrics.count("ivrportal_pushes", kept)
        return kept

    def _spooled(self, push: RawPush, is_live: bool | None) -> PushResult:
        if not is_live:
            return PushResult.REFUSED if is_live is False else PushResult.NOWHERE
        try:
            replay.spool().append(to_spool_record(push))
        except (SpoolFull, OSError) as error:
            logger.error(
                "a push could not be kept: the spool takes nothing (%s)",
                type(error).__name__,
                extra={"request_id": push.uid},
            )
            return PushResult.NOWHERE
        return PushResult.SPOOLED

    # --- the thread's side ---

    def _run(self) -> None:
        self._recover()
        looked_at = time.monotonic()
        while True:
            batch = self._gather()
            if batch is None:
                break
            if batch:
                self._commit([waiting for waiting in batch if not waiting.given_up])
            # Nobody else may be there to do it: a worker on another machine drains a spool of its own.
            if not batch or time.monotonic() - looked_at > LOOK_S:
                self._recover_if_needed()
                looked_at = time.monotonic()
        connection.close()

    def _gather(self) -> list[PendingPush] | None:
        """What has gathered; empty when nothing came for a while; None: stop."""
        try:
            first = self._queue.get(timeout=PROBE_S if self._is_silent else IDLE_S)
        except queue.Empty:
            return []
        if first is None:
            return None
        batch: list[PendingPush] = []
        waiting: PendingPush | None = first
        while waiting is not None:
            batch.append(waiting)
            if len(batch) >= MAX_BATCH:
                return batch
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                return batch
        self._queue.put(None)  # the wish to stop comes again after the last batch
        return batch

    def _commit(self, batch: list[PendingPush]) -> None:
        self._busy_since = time.monotonic()
        try:
            live = self._judge(batch)
            good = [waiting for waiting in batch if waiting.digest in live]
            # Read here and not by the requests, whose threads would only fight each other for the interpreter.
            unusable = self._store([parse_push(waiting.push) for waiting in good])
            for waiting in good:
                waiting.kept = PushResult.UNUSABLE if waiting.push.uid in unusable else PushResult.COMMITTED
            self._note_uses(good)
            if batch:
                _count(batch)
        except DatabaseError as error:
            logger.warning("the database does not answer (%s); pushes go to the spool", type(error).__name__)
            connection.close()
            self._is_silent = True
            self._all_aside(batch)
        except Exception:
            # Whatever it is, those who wait must not be told that their push is kept, and the thread must live on.
            logger.exception("a batch of pushes failed")
            self._all_aside(batch)
        finally:
            self._busy_since = 0.0
            waiters.resolve_all(batch)

    def _all_aside(self, batch: list[PendingPush]) -> None:
        """Each is kept nowhere until it is: what goes wrong with one must not vouch for the next."""
        for waiting in batch:
            waiting.kept = PushResult.NOWHERE
        for waiting in batch:
            if not waiting.given_up:
                waiting.kept = self._aside(waiting.push, waiting.digest)

    def _judge(self, batch: list[PendingPush]) -> set[str]:
        """The digests of live keys in the batch; who carries another is refused, counted and noted."""
        digests = {waiting.digest for waiting in batch}
        live = {digest for digest in digests if push_auth.is_valid_key(digest)}
        if live != digests or not push_auth.are_fresh():
            _retry_on_new_connection(push_auth.read_keys)
            live = {digest for digest in digests if push_auth.is_valid_key(digest)}
        if live != digests:
            for waiting in batch:
                if waiting.digest not in live:
                    waiting.kept = PushResult.REFUSED
                    refused_pushes.note(waiting.push)
        return live

    def _store(self, arrivals: list[ParsedPush]) -> set[str]:
        """Commit them all; the ids of those of which no call could be made."""
        if not arrivals:
            return set()
        unusable = {arrival.uid for arrival in arrivals if arrival.call is None}
        try:
            _retry_on_new_connection(lambda: store(arrivals))
        except (OperationalError, InterfaceError):
            raise
        except DatabaseError as error:
            logger.warning(
                "a batch of %d could not be stored (%s); one by one", len(arrivals), type(error).__name__
            )
            unusable |= store_each(arrivals)
        return unusable

    def _note_uses(self, good: list[PendingPush]) -> None:
        now = time.monotonic()
        used = {waiting.digest for waiting in good}
        due = [digest for digest in used if now - self._last_uses.get(digest, -LAST_USE_S) >= LAST_USE_S]
        if due:
            PushKey.objects.note_use(due)
            self._last_uses |= dict.fromkeys(due, now)

    def _recover_if_needed(self) -> None:
        try:
            waits = bool(replay.spool().depth().records)
        except OSError:
            logger.exception("the spool cannot be read")
            return
        if self._is_silent or waits:
            self._recover()

    def _recover(self) -> None:
        """Ask the database whether it is there; if so, bring in what was spooled."""
        self._busy_since = time.monotonic()
        try:
            _retry_on_new_connection(push_auth.read_keys)
            self._is_silent = False
            replay.drain()
        except DatabaseError:
            connection.close()
            self._is_silent = True
        except Exception:
            logger.exception("the spool could not be drained")
        finally:
            self._busy_since = 0.0


def _count(batch: list[PendingPush]) -> None:
    """In the metrics, once for each batch and not for each push. What was put aside counts where that is done."""
    metrics.observe("ivrportal_push_batch_pushes", len(batch))
    waited = timezone.now() - batch[0].push.received_at
    metrics.observe("ivrportal_push_batch_seconds", max(0.0, waited.total_seconds()))
    outcomes = [waiting.kept for waiting in batch]
    for kept in set(outcomes):
        metrics.count("ivrportal_pushes", kept, by=outcomes.count(kept))


def _retry_on_new_connection(work: Callable[[], object]) -> None:
    """Once more on a new connection: the old one may have died while nobody used it. All our work can be repeated."""
    had_connection = connection.connection is not None
    try:
        work()
    except (OperationalError, InterfaceError):
        connection.close()
        if not had_connection:
            raise
        work()


_current: Writer | None = None
_making = threading.Lock()


def _writer() -> Writer:
    """This process's writer: made with the first use, and anew after a fork."""
    global _current
    writer = _current
    if writer is not None and writer.pid == os.getpid() and writer.is_alive():
        return writer
    with _making:
        if _current is None or _current.pid != os.getpid() or not _current.is_alive():
            _current = Writer()
        return _current


atexit.register(stop)
