"""The kept counts brought level with the calls, off the push path.

Whoever refreshes reads what came since the last time (`changes_since`) and counts the hours of those calls anew, whole;
so an hour may be counted too often, never wrongly. A call that moved to another hour has pushes that disagree, and all
the hours that they name are counted. What changes calls in another way leaves the moment in `RollupRecheck`. And
whatever slips through all of this is found by `rebuild`, which compares everything.
"""

import datetime as dt
from collections.abc import Iterator, Sequence

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from calllogs import change_feed
from calllogs.change_feed import AT_ONCE, Pending
from calllogs.models import CallLog, Rollup, RollupProgress, RollupRecheck
from calllogs.statistics import hour_spans
from calllogs.statistics.counting import COUNTS, KEY, Difference, Unit, differences
from calllogs.statistics.hour_spans import Span

HOURS_AT_ONCE = 48
CHUNK_DAYS = 7
BUILD_AT_ONCE = 20_000  # calls; more are a worker's work


def pending() -> Pending | None:
    """What there is to count; None if the counts are level. One query."""
    return change_feed.pending(RollupProgress, RollupRecheck)


def refresh_for_page(*, old_s: float = 0) -> bool:
    """For a page that is about to read the counts: level now, or is there more than a page may wait for?

    A worker that looked less than `old_s` ago is trusted to look again: then the last seconds may be missing.
    """
    try:
        waits = pending()
        if waits is None:
            return True
        if not waits.is_new:
            since = timezone.now() - dt.timedelta(seconds=old_s)
            return (waits.read_at is not None and waits.read_at > since) or not refresh()
        if waits.calls > BUILD_AT_ONCE:
            return False
        rebuild()
        return not refresh()
    except OperationalError:  # the database is busy: the counts of a moment ago are better than none
        return False


def refresh(*, most: int = AT_ONCE, most_hours: int = HOURS_AT_ONCE) -> bool:
    """Read what came since and count its hours, the newest first; True if there may be more.

    Nothing if somebody else is at it.
    """
    with transaction.atomic():
        progress = change_feed.lock_progress(RollupProgress)
        if progress is None:
            return False
        notes = list(RollupRecheck.objects.order_by("-at").values_list("pk", "at")[:most])
        noted = {pk: hour_spans.start_of(at) for pk, at in notes}
        moments, is_more = change_feed.read(progress, "started_at", most=most)
        found = {hour_spans.start_of(moment) for moment in moments} | set(noted.values())
        now = set(sorted(found, reverse=True)[:most_hours])
        later = found - now
        settle(hour_spans.of(now))
        done = [pk for pk, start in noted.items() if start in now]
        if done:
            RollupRecheck.objects.filter(pk__in=done).delete()
        RollupRecheck.objects.bulk_create([RollupRecheck(at=start) for start in later - set(noted.values())])
        progress.save(update_fields=change_feed.READ)
    return is_more or bool(later) or len(notes) >= most


def settle(some: Sequence[Span]) -> int:
    """Count these hours, and sum up their days; how many rows changed. The progress must be locked."""
    changed = _write(differences(Unit.HOUR, some))
    return changed + _write(differences(Unit.DAY, hour_spans.days_of(some)))


def _write(found: list[Difference]) -> int:
    gone = [difference.row.pk for difference in found if difference.is_gone]
    changed = [difference.row for difference in found if not difference.is_gone]
    for start in range(0, len(gone), AT_ONCE):
        Rollup.objects.filter(pk__in=gone[start : start + AT_ONCE]).delete()
    if changed:
        Rollup.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["unit", *KEY],
            update_fields=list(COUNTS),
            batch_size=AT_ONCE,
        )
    return len(found)


# --- the whole --------------------------------------------------------------------------------------------


def is_of_another_zone() -> bool:
    """Whether the portal's zone was changed since the hours were counted."""
    zones = RollupProgress.objects.filter(pk=RollupProgress.ONLY, built_at__isnull=False)
    return zones.exclude(zone=settings.TIME_ZONE).exists()


def rebuild() -> int | None:
    """Compare all rows with the calls, and mend; how many differed. None if somebody else is at it.

    The newest days first. Nothing is locked while the calls are read; hours that seem to differ are then counted once
    more. What came meanwhile is read again by the next refresh.
    """
    return change_feed.build(RollupProgress, _rebuild)


def _rebuild(mine: QuerySet[RollupProgress], now: dt.datetime) -> int:
    was_built = mine.filter(built_at__isnull=False, zone=settings.TIME_ZONE).exists()
    seen = change_feed.newest()
    mended = 0
    for chunk in _chunks():
        some = chunk
        if was_built:
            some = _differing(chunk)
            while some and refresh():
                pass  # what came while the calls were read is no difference
        for start in range(0, len(some), HOURS_AT_ONCE):
            with transaction.atomic():
                mine.select_for_update().get()
                mended += settle(some[start : start + HOURS_AT_ONCE])
    with transaction.atomic():
        progress = mine.select_for_update().get()
        if not was_built:
            change_feed.set_cursor(progress, seen)
        progress.built_at, progress.zone = now, settings.TIME_ZONE
        progress.repaired += mended if was_built else 0
        progress.save(update_fields=["push_id", "call_id", "gaps", "built_at", "zone", "repaired"])
    return mended


def _differing(chunk: Sequence[Span]) -> list[Span]:
    """The hours of whole days that differ from the calls, and all those of days that differ from their hours."""
    starts = {hour_spans.start_of(found.row.starts_at) for found in differences(Unit.HOUR, chunk)}
    days = {
        hour_spans.day_start(found.row.starts_at)
        for found in differences(Unit.DAY, hour_spans.days_of(chunk))
    }
    starts |= {hour.first for hour in chunk if hour_spans.day_start(hour.first) in days}
    return hour_spans.of(starts)


def _chunks() -> Iterator[list[Span]]:
    """All hours that have calls or rows, some days at once, from the newest back; what lies between is skipped."""
    edge = dt.datetime.max.replace(tzinfo=dt.UTC) - dt.timedelta(days=2)
    while True:
        call = CallLog.objects.filter(started_at__lt=edge).order_by("-started_at", "-id")
        rows = [Rollup.objects.filter(unit=unit, starts_at__lt=edge).order_by("-starts_at") for unit in Unit]
        ends = [
            *call.values_list("started_at", flat=True)[:1],
            *(start for row in rows for start in row.values_list("starts_at", flat=True)[:1]),
        ]
        if not ends:
            return
        end = min(edge, hour_spans.days_after(hour_spans.day_start(max(ends)), 1))
        edge = hour_spans.days_after(end, -CHUNK_DAYS)
        yield list(hour_spans.between(edge, end))[::-1]
