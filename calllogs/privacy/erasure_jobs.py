"""Runs an erasure to its end: started in the request, continued in small pieces by the worker that holds the lease.

Each piece is one transaction together with its counts and the position to continue from. If a process is killed, at
most its last piece is repeated.
"""

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple
from uuid import uuid4

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from calllogs import change_feed
from calllogs.models import Erasure, ErasureProgress, Push
from calllogs.privacy import anonymise, file_erasure, table_scan
from calllogs.privacy.number_patterns import build_pattern
from ivrportal.audit.audit_log import caller_digest
from ivrportal.common.database_clock import database_now
from ivrportal.common.phone import mask

LEASE = dt.timedelta(seconds=60)
CALLS_AT_START = 5000  # anonymised in the request itself; the rest follows within seconds
WAL_RETRY_PERIOD = dt.timedelta(hours=1)
PICKUP_DELAY = dt.timedelta(seconds=3)  # the sweep leaves younger ones to the task that was enqueued for them

# (the key to continue from, or None if the step is complete; the counts of what was removed)
StepResult = tuple[Any, Counter[str]]


class ErasureStep(NamedTuple):
    """`work` takes the key to continue from. Work on the disk runs outside of the transaction: it has no rollback."""

    work: Callable[[Any], StepResult]
    is_on_disk: bool = False


class ErasureLeaseLost(Exception):
    """Another worker has taken the erasure over."""


def start(number: str, *, user: Any, who: str) -> Erasure:
    """Creates the erasure and hides the caller. Must run in a transaction; once committed, no page shows the caller.

    Raises ValueError if the number is too short to search for, IntegrityError if its erasure is already under way.
    """
    pattern = build_pattern(number)
    erasure = Erasure.objects.create(
        person=user, who=who, number=number, digest=caller_digest(number), shown=mask(number), asked_at=timezone.now()
    )  # fmt: skip
    _start_late_push_tracking()
    removed = anonymise.delete_from_callback_queue(number)
    removed += _delete_unusable_pushes(pattern)
    removed += anonymise.anonymise_calls(number, erasure.asked_at, limit=CALLS_AT_START)
    erasure.counts = dict(removed)
    erasure.save(update_fields=["counts"])
    return erasure


def run(erasure_id: int, *, until: float | None = None) -> bool:
    """Continues this erasure if it is due. Returns True if it is complete now. `until`: monotonic time."""
    erasure = _claim(erasure_id)
    if erasure is None:
        return False
    try:
        while erasure.is_under_way and (until is None or time.monotonic() < until):
            _run_piece(erasure)
    except (ErasureLeaseLost, file_erasure.DeletionPending):
        return False
    Erasure.objects.filter(pk=erasure.pk, lease_token=erasure.lease_token).update(lease_until=None)
    if not erasure.is_under_way:
        _truncate_wal()
    return not erasure.is_under_way


def run_due(*, budget_s: float) -> int:
    """Continues every waiting or abandoned erasure for at most `budget_s`. Returns how many are complete now."""
    until = time.monotonic() + budget_s
    completed = sum(run(pk, until=until) for pk in list(_due().order_by("id").values_list("pk", flat=True)))
    _truncate_wal()
    return completed


def has_due() -> bool:
    return _due().exists()


def _due() -> QuerySet[Erasure]:
    return Erasure.objects.due(database_now()).filter(asked_at__lte=timezone.now() - PICKUP_DELAY)


def build_steps(erasure: Erasure) -> dict[str, ErasureStep]:
    """The steps by name, in order. Names are stored. Calls come again at the end: some may have arrived meanwhile."""
    number, asked_at, pattern = erasure.number, erasure.asked_at, build_pattern(erasure.number)
    steps = {
        "spool": _disk_step(file_erasure.drain_spool),
        "damaged": _disk_step(partial(file_erasure.erase_from_damaged_spool, pattern)),
        "calls": ErasureStep(partial(_anonymise_some_calls, number, asked_at)),
        "exports": _disk_step(partial(file_erasure.delete_export_files, asked_at)),
        "recordings": _disk_step(file_erasure.delete_recordings),
    }
    for model in table_scan.list_models():
        scan = partial(table_scan.scan_batch, model, number=number, pattern=pattern, asked_at=asked_at)
        steps[model._meta.label] = ErasureStep(scan)
    return steps | {
        "mails": _disk_step(partial(file_erasure.delete_mail_files, pattern)),
        "calls again": ErasureStep(partial(_anonymise_some_calls, number, asked_at)),
        "recordings again": _disk_step(file_erasure.delete_recordings),
    }


def _truncate_wal() -> None:
    """Checkpoints SQLite's write-ahead log, because the old pages otherwise stay in the files, perhaps for days.

    A concurrent reader can prevent it; the sweep tries again during WAL_RETRY_PERIOD.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return
    if not Erasure.objects.filter(ended_at__gte=timezone.now() - WAL_RETRY_PERIOD).exists():
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        (busy_timeout_ms,) = cursor.fetchone()
        cursor.execute("PRAGMA busy_timeout = 200")  # pushes are blocked meanwhile
        try:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")


# --- pieces ------------------------------------------------------------------------------------------------


def _run_piece(erasure: Erasure) -> None:
    """Runs one piece. Raises ErasureLeaseLost, or DeletionPending if a storage cannot delete a file now."""
    all_steps = build_steps(erasure)
    names = list(all_steps)
    if erasure.step not in all_steps:  # at the start, and after an upgrade that changed the steps
        erasure.step, erasure.after = names[0], None
    step, index = all_steps[erasure.step], names.index(erasure.step)
    result = step.work(erasure.after) if step.is_on_disk else None
    with transaction.atomic():
        erasure.after, removed = result or step.work(erasure.after)
        erasure.counts = dict(Counter(erasure.counts) + removed)
        erasure.steps_done = index + (erasure.after is None)
        erasure.step = names[erasure.steps_done] if erasure.steps_done < len(names) else ""
        if not erasure.step:
            erasure.state, erasure.ended_at, erasure.number = Erasure.State.DONE, timezone.now(), ""
        _save_progress(erasure)


def _save_progress(erasure: Erasure) -> None:
    names = ("counts", "after", "steps_done", "step", "state", "ended_at", "number")
    held = Erasure.objects.filter(pk=erasure.pk, lease_token=erasure.lease_token)
    values = {name: getattr(erasure, name) for name in names}
    if not held.update(lease_until=database_now() + LEASE, **values):
        raise ErasureLeaseLost


def _claim(erasure_id: int) -> Erasure | None:
    now, token = database_now(), uuid4().hex
    due = Erasure.objects.due(now).filter(pk=erasure_id)
    if not due.update(lease_token=token, lease_until=now + LEASE):
        return None
    return Erasure.objects.get(pk=erasure_id)


def _anonymise_some_calls(number: str, asked_at: dt.datetime, _after: Any) -> StepResult:
    removed = anonymise.anonymise_calls(number, asked_at)
    return True if removed else None, removed


def _disk_step(work: Callable[[], Counter[str]]) -> ErasureStep:
    return ErasureStep(lambda _after: (None, work()), is_on_disk=True)


def _delete_unusable_pushes(pattern: str) -> Counter[str]:
    """Deletes matching pushes of the inbox, which have no call. They are few and found by their outcome."""
    unusable = Push.objects.filter(outcome__in=[Push.Outcome.REJECTED, Push.Outcome.REFUSED])
    return Counter(pushes=unusable.filter(raw_query__regex=pattern).delete()[0])


def _start_late_push_tracking() -> None:
    """Sets the start of the tracking of late pushes, unless it is set. `late_pushes` starts slightly before it."""
    progress, _ = ErasureProgress.objects.get_or_create(pk=ErasureProgress.ONLY)
    if progress.built_at is None:
        change_feed.set_cursor(progress, change_feed.newest_ids())
        progress.built_at = timezone.now()
        progress.save(update_fields=["push_id", "call_id", "gaps", "built_at"])
