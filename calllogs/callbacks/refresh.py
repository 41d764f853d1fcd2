"""Updates the open rows from calls and pushes, outside the push request.

A refresh reads the calls that changed since the last one (`change_feed`) and recomputes their callers from all calls of
each caller. A caller may be recomputed more often than needed, but never wrongly. Code that changes calls in another
way than by a new push adds the caller to `MissedRecheck`. `rebuild` compares all callers and repairs any row that was
missed.
"""

import datetime as dt
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from calllogs import change_feed
from calllogs.callbacks.derive import OpenMissedCalls, find_differing_callers, load_open_missed_calls
from calllogs.callbacks.miss_reason import find_miss_reason
from calllogs.change_feed import BATCH_SIZE, PendingChanges
from calllogs.models import MissedCaller, MissedProgress, MissedRecheck
from settings_sync.history import past_state

LAST_CALL_FIELDS = ("last_call", "department", "virtual_number", "raw_status")
DERIVED_FIELDS = ["misses", "first_at", "last_at", *LAST_CALL_FIELDS, "why", "wanted", "had", "is_old"]


def load_pending() -> PendingChanges | None:
    """What has changed since the last refresh; None if the open rows are up to date. One query."""
    return change_feed.find_pending(MissedProgress, MissedRecheck)


def refresh(*, most: int = BATCH_SIZE) -> bool:
    """Process up to `most` rechecks, pushes and calls each; True if there may be more.

    Does nothing and returns False if another process holds the lock or the rows were never built.
    """
    with transaction.atomic():
        progress = change_feed.lock_progress(MissedProgress)
        if progress is None:
            return False
        rechecks = list(MissedRecheck.objects.order_by("pk").values_list("pk", "caller")[:most])
        callers, is_more = change_feed.read_changes(progress, "caller", most=most)
        callers |= {caller for _, caller in rechecks}
        recompute(callers)
        if rechecks:
            MissedRecheck.objects.filter(pk__in=[pk for pk, _ in rechecks]).delete()
        progress.save(update_fields=change_feed.READ_FIELDS)
    return is_more or len(rechecks) >= most


def mark_old(now: dt.datetime | None = None) -> int:
    """Mark callers without a call for MISSED_DAYS days as old; returns how many."""
    cutoff = waiting_cutoff(now)
    return MissedCaller.objects.filter(is_old=False, last_at__lt=cutoff).update(is_old=True)


def waiting_cutoff(now: dt.datetime | None = None) -> dt.datetime:
    """Callers whose last call is earlier than this are old."""
    return (now or timezone.now()) - dt.timedelta(days=settings.MISSED_DAYS)


# --- rebuild ---------------------------------------------------------------------------------------------


def rebuild() -> int | None:
    """Compare all open rows with the calls and repair them; returns how many differed, None if one is already running.

    No lock is held while all calls are read. Callers that seem to differ are then recomputed under the lock. The next
    refresh reads the changes that arrive meanwhile.
    """
    return change_feed.run_exclusively(MissedProgress, _rebuild)


def _rebuild(progress_rows: QuerySet[MissedProgress], now: dt.datetime) -> int:
    was_built = progress_rows.filter(built_at__isnull=False).exists()
    newest = change_feed.newest_ids()
    callers = find_differing_callers()
    while was_built and refresh():
        pass  # changes that arrived while the calls were read do not count as repaired
    repaired = 0
    for start in range(0, len(callers), BATCH_SIZE):
        with transaction.atomic():
            progress_rows.select_for_update().get()
            repaired += recompute(callers[start : start + BATCH_SIZE])
    mark_old(now)
    with transaction.atomic():
        progress = progress_rows.select_for_update().get()
        if progress.built_at is None:
            change_feed.set_cursor(progress, newest)
        progress.built_at = now
        progress.repaired += repaired if was_built else 0
        progress.save(update_fields=["push_id", "call_id", "gaps", "built_at", "repaired"])
    return repaired


def recompute(callers: Iterable[str]) -> int:
    """Derive and write the open rows of these callers; returns how many rows changed. Needs the progress lock."""
    numbers = sorted({caller for caller in callers if caller})
    if not numbers:
        return 0
    derived = load_open_missed_calls(numbers)
    stored = {row.caller: row for row in MissedCaller.objects.filter(caller__in=numbers)}
    closed = [row.pk for caller, row in stored.items() if caller not in derived]
    changed = [
        missed
        for caller, missed in derived.items()
        if caller not in stored or _differs(stored[caller], missed)
    ]
    if closed:
        MissedCaller.objects.filter(pk__in=closed).delete()
    if changed:
        MissedCaller.objects.bulk_create(
            _build_rows(changed),
            update_conflicts=True,
            unique_fields=["caller"],
            update_fields=DERIVED_FIELDS,
            batch_size=500,
        )
    return len(closed) + len(changed)


def _build_rows(changed: Sequence[OpenMissedCalls]) -> list[MissedCaller]:
    cutoff, plans = waiting_cutoff(), past_state.load_past_plans([missed.last_at for missed in changed])
    rows = []
    for missed in changed:
        then = plans.at(missed.last_at)
        rows.append(
            MissedCaller(
                caller=missed.caller,
                misses=missed.misses,
                first_at=missed.first_at,
                last_at=missed.last_at,
                **{name: getattr(missed, name) for name in LAST_CALL_FIELDS},
                why=find_miss_reason(missed, then),
                wanted=then.desired,
                had=then.confirmed,
                is_old=missed.last_at < cutoff,
            )
        )
    return rows


def _differs(row: MissedCaller, missed: OpenMissedCalls) -> bool:
    names = ("misses", "first_at", "last_at", *LAST_CALL_FIELDS)
    return any(getattr(row, name) != getattr(missed, name) for name in names)
