"""Pushes that arrive after an erasure: a late repeat of an erased call, or one that was being delivered.

They must not bring the number back. A periodic task reads the change feed within seconds, so handling a push costs
nothing extra.
"""

import logging

from django.db import transaction

from calllogs import change_feed
from calllogs.intake import erased_callers
from calllogs.models import CallLog, Erasure, ErasureProgress, Push, invalidation
from calllogs.privacy import anonymise

logger = logging.getLogger(__name__)


def process_late_pushes() -> bool:
    """Processes new calls from the change feed. Returns True if there may be more. Does nothing without erasures."""
    if not Erasure.objects.exists() or change_feed.find_pending(ErasureProgress, None) is None:
        return False
    with transaction.atomic():
        progress = change_feed.lock_progress(ErasureProgress)
        if progress is None:
            return False
        ids, is_more = change_feed.read_changes(progress, "call_id", most=change_feed.BATCH_SIZE)
        _erase_late_calls(ids)
        progress.save(update_fields=change_feed.READ_FIELDS)
    return is_more


def _erase_late_calls(ids: set[str]) -> None:
    """Deletes repeats of erased calls, whose anonymised row stays, and anonymises calls received before the erasure."""
    erased, repeated = erased_callers.ErasedCallers(), erased_callers.find_erased_calls(ids)
    calls = CallLog.objects.filter(call_id__in=ids).only(
        "pk", "call_id", "caller", "started_at", "received_at"
    )
    repeats = [call for call in calls if call.call_id in repeated]
    late = [
        call
        for call in calls
        if call.call_id not in repeated
        and call.caller
        and erased.was_received_before_erasure(call.caller, call.received_at)
    ]
    if repeats:
        Push.objects.filter(call__in=repeats).delete()
        CallLog.objects.filter(pk__in=[call.pk for call in repeats]).delete()
    if late:
        anonymise.anonymise_batch([(call.pk, call.call_id) for call in late])
    if affected := [*repeats, *late]:
        invalidation.mark_stale(
            callers=[call.caller for call in affected], moments=[call.started_at for call in affected]
        )
        logger.warning("%d calls of erased callers arrived again and were erased", len(affected))
