"""What comes after an erasure: a late repeat of an erased call, or a push that was on its way, brings no number back.

Off the push path: a push costs nothing here. Whoever watches reads what came since (`changes_since`), within seconds.
"""

import logging

from django.db import transaction

from calllogs import change_feed
from calllogs.intake import erased_callers
from calllogs.models import CallLog, Erasure, ErasureProgress, Push, invalidation
from calllogs.privacy import anonymise

logger = logging.getLogger(__name__)


def process_late_pushes() -> bool:
    """Look through what came since; True if there may be more. Nothing where nobody was ever erased."""
    if not Erasure.objects.exists() or change_feed.pending(ErasureProgress, None) is None:
        return False
    with transaction.atomic():
        progress = change_feed.lock_progress(ErasureProgress)
        if progress is None:
            return False
        ids, is_more = change_feed.read(progress, "call_id", most=change_feed.AT_ONCE)
        _forget_again(ids)
        progress.save(update_fields=change_feed.READ)
    return is_more


def _forget_again(ids: set[str]) -> None:
    """What repeats an erased call goes whole: the first of its id stands for it. What was on its way is forgotten."""
    known, repeated = erased_callers.Erased(), erased_callers.erased_among(ids)
    calls = CallLog.objects.filter(call_id__in=ids).only(
        "pk", "call_id", "caller", "started_at", "received_at"
    )
    again = [call for call in calls if call.call_id in repeated]
    late = [
        call
        for call in calls
        if call.call_id not in repeated and call.caller and known.came_before(call.caller, call.received_at)
    ]
    if again:
        Push.objects.filter(call__in=again).delete()
        CallLog.objects.filter(pk__in=[call.pk for call in again]).delete()
    if late:
        anonymise.forget([(call.pk, call.call_id) for call in late])
    if back := [*again, *late]:
        invalidation.mark_stale(
            callers=[call.caller for call in back], moments=[call.started_at for call in back]
        )
        logger.warning("%d calls of erased callers came again, and were forgotten", len(back))
