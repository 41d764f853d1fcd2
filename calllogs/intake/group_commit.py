"""Group commit: many pushes, one transaction, one fsync.

Requests put their pushes on a queue and wait. One writer thread per process takes everything on the queue, commits it
as one batch and wakes the requests; the next batch collects meanwhile. Only this thread talks to the database, so a
stalled database blocks no request: after PUSH_WAIT_S a request puts its push in the spool. A push that was spooled and
also committed late is stored once, because its uid is the same.
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
PROBE_S = 0.5  # between two checks whether a silent database answers again
IDLE_S = 1.0  # longest wait for a push before the spool is checked
SPOOL_CHECK_S = 5.0  # between two checks of the spool by a writer that is never idle
LAST_USE_PRECISION_S = 60.0  # a key's `last_used_at` is written at most this often


def submit(push: RawPush, digest: str) -> PushResult:
    """Store one push whose key has this digest. Returns within PUSH_WAIT_S plus one sync of the spool."""
    return _get_writer().submit(push, digest)


async def asubmit(push: RawPush, digest: str) -> PushResult:
    """As `submit`, for a coroutine. Never blocks the event loop."""
    return await _get_writer().asubmit(push, digest)


def start() -> None:
    """Start this process's writer before the first push. It drains what an earlier process left in the spool."""
    _get_writer()


def stop() -> None:
    """Commit the queued pushes and stop this process's writer."""
    if _current is not None and _current.pid == os.getpid():
        _current.stop()


class PushWriter:
    def __init__(self) -> None:
        self.pid = os.getpid()
        self._queue: queue.SimpleQueue[PendingPush | None] = queue.SimpleQueue()
        self._busy_since = 0.0  # monotonic; 0 while no query runs
        self._is_silent = False
        self._stopping = False
        self._last_uses: dict[str, float] = {}
        self._loop_waiters: LoopWaiters | None = None  # of the event loop last used in this process
        self._thread = threading.Thread(target=self._run, name="push-writer", daemon=True)
        self._thread.start()

    # --- in the requests' threads and loops ---

    def submit(self, push: RawPush, digest: str) -> PushResult:
        if self._is_unavailable():
            return self._spool_or_reject(push, digest)
        pending = waiters.ThreadWaiter(push, digest)
        self._queue.put(pending)
        deadline = time.monotonic() + settings.PUSH_WAIT_S
        while not pending.lock.acquire(timeout=max(0.0, self._cap_deadline(deadline) - time.monotonic())):
            if self._cap_deadline(deadline) <= time.monotonic():
                pending.is_abandoned = True
                return self._spool_or_reject(push, digest)
        return pending.result

    async def asubmit(self, push: RawPush, digest: str) -> PushResult:
        if not self._is_unavailable():
            pending = self._get_loop_waiters().add(push, digest, timeout_s=settings.PUSH_WAIT_S)
            self._queue.put(pending)
            if await pending.future:
                return pending.result
        return await asyncio.to_thread(self._spool_or_reject, push, digest)

    def _get_loop_waiters(self) -> LoopWaiters:
        loop = asyncio.get_running_loop()
        if self._loop_waiters is None or self._loop_waiters.loop is not loop:
            self._loop_waiters = LoopWaiters(loop, self._cap_deadline)
        return self._loop_waiters

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stopping = True
        self._queue.put(None)
        self._thread.join(timeout=5)

    def _is_unavailable(self) -> bool:
        return self._is_silent or self._is_stalled() or self._stopping

    def _cap_deadline(self, deadline: float) -> float:
        """A waiter's deadline: its own timeout or the moment the writer counts as stalled, whichever comes first.

        A request that arrives late in a stall may already have waited in the server's own queue.
        """
        since = self._busy_since
        return min(deadline, since + settings.PUSH_WAIT_S) if since else deadline

    def _is_stalled(self) -> bool:
        since = self._busy_since
        return since > 0 and time.monotonic() - since >= settings.PUSH_WAIT_S

    def _spool_or_reject(self, push: RawPush, digest: str) -> PushResult:
        """Store a push without the database: in the spool, if its key is known to be valid."""
        result = self._spool(push, push_auth.is_valid_key(digest))
        metrics.count("ivrportal_pushes", result)
        return result

    def _spool(self, push: RawPush, is_valid: bool | None) -> PushResult:
        if not is_valid:
            return PushResult.REFUSED if is_valid is False else PushResult.NOT_STORED
        try:
            replay.get_spool().append(to_spool_record(push))
        except (SpoolFull, OSError) as error:
            logger.error(
                "a push could not be kept: the spool takes nothing (%s)",
                type(error).__name__,
                extra={"request_id": push.uid},
            )
            return PushResult.NOT_STORED
        return PushResult.SPOOLED

    # --- in the writer's thread ---

    def _run(self) -> None:
        self._recover()
        spool_checked_at = time.monotonic()
        while True:
            batch = self._gather()
            if batch is None:
                break
            if batch:
                self._commit([pending for pending in batch if not pending.is_abandoned])
            # Each machine has its own spool, and perhaps no Celery worker that would drain it.
            if not batch or time.monotonic() - spool_checked_at > SPOOL_CHECK_S:
                self._recover_if_needed()
                spool_checked_at = time.monotonic()
        connection.close()

    def _gather(self) -> list[PendingPush] | None:
        """The next batch. Empty if no push came for a while; None means stop."""
        try:
            first = self._queue.get(timeout=PROBE_S if self._is_silent else IDLE_S)
        except queue.Empty:
            return []
        if first is None:
            return None
        batch: list[PendingPush] = []
        pending: PendingPush | None = first
        while pending is not None:
            batch.append(pending)
            if len(batch) >= MAX_BATCH:
                return batch
            try:
                pending = self._queue.get_nowait()
            except queue.Empty:
                return batch
        self._queue.put(None)  # stop after this batch
        return batch

    def _commit(self, batch: list[PendingPush]) -> None:
        self._busy_since = time.monotonic()
        try:
            live = self._authenticate(batch)
            valid = [pending for pending in batch if pending.digest in live]
            # Parsed here, because parsing in the request threads would only compete for the interpreter.
            unusable = self._store([parse_push(pending.push) for pending in valid])
            for pending in valid:
                pending.result = PushResult.UNUSABLE if pending.push.uid in unusable else PushResult.COMMITTED
            self._record_key_uses(valid)
            if batch:
                _count_results(batch)
        except DatabaseError as error:
            logger.warning("the database does not answer (%s); pushes go to the spool", type(error).__name__)
            connection.close()
            self._is_silent = True
            self._spool_or_reject_all(batch)
        except Exception:
            # After any error, no request may be told that its push is stored, and the thread must go on.
            logger.exception("a batch of pushes failed")
            self._spool_or_reject_all(batch)
        finally:
            self._busy_since = 0.0
            waiters.deliver_results(batch)

    def _spool_or_reject_all(self, batch: list[PendingPush]) -> None:
        """All results are reset first, so that an error in one push leaves no earlier result on the others."""
        for pending in batch:
            pending.result = PushResult.NOT_STORED
        for pending in batch:
            if not pending.is_abandoned:
                pending.result = self._spool_or_reject(pending.push, pending.digest)

    def _authenticate(self, batch: list[PendingPush]) -> set[str]:
        """The digests in the batch that belong to live keys. Refuses, counts and records the other pushes."""
        digests = {pending.digest for pending in batch}
        live = {digest for digest in digests if push_auth.is_valid_key(digest)}
        if live != digests or not push_auth.are_keys_fresh():
            _retry_on_new_connection(push_auth.load_keys)
            live = {digest for digest in digests if push_auth.is_valid_key(digest)}
        if live != digests:
            for pending in batch:
                if pending.digest not in live:
                    pending.result = PushResult.REFUSED
                    refused_pushes.record(pending.push)
        return live

    def _store(self, parsed: list[ParsedPush]) -> set[str]:
        """Commit all pushes. Returns the uids of those that could not become a call."""
        if not parsed:
            return set()
        unusable = {push.uid for push in parsed if push.call is None}
        try:
            _retry_on_new_connection(lambda: store(parsed))
        except (OperationalError, InterfaceError):
            raise
        except DatabaseError as error:
            logger.warning(
                "a batch of %d could not be stored (%s); one by one", len(parsed), type(error).__name__
            )
            unusable |= store_each(parsed)
        return unusable

    def _record_key_uses(self, valid: list[PendingPush]) -> None:
        now = time.monotonic()
        used = {pending.digest for pending in valid}
        due = [
            digest
            for digest in used
            if now - self._last_uses.get(digest, -LAST_USE_PRECISION_S) >= LAST_USE_PRECISION_S
        ]
        if due:
            PushKey.objects.record_use(due)
            self._last_uses |= dict.fromkeys(due, now)

    def _recover_if_needed(self) -> None:
        try:
            is_spool_used = bool(replay.get_spool().depth().records)
        except OSError:
            logger.exception("the spool cannot be read")
            return
        if self._is_silent or is_spool_used:
            self._recover()

    def _recover(self) -> None:
        """Check whether the database answers; if so, drain the spool."""
        self._busy_since = time.monotonic()
        try:
            _retry_on_new_connection(push_auth.load_keys)
            self._is_silent = False
            replay.drain()
        except DatabaseError:
            connection.close()
            self._is_silent = True
        except Exception:
            logger.exception("the spool could not be drained")
        finally:
            self._busy_since = 0.0


def _count_results(batch: list[PendingPush]) -> None:
    """Update the metrics once per batch. Pushes for the spool are counted in `_spool_or_reject`."""
    metrics.observe("ivrportal_push_batch_pushes", len(batch))
    waited = timezone.now() - batch[0].push.received_at
    metrics.observe("ivrportal_push_batch_seconds", max(0.0, waited.total_seconds()))
    results = [pending.result for pending in batch]
    for result in set(results):
        metrics.count("ivrportal_pushes", result, by=results.count(result))


def _retry_on_new_connection(work: Callable[[], object]) -> None:
    """Retry once on a new connection, as an idle one may have died. `work` must be idempotent."""
    had_connection = connection.connection is not None
    try:
        work()
    except (OperationalError, InterfaceError):
        connection.close()
        if not had_connection:
            raise
        work()


_current: PushWriter | None = None
_writer_lock = threading.Lock()


def _get_writer() -> PushWriter:
    """This process's writer, created on first use and again after a fork."""
    global _current
    writer = _current
    if writer is not None and writer.pid == os.getpid() and writer.is_alive():
        return writer
    with _writer_lock:
        if _current is None or _current.pid != os.getpid() or not _current.is_alive():
            _current = PushWriter()
        return _current


atexit.register(stop)
