"""Which calls changed since the last time, by the ids of pushes and calls; for copies kept off the push path.

A push costs nothing here: no index, no trigger, no row. Ids are given out before they are committed, so an id that is
not there yet is remembered as a gap and looked for again for GAP_S. A call may be told of too often, never too seldom;
what changes calls in another way than by a push, or after its push was committed, is noted by whoever does it.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import models
from django.db.models import Exists, Q, QuerySet, Subquery, Value
from django.utils import timezone

from calllogs.intake.envelope import parse_push
from calllogs.intake.parser import ParsedCall
from calllogs.intake.storage import as_received
from calllogs.models import CallLog, Push
from calllogs.models.feed_progress import FeedProgress

READ = ["push_id", "call_id", "gaps", "read_at"]  # the fields of a progress that reading sets
P = TypeVar("P", bound=FeedProgress)

AT_ONCE = 1000
GAP_S = 600
MOST_GAPS = 200
# Whoever has read all calls goes on from a little before the newest: what was not committed then is found as a gap.
LOOK_BACK = 5000
BUILDING = dt.timedelta(minutes=15)  # then whoever built is taken for dead


@dataclass(frozen=True, slots=True)
class Pending:
    """There is more to read. `is_new`: the copy was never made; then there are about so many calls."""

    is_new: bool
    calls: int
    read_at: dt.datetime | None = None  # when somebody last read


@dataclass(frozen=True, slots=True)
class Newest:
    push_id: int
    call_id: int


def pending(progress: type[FeedProgress], noted: type[models.Model] | None) -> Pending | None:
    """What there is to read for a copy; None if it is level. One query.

    `noted`: what is to be looked at again, if there is such a thing.
    """
    of_tables = {
        "newest_push": Subquery(Push.objects.order_by("-pk").values("pk")[:1]),
        "newest_call": Subquery(CallLog.objects.order_by("-pk").values("pk")[:1]),
        "oldest_call": Subquery(CallLog.objects.order_by("pk").values("pk")[:1]),
        "is_noted": Exists(noted._default_manager.all()) if noted else Value(False),
    }
    only = progress._default_manager.filter(pk=progress.ONLY).annotate(**of_tables)
    row = only.values_list("push_id", "call_id", "built_at", "read_at", *of_tables).first()
    if row is None:
        progress._default_manager.get_or_create(pk=progress.ONLY)
        return pending(progress, noted)
    push_id, call_id, built_at, read_at, newest_push, newest_call, oldest_call, is_noted = row
    # By their ids, so at most so many: the oldest may be deleted by now, and some ids are of no call.
    calls = (newest_call or 0) - max(call_id, (oldest_call or 1) - 1)
    if built_at is None:
        return Pending(is_new=True, calls=calls)
    if is_noted or (newest_push or 0) > push_id or (newest_call or 0) > call_id:
        return Pending(is_new=False, calls=calls, read_at=read_at)
    return None


def newest() -> Newest:
    """To be asked before all calls are read."""
    ids = (model.objects.order_by("-pk").values_list("pk", flat=True).first() for model in (Push, CallLog))
    return Newest(*(pk or 0 for pk in ids))


def set_cursor(progress: FeedProgress, seen: Newest) -> None:
    """All calls were read after `seen`. Fields are set, not saved."""
    progress.push_id = max(progress.push_id, seen.push_id - LOOK_BACK, 0)
    progress.call_id = max(progress.call_id, seen.call_id)  # a call has a push, but for sample data
    progress.gaps = []


def lock_progress(progress: type[P]) -> P | None:
    """The copy's progress, locked in this transaction; None if it was never built, or somebody else is at it."""
    return (
        progress._default_manager.select_for_update(skip_locked=True)
        .filter(pk=progress.ONLY, built_at__isnull=False)
        .first()
    )


def build(progress: type[P], work: Callable[[QuerySet[P], dt.datetime], int]) -> int | None:
    """Let `work` compare the copy with all calls, one at a time; what it returns, or None if somebody else is at it."""
    now = timezone.now()
    progress._default_manager.get_or_create(pk=progress.ONLY)
    mine = progress._default_manager.filter(pk=progress.ONLY)
    free = Q(building_until=None) | Q(building_until__lte=now)
    if not mine.filter(free).update(building_until=now + BUILDING):
        return None
    try:
        return work(mine, now)
    finally:
        mine.update(building_until=None)


def read(progress: FeedProgress, field: str, *, most: int) -> tuple[set[Any], bool]:
    """The values of a call's field in all calls that changed, at most so many pushes and calls of each; is there more?

    Where pushes disagree, what the earlier ones told is among them: the call may have had it before. The progress must
    be locked; its fields are set, not saved.
    """
    progress.read_at = timezone.now()
    found = [*_pushes_in_gaps(progress, field), *_new_pushes(progress, field, most)]
    values = {value for _, call, _, value in found if call}
    disagreed = {call for _, call, has_conflict, _ in found if call and has_conflict}
    values |= {getattr(told, field) for told in _told(disagreed)}
    fresh = CallLog.objects.filter(pk__gt=progress.call_id).order_by("pk").values_list("pk", field)
    calls = list(fresh[:most])
    if calls:
        progress.call_id = calls[-1][0]
    return values | {value for _, value in calls}, max(len(found), len(calls)) >= most


# --- pushes, and ids that are not there yet -----------------------------------------------------------------

Found = tuple[
    int, int | None, bool | None, Any
]  # a push, its call, whether pushes disagree, the call's value


def _new_pushes(progress: FeedProgress, field: str, most: int) -> list[Found]:
    rows = list(_pushes(Q(pk__gt=progress.push_id), field)[:most])
    if rows:
        noticed = timezone.now().timestamp()
        progress.gaps = _without_old(progress.gaps, noticed)
        progress.gaps += [[*gap, noticed] for gap in _missing(progress.push_id + 1, [row[0] for row in rows])]
        progress.push_id = rows[-1][0]
    return rows


def _pushes_in_gaps(progress: FeedProgress, field: str) -> list[Found]:
    gaps = progress.gaps = _without_old(progress.gaps, timezone.now().timestamp())
    if not gaps:
        return []
    where = Q()
    for first, last, _ in gaps:
        where |= Q(pk__range=(first, last))
    rows = list(_pushes(where, field)[:AT_ONCE])
    there = [row[0] for row in rows]
    progress.gaps = [
        [*gap, noticed]
        for first, last, noticed in gaps
        for gap in _missing(first, [*(pk for pk in there if first <= pk <= last), last + 1])
    ]
    return rows


def _pushes(where: Q, field: str) -> QuerySet:
    names = ("pk", "call_id", "call__has_conflict", f"call__{field}")
    return Push.objects.filter(where).order_by("pk").values_list(*names)


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


def _told(calls: set[int]) -> list[ParsedCall]:
    """What the pushes of these calls told."""
    if not calls:
        return []
    pushes = Push.objects.filter(call_id__in=calls)
    told = (parse_push(as_received(push), mends=push.mends) for push in pushes)
    return [one.call for one in told if one.call is not None]
