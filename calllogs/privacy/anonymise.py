"""Removes a caller from calls and from the callback queue. The calls stay without a caller."""

from collections import Counter
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from calllogs.intake import erased_callers
from calllogs.models import (
    CallbackClaim,
    CallbackEntry,
    CallLog,
    CallNote,
    CallTag,
    Listening,
    MissedCaller,
    MissedProgress,
    MissedRecheck,
    Push,
    Recording,
)

BATCH_SIZE = 500


def erasable_calls(number: str, asked_at: datetime) -> Q:
    """The calls to erase: those received up to the request. Later calls of the same number are kept."""
    return Q(caller=number, received_at__lte=asked_at)


def anonymise_calls(number: str, asked_at: datetime, *, limit: int = BATCH_SIZE) -> Counter[str]:
    """Anonymises up to `limit` calls of this caller. Returns an empty Counter when none are left.

    Must run in a transaction. The next sweep deletes the recording files, because their rows have no call any more.
    """
    calls = CallLog.objects.filter(erasable_calls(number, asked_at)).order_by("pk")
    batch = list(calls.select_for_update().values_list("pk", "call_id")[:limit])
    return anonymise_batch(batch) if batch else Counter()


def anonymise_batch(batch: list[tuple[int, str]]) -> Counter[str]:
    """Anonymises these calls, `(pk, call_id)`: removes number, pushes, notes and recording. Returns {name: count}."""
    ids = [pk for pk, _ in batch]
    counts = Counter(
        calls=len(ids),
        pushes=Push.objects.filter(call__in=ids).delete()[0],
        notes=CallNote.objects.filter(call__in=ids).delete()[0]
        + CallTag.objects.filter(call__in=ids).delete()[0],
        recordings=Recording.objects.filter(call__in=ids).update(call=None),
    )
    # Listenings are kept under the new id of the call.
    new_ids = {pk: erased_callers.erased_call_id(call_id) for pk, call_id in batch}
    listenings = list(Listening.objects.filter(call__in=ids).only("pk", "call_id"))
    for listening in listenings:
        listening.call_uid = new_ids[listening.call_id or 0]
    Listening.objects.bulk_update(listenings, ["call_uid"], batch_size=100)
    calls = [CallLog(pk=pk, call_id=new_id, updated_at=timezone.now()) for pk, new_id in new_ids.items()]
    CallLog.objects.filter(pk__in=ids).update(caller="", recording_url="")
    CallLog.objects.bulk_update(calls, ["call_id", "updated_at"], batch_size=100)
    return counts


def delete_from_callback_queue(number: str) -> Counter[str]:
    """Must run in a transaction: it locks MissedProgress, so that the queue is not recomputed at the same time."""
    list(MissedProgress.objects.select_for_update())
    rows = MissedCaller.objects.filter(caller=number).delete()[0]
    MissedRecheck.objects.filter(caller=number).delete()
    CallbackClaim.objects.filter(caller=number).delete()
    entries = CallbackEntry.objects.filter(caller=number)
    CallbackEntry.objects.filter(undoes__in=entries.values("pk")).delete()
    return Counter(desk=rows + entries.delete()[0])
