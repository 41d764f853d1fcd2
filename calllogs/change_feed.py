"""Change feed of calls, by the ids of pushes and calls, for derived tables that are updated outside the push path.

A push costs nothing extra: no index, no trigger, no row. Ids are assigned before commit, so a missing id is remembered
as a gap and queried again for GAP_TIMEOUT_S. A change may be reported more than once, but is never missed. Code that
changes calls in any other way than by a push marks the affected rows as stale (`calllogs.models.invalidation`).
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
from calllogs.intake.storage import to_raw_push
from calllogs.models import CallLog, Push
from calllogs.models.feed_progress import FeedProgress

READ_FIELDS = ["push_id", "call_id", "gaps", "read_at"]  # the fields of FeedProgress that `read_changes` sets
Progress = TypeVar("Progress", bound=FeedProgress)

BATCH_SIZE = 1000
GAP_TIMEOUT_S = 600
MOST_GAPS = 200
# After a full read, the cursor starts this far below the newest push, so that pushes not yet committed become gaps.
CURSOR_OVERLAP = 5000
BUILD_TIMEOUT = dt.timedelta(minutes=15)  # after that a build counts as crashed


@dataclass(frozen=True, slots=True)
class PendingChanges:
    """Unread changes. `is_new`: the derived table was never built. `calls`: upper bound of the calls to read."""

    is_new: bool
    calls: int
    read_at: dt.datetime | None = None  # time of the last read


@dataclass(frozen=True, slots=True)
class NewestIds:
    push_id: int
    call_id: int


def find_pending(
    progress: type[FeedProgress], stale_model: type[models.Model] | None
) -> PendingChanges | None:
    """Return what a derived table has to read, or None if it is up to date. One query.

    `stale_model`: the model of its rows marked as stale, if it has one.
    """
    subqueries = {
        "newest_push": Subquery(Push.objects.order_by("-pk").values("pk")[:1]),
        "newest_call": Subquery(CallLog.objects.order_by("-pk").values("pk")[:1]),
        "oldest_call": Subquery(CallLog.objects.order_by("pk").values("pk")[:1]),
        "has_stale": Exists(stale_model._default_manager.all()) if stale_model else Value(False),
    }
    rows = progress._default_manager.filter(pk=progress.ONLY).annotate(**subqueries)
    row = rows.values_list("push_id", "call_id", "built_at", "read_at", *subqueries).first()
    if row is None:
        progress._default_manager.get_or_create(pk=progress.ONLY)
        return find_pending(progress, stale_model)
    push_id, call_id, built_at, read_at, newest_push, newest_call, oldest_call, has_stale = row
    # The difference of ids is an upper bound: old calls may be deleted, and some ids were never used.
    calls = (newest_call or 0) - max(call_id, (oldest_call or 1) - 1)
    if built_at is None:
        return PendingChanges(is_new=True, calls=calls)
    if has_stale or (newest_push or 0) > push_id or (newest_call or 0) > call_id:
        return PendingChanges(is_new=False, calls=calls, read_at=read_at)
    return None


def newest_ids() -> NewestIds:
    """Return the newest ids. Call it before a full read of all calls."""
    ids = (model.objects.order_by("-pk").values_list("pk", flat=True).first() for model in (Push, CallLog))
    return NewestIds(*(pk or 0 for pk in ids))


def set_cursor(progress: FeedProgress, newest: NewestIds) -> None:
    """Set the cursor after a full read that started after `newest`. Fields are set, not saved."""
    progress.push_id = max(progress.push_id, newest.push_id - CURSOR_OVERLAP, 0)
    progress.call_id = max(progress.call_id, newest.call_id)  # all calls except sample data also have a push
    progress.gaps = []


def lock_progress(progress: type[Progress]) -> Progress | None:
    """Lock and return the progress row; None if the table was never built or another process holds the lock."""
    return (
        progress._default_manager.select_for_update(skip_locked=True)
        .filter(pk=progress.ONLY, built_at__isnull=False)
        .first()
    )


def run_exclusively(
    progress: type[Progress], work: Callable[[QuerySet[Progress], dt.datetime], int]
) -> int | None:
    """Run a full rebuild under a lease and return its result; None if another process is running one."""
    now = timezone.now()
    progress._default_manager.get_or_create(pk=progress.ONLY)
    row = progress._default_manager.filter(pk=progress.ONLY)
    is_free = Q(building_until=None) | Q(building_until__lte=now)
    if not row.filter(is_free).update(building_until=now + BUILD_TIMEOUT):
        return None
    try:
        return work(row, now)
    finally:
        row.update(building_until=None)


def read_changes(progress: FeedProgress, field: str, *, most: int) -> tuple[set[Any], bool]:
    """Return the values of `field` in all changed calls, and whether there is more.

    Reads at most `most` pushes and `most` calls.

    If the pushes of a call conflict, the values of all its pushes are included: the call may have had them before. The
    progress must be locked; its fields are set, not saved.
    """
    progress.read_at = timezone.now()
    found = [*_pushes_in_gaps(progress, field), *_new_pushes(progress, field, most)]
    values = {value for _, call, _, value in found if call}
    conflicting = {call for _, call, has_conflict, _ in found if call and has_conflict}
    values |= {getattr(parsed, field) for parsed in _parse_calls(conflicting)}
    new_calls = CallLog.objects.filter(pk__gt=progress.call_id).order_by("pk").values_list("pk", field)
    calls = list(new_calls[:most])
    if calls:
        progress.call_id = calls[-1][0]
    return values | {value for _, value in calls}, max(len(found), len(calls)) >= most


# --- pushes and gaps ---------------------------------------------------------------------------------------

# Push id, call id, whether the call has conflicting pushes, the call's value of the field.
PushRow = tuple[int, int | None, bool | None, Any]


def _new_pushes(progress: FeedProgress, field: str, most: int) -> list[PushRow]:
    rows = list(_pushes(Q(pk__gt=progress.push_id), field)[:most])
    if rows:
        noticed_at = timezone.now().timestamp()
        progress.gaps = _current_gaps(progress.gaps, noticed_at)
        progress.gaps += [
            [*gap, noticed_at] for gap in _missing_ranges(progress.push_id + 1, [row[0] for row in rows])
        ]
        progress.push_id = rows[-1][0]
    return rows


def _pushes_in_gaps(progress: FeedProgress, field: str) -> list[PushRow]:
    gaps = progress.gaps = _current_gaps(progress.gaps, timezone.now().timestamp())
    if not gaps:
        return []
    where = Q()
    for first, last, _ in gaps:
        where |= Q(pk__range=(first, last))
    rows = list(_pushes(where, field)[:BATCH_SIZE])
    present = [row[0] for row in rows]
    progress.gaps = [
        [*gap, noticed_at]
        for first, last, noticed_at in gaps
        for gap in _missing_ranges(first, [*(pk for pk in present if first <= pk <= last), last + 1])
    ]
    return rows


def _pushes(where: Q, field: str) -> QuerySet:
    names = ("pk", "call_id", "call__has_conflict", f"call__{field}")
    return Push.objects.filter(where).order_by("pk").values_list(*names)


def _missing_ranges(first: int, present: Sequence[int]) -> list[tuple[int, int]]:
    """Return the ranges of ids missing from the ordered ids `present`, starting at `first`."""
    ranges = []
    for pk in present:
        if pk > first:
            ranges.append((first, pk - 1))
        first = pk + 1
    return ranges


def _current_gaps(gaps: list[list], now: float) -> list[list]:
    """Return the newest gaps, without expired ones: a rolled-back transaction leaves its gap permanently."""
    return [gap for gap in gaps if gap[2] > now - GAP_TIMEOUT_S][-MOST_GAPS:]


def _parse_calls(calls: set[int]) -> list[ParsedCall]:
    """Parse all pushes of these calls."""
    if not calls:
        return []
    pushes = Push.objects.filter(call_id__in=calls)
    parsed = (parse_push(to_raw_push(push), corrections=push.mends) for push in pushes)
    return [one.call for one in parsed if one.call is not None]
