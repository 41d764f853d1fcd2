"""The open rows brought level with calls and pushes, off the push path.

A push costs nothing here: no index, no trigger, no row. Whoever refreshes reads what came since the last time, by id,
and works out those callers anew from all their calls; so it may look at a caller too often, never wrongly. Ids are
given out before they are committed, so an id that is not there yet is remembered as a gap and looked for again for
GAP_S. What changes calls in another way leaves the caller in `MissedRecheck`. And whatever slips through all of this
is found by `rebuild`, which compares everything.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Q, QuerySet, Subquery
from django.utils import timezone

from calllogs.arrival import understood
from calllogs.missed.live import Spell, differences, spells
from calllogs.missed.why import why
from calllogs.models import CallLog, MissedCaller, MissedProgress, MissedRecheck, Push
from calllogs.store import as_received
from settings_sync import past

AT_ONCE = 1000
GAP_S = 600
MOST_GAPS = 200
# A rebuild starts to read from a little before the newest push: what was not committed then is found as a gap.
LOOK_BACK = 5000
BUILDING = dt.timedelta(minutes=15)

OF_LAST_CALL = ("last_call", "department", "virtual_number", "raw_status")
WRITTEN = ["misses", "first_at", "last_at", *OF_LAST_CALL, "why", "wanted", "had", "is_old"]


@dataclass(frozen=True, slots=True)
class Pending:
    """There is more to read. `is_new`: the open rows were never made; then there are about so many calls."""

    is_new: bool
    calls: int


def pending() -> Pending | None:
    """What there is to read; None if the open rows are level. One query."""
    newest = {
        "newest_push": Subquery(Push.objects.order_by("-pk").values("pk")[:1]),
        "newest_call": Subquery(CallLog.objects.order_by("-pk").values("pk")[:1]),
        "is_noted": Exists(MissedRecheck.objects.all()),
    }
    only = MissedProgress.objects.filter(pk=MissedProgress.ONLY).annotate(**newest)
    row = only.values_list("push_id", "call_id", "built_at", *newest).first()
    if row is None:
        MissedProgress.objects.get_or_create(pk=MissedProgress.ONLY)
        return pending()
    push_id, call_id, built_at, newest_push, newest_call, is_noted = row
    if built_at is None:
        return Pending(is_new=True, calls=newest_call or 0)
    if is_noted or (newest_push or 0) > push_id or (newest_call or 0) > call_id:
        return Pending(is_new=False, calls=(newest_call or 0) - call_id)
    return None


def refresh(*, most: int = AT_ONCE) -> bool:
    """Read what came since, at most so many of each; True if there may be more. Nothing if somebody else is at it."""
    with transaction.atomic():
        progress = (
            MissedProgress.objects.select_for_update(skip_locked=True).filter(pk=MissedProgress.ONLY).first()
        )
        if progress is None or progress.built_at is None:
            return False
        noted = list(MissedRecheck.objects.order_by("pk").values_list("pk", "caller")[:most])
        callers = {caller for _, caller in noted}
        found = [*_pushes_in_gaps(progress), *_new_pushes(progress, most)]
        callers |= {caller for _, _, caller, _ in found if caller}
        callers |= _callers_before({call for _, call, _, has_conflict in found if call and has_conflict})
        calls = list(
            CallLog.objects.filter(pk__gt=progress.call_id).order_by("pk").values_list("pk", "caller")[:most]
        )
        callers |= {caller for _, caller in calls}
        settle(callers)
        if noted:
            MissedRecheck.objects.filter(pk__in=[pk for pk, _ in noted]).delete()
        if calls:
            progress.call_id = calls[-1][0]
        progress.save(update_fields=["push_id", "call_id", "gaps"])
    return max(len(noted), len(found), len(calls)) >= most


def age(now: dt.datetime | None = None) -> int:
    """Callers who have not tried again for long are old now; how many."""
    before = oldest_waiting(now)
    return MissedCaller.objects.filter(is_old=False, last_at__lt=before).update(is_old=True)


def oldest_waiting(now: dt.datetime | None = None) -> dt.datetime:
    return (now or timezone.now()) - dt.timedelta(days=settings.MISSED_DAYS)


def note(callers: Iterable[str]) -> None:
    """Have these callers looked at again; in the transaction of whatever changed their calls, if it has one."""
    MissedRecheck.objects.bulk_create([MissedRecheck(caller=caller) for caller in callers if caller])


# --- the whole --------------------------------------------------------------------------------------------


def rebuild() -> int | None:
    """Compare all open rows with the calls, and mend; how many differed. None if somebody else is at it.

    Nothing is locked while all calls are read; those that seem to differ are then worked out again one by one. What
    came meanwhile is read again by the next refresh.
    """
    now = timezone.now()
    MissedProgress.objects.get_or_create(pk=MissedProgress.ONLY)
    mine = MissedProgress.objects.filter(pk=MissedProgress.ONLY)
    free = Q(building_until=None) | Q(building_until__lte=now)
    if not mine.filter(free).update(building_until=now + BUILDING):
        return None
    try:
        return _rebuild(mine, now)
    finally:
        mine.update(building_until=None)


def _rebuild(mine: QuerySet[MissedProgress], now: dt.datetime) -> int:
    was_built = mine.filter(built_at__isnull=False).exists()
    newest_push = Push.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    newest_call = CallLog.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    callers = differences()
    while was_built and refresh():
        pass  # what came while all calls were read is no difference
    mended = 0
    for start in range(0, len(callers), AT_ONCE):
        with transaction.atomic():
            mine.select_for_update().get()
            mended += settle(callers[start : start + AT_ONCE])
    age(now)
    with transaction.atomic():
        progress = mine.select_for_update().get()
        if progress.built_at is None:
            progress.push_id = max(progress.push_id, newest_push - LOOK_BACK, 0)
            progress.call_id = max(progress.call_id, newest_call - LOOK_BACK, 0)
            progress.gaps = []
        progress.built_at = now
        progress.repaired += mended if was_built else 0
        progress.save(update_fields=["push_id", "call_id", "gaps", "built_at", "repaired"])
    return mended


def settle(callers: Iterable[str]) -> int:
    """Work out these callers and write their open rows; how many rows changed. The progress must be locked."""
    wanted = sorted({caller for caller in callers if caller})
    if not wanted:
        return 0
    now = spells(wanted)
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


def _rows(changed: Sequence[Spell]) -> list[MissedCaller]:
    before, told = oldest_waiting(), past.read([spell.last_at for spell in changed])
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
                why=why(spell, then),
                wanted=then.wanted,
                had=then.had,
                is_old=spell.last_at < before,
            )
        )
    return rows


def _differs(row: MissedCaller, spell: Spell) -> bool:
    names = ("misses", "first_at", "last_at", *OF_LAST_CALL)
    return any(getattr(row, name) != getattr(spell, name) for name in names)


# --- what came since ---------------------------------------------------------------------------------------

Found = tuple[
    int, int | None, str | None, bool | None
]  # a push, its call, the call's caller, whether pushes disagree


def _new_pushes(progress: MissedProgress, most: int) -> list[Found]:
    rows = list(_pushes(Q(pk__gt=progress.push_id))[:most])
    if rows:
        noticed = timezone.now().timestamp()
        progress.gaps = _without_old(progress.gaps, noticed)
        progress.gaps += [[*gap, noticed] for gap in _missing(progress.push_id + 1, [row[0] for row in rows])]
        progress.push_id = rows[-1][0]
    return rows


def _pushes_in_gaps(progress: MissedProgress) -> list[Found]:
    gaps = progress.gaps = _without_old(progress.gaps, timezone.now().timestamp())
    if not gaps:
        return []
    where = Q()
    for first, last, _ in gaps:
        where |= Q(pk__range=(first, last))
    rows = list(_pushes(where)[:AT_ONCE])
    there = [row[0] for row in rows]
    progress.gaps = [
        [*gap, noticed]
        for first, last, noticed in gaps
        for gap in _missing(first, [*(pk for pk in there if first <= pk <= last), last + 1])
    ]
    return rows


def _pushes(where: Q) -> QuerySet:
    return (
        Push.objects.filter(where)
        .order_by("pk")
        .values_list("pk", "call_id", "call__caller", "call__has_conflict")
    )


def _missing(first: int, there: Sequence[int]) -> list[tuple[int, int]]:
    """The ranges of ids from `first` on that are not among those that are there, in order."""
    ranges = []
    for pk in there:
        if pk > first:
            ranges.append((first, pk - 1))
        first = pk + 1
    return ranges


def _without_old(gaps: list[list], now: float) -> list[list]:
    """The newest gaps, and none that was waited for in vain: what rolled back leaves one for ever."""
    return [gap for gap in gaps if gap[2] > now - GAP_S][-MOST_GAPS:]


def _callers_before(calls: set[int]) -> set[str]:
    """Whom the pushes of these calls named: where they disagree, the call may have been another caller's before."""
    if not calls:
        return set()
    named = set()
    for push in Push.objects.filter(call_id__in=calls):
        told = understood(as_received(push), mends=push.mends)
        if told.call is not None:
            named.add(told.call.caller)
    return named
