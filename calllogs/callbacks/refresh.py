"""The open rows brought level with calls and pushes, off the push path.

Whoever refreshes reads what came since the last time (`changes_since`), and works out those callers anew from all
their calls; so it may look at a caller too often, never wrongly. What changes calls in another way leaves the caller
in `MissedRecheck`. And whatever slips through all of this is found by `rebuild`, which compares everything.
"""

import datetime as dt
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from calllogs import change_feed
from calllogs.callbacks.derive import OpenMissedCalls, differences, open_missed_calls
from calllogs.callbacks.miss_reason import miss_reason
from calllogs.change_feed import AT_ONCE, Pending
from calllogs.models import MissedCaller, MissedProgress, MissedRecheck
from settings_sync.history import past_state

OF_LAST_CALL = ("last_call", "department", "virtual_number", "raw_status")
WRITTEN = ["misses", "first_at", "last_at", *OF_LAST_CALL, "why", "wanted", "had", "is_old"]


def pending() -> Pending | None:
    """What there is to read; None if the open rows are level. One query."""
    return change_feed.pending(MissedProgress, MissedRecheck)


def refresh(*, most: int = AT_ONCE) -> bool:
    """Read what came since, at most so many of each; True if there may be more. Nothing if somebody else is at it."""
    with transaction.atomic():
        progress = change_feed.lock_progress(MissedProgress)
        if progress is None:
            return False
        noted = list(MissedRecheck.objects.order_by("pk").values_list("pk", "caller")[:most])
        callers, is_more = change_feed.read(progress, "caller", most=most)
        callers |= {caller for _, caller in noted}
        recompute(callers)
        if noted:
            MissedRecheck.objects.filter(pk__in=[pk for pk, _ in noted]).delete()
        progress.save(update_fields=change_feed.READ)
    return is_more or len(noted) >= most


def mark_old(now: dt.datetime | None = None) -> int:
    """Callers who have not tried again for long are old now; how many."""
    before = oldest_waiting(now)
    return MissedCaller.objects.filter(is_old=False, last_at__lt=before).update(is_old=True)


def oldest_waiting(now: dt.datetime | None = None) -> dt.datetime:
    return (now or timezone.now()) - dt.timedelta(days=settings.MISSED_DAYS)


# --- the whole --------------------------------------------------------------------------------------------


def rebuild() -> int | None:
    """Compare all open rows with the calls, and mend; how many differed. None if somebody else is at it.

    Nothing is locked while all calls are read; those that seem to differ are then worked out again one by one. What
    came meanwhile is read again by the next refresh.
    """
    return change_feed.build(MissedProgress, _rebuild)


def _rebuild(mine: QuerySet[MissedProgress], now: dt.datetime) -> int:
    was_built = mine.filter(built_at__isnull=False).exists()
    seen = change_feed.newest()
    callers = differences()
    while was_built and refresh():
        pass  # what came while all calls were read is no difference
    mended = 0
    for start in range(0, len(callers), AT_ONCE):
        with transaction.atomic():
            mine.select_for_update().get()
            mended += recompute(callers[start : start + AT_ONCE])
    mark_old(now)
    with transaction.atomic():
        progress = mine.select_for_update().get()
        if progress.built_at is None:
            change_feed.set_cursor(progress, seen)
        progress.built_at = now
        progress.repaired += mended if was_built else 0
        progress.save(update_fields=["push_id", "call_id", "gaps", "built_at", "repaired"])
    return mended


def recompute(callers: Iterable[str]) -> int:
    """Work out these callers and write their open rows; how many rows changed. The progress must be locked."""
    wanted = sorted({caller for caller in callers if caller})
    if not wanted:
        return 0
    now = open_missed_calls(wanted)
    known = {row.caller: row for row in MissedCaller.objects.filter(caller__in=wanted)}
    gone = [row.pk for caller, row in known.items() if caller not in now]
    changed = [
        spell for caller, spell in now.items() if caller not in known or _differs(known[caller], spell)
    ]
    if gone:
        MissedCaller.objects.filter(pk__in=gone).delete()
    if changed:
        MissedCaller.objects.bulk_create(
            _rows(changed),
            update_conflicts=True,
            unique_fields=["caller"],
            update_fields=WRITTEN,
            batch_size=500,
        )
    return len(gone) + len(changed)


def _rows(changed: Sequence[OpenMissedCalls]) -> list[MissedCaller]:
    before, told = oldest_waiting(), past_state.read([spell.last_at for spell in changed])
    rows = []
    for spell in changed:
        then = told.at(spell.last_at)
        rows.append(
            MissedCaller(
                caller=spell.caller,
                misses=spell.misses,
                first_at=spell.first_at,
                last_at=spell.last_at,
                **{name: getattr(spell, name) for name in OF_LAST_CALL},
                why=miss_reason(spell, then),
                wanted=then.wanted,
                had=then.had,
                is_old=spell.last_at < before,
            )
        )
    return rows


def _differs(row: MissedCaller, spell: OpenMissedCalls) -> bool:
    names = ("misses", "first_at", "last_at", *OF_LAST_CALL)
    return any(getattr(row, name) != getattr(spell, name) for name in names)
