"""The calls of one caller become calls of nobody, and the desk forgets whom it was to call back."""

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

AT_ONCE = 500


def calls_of(number: str, asked_at: datetime) -> Q:
    """Not what the same person did after asking: that is new."""
    return Q(caller=number, received_at__lte=asked_at)


def forget_calls(number: str, asked_at: datetime, *, most: int = AT_ONCE) -> Counter[str]:
    """Take the number, the recording and what was said about it off some calls; empty when there are none left.

    In the caller's transaction. The files of recordings go with the next sweep: their rows are of no call any more.
    """
    calls = CallLog.objects.filter(calls_of(number, asked_at)).order_by("pk")
    some = list(calls.select_for_update().values_list("pk", "call_id")[:most])
    return forget(some) if some else Counter()


def forget(some: list[tuple[int, str]]) -> Counter[str]:
    """The same for these calls: `(key, call id)`."""
    ids = [pk for pk, _ in some]
    gone = Counter(
        calls=len(ids),
        pushes=Push.objects.filter(call__in=ids).delete()[0],
        notes=CallNote.objects.filter(call__in=ids).delete()[0]
        + CallTag.objects.filter(call__in=ids).delete()[0],
        recordings=Recording.objects.filter(call__in=ids).update(call=None),
    )
    # That somebody listened stays on record, by the new name of the call.
    new_ids = {pk: erased_callers.id_of(call_id) for pk, call_id in some}
    heard = list(Listening.objects.filter(call__in=ids).only("pk", "call_id"))
    for listening in heard:
        listening.call_uid = new_ids[listening.call_id or 0]
    Listening.objects.bulk_update(heard, ["call_uid"], batch_size=100)
    calls = [CallLog(pk=pk, call_id=new_id, updated_at=timezone.now()) for pk, new_id in new_ids.items()]
    CallLog.objects.filter(pk__in=ids).update(caller="", recording_url="")
    CallLog.objects.bulk_update(calls, ["call_id", "updated_at"], batch_size=100)
    return gone


def forget_in_callback_queue(number: str) -> Counter[str]:
    """In the caller's transaction, which keeps out whoever works the desk's rows out at this moment."""
    list(MissedProgress.objects.select_for_update())
    rows = MissedCaller.objects.filter(caller=number).delete()[0]
    MissedRecheck.objects.filter(caller=number).delete()
    CallbackClaim.objects.filter(caller=number).delete()
    entries = CallbackEntry.objects.filter(caller=number)
    CallbackEntry.objects.filter(undoes__in=entries.values("pk")).delete()
    return Counter(desk=rows + entries.delete()[0])
