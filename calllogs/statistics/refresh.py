"""Updates the stored counts from the calls, outside the push request.

A refresh reads the calls that changed since the last one (`change_feed`) and counts their hours again. An
hour may be counted more often than needed, but never wrongly. A call that moved to another hour has conflicting pushes,
and all hours that they name are counted. Code that changes calls in another way than by a new push adds their time to
`RollupRecheck`. `rebuild` compares all hours and repairs any that were missed.
"""

import datetime as dt
from collections.abc import Iterator, Sequence

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from calllogs import change_feed
from calllogs.change_feed import BATCH_SIZE, PendingChanges
from calllogs.models import CallLog, Rollup, RollupProgress, RollupRecheck
from calllogs.statistics import hour_spans
from calllogs.statistics.counting import COUNTS, KEY_COLUMNS, CountDifference, Unit, find_differences
from calllogs.statistics.hour_spans import TimeSpan

HOURS_AT_ONCE = 48
CHUNK_DAYS = 7
REBUILD_LIMIT = 20_000  # calls; with more, a worker builds the counts


def load_pending() -> PendingChanges | None:
    """What has changed since the last refresh; None if the counts are up to date. One query."""
    return change_feed.find_pending(RollupProgress, RollupRecheck)


def refresh_for_page(*, max_age_s: float = 0) -> bool:
    """Refresh before a page reads the counts; False if they do not include all calls yet.

    Skipped if a worker refreshed less than `max_age_s` ago: then the last seconds may be missing.
    """
    try:
        pending = load_pending()
        if pending is None:
            return True
        if not pending.is_new:
            since = timezone.now() - dt.timedelta(seconds=max_age_s)
            return (pending.read_at is not None and pending.read_at > since) or not refresh()
        if pending.calls > REBUILD_LIMIT:
            return False
        rebuild()
        return not refresh()
    except OperationalError:  # the database is busy: show the stored counts
        return False


def refresh(*, most: int = BATCH_SIZE, most_hours: int = HOURS_AT_ONCE) -> bool:
    """Count the hours of changed calls, at most `most_hours` and the latest first; True if there may be more.

    Reads up to `most` rechecks, pushes and calls each. Does nothing and returns False if another process holds the lock
    or the counts were never built.
    """
    with transaction.atomic():
        progress = change_feed.lock_progress(RollupProgress)
        if progress is None:
            return False
        rechecks = list(RollupRecheck.objects.order_by("-at").values_list("pk", "at")[:most])
        recheck_hours = {pk: hour_spans.hour_start(at) for pk, at in rechecks}
        moments, is_more = change_feed.read_changes(progress, "started_at", most=most)
        found = {hour_spans.hour_start(moment) for moment in moments} | set(recheck_hours.values())
        selected = set(sorted(found, reverse=True)[:most_hours])
        later = found - selected
        recompute(hour_spans.hours_starting_at(selected))
        done = [pk for pk, start in recheck_hours.items() if start in selected]
        if done:
            RollupRecheck.objects.filter(pk__in=done).delete()
        RollupRecheck.objects.bulk_create(
            [RollupRecheck(at=start) for start in later - set(recheck_hours.values())]
        )
        progress.save(update_fields=change_feed.READ_FIELDS)
    return is_more or bool(later) or len(rechecks) >= most


def recompute(hours: Sequence[TimeSpan]) -> int:
    """Count these hours and sum their days; returns how many rows changed. Needs the progress lock."""
    changed = _apply_differences(find_differences(Unit.HOUR, hours))
    return changed + _apply_differences(find_differences(Unit.DAY, hour_spans.days_containing(hours)))


def _apply_differences(found: list[CountDifference]) -> int:
    obsolete = [difference.row.pk for difference in found if difference.is_gone]
    changed = [difference.row for difference in found if not difference.is_gone]
    for start in range(0, len(obsolete), BATCH_SIZE):
        Rollup.objects.filter(pk__in=obsolete[start : start + BATCH_SIZE]).delete()
    if changed:
        Rollup.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["unit", *KEY_COLUMNS],
            update_fields=list(COUNTS),
            batch_size=BATCH_SIZE,
        )
    return len(found)


# --- rebuild ---------------------------------------------------------------------------------------------


def has_zone_changed() -> bool:
    """Whether the portal's time zone was changed since the hours were counted."""
    zones = RollupProgress.objects.filter(pk=RollupProgress.ONLY, built_at__isnull=False)
    return zones.exclude(zone=settings.TIME_ZONE).exists()


def rebuild() -> int | None:
    """Compare all rows with the calls and repair them; returns how many differed, None if one is already running.

    Starts with the latest days. No lock is held while the calls are read. Hours that seem to differ are then counted
    again under the lock. The next refresh reads the changes that arrive meanwhile.
    """
    return change_feed.run_exclusively(RollupProgress, _rebuild)


def _rebuild(progress_rows: QuerySet[RollupProgress], now: dt.datetime) -> int:
    was_built = progress_rows.filter(built_at__isnull=False, zone=settings.TIME_ZONE).exists()
    newest = change_feed.newest_ids()
    repaired = 0
    for chunk in _iterate_chunks():
        hours = chunk
        if was_built:
            hours = _find_differing_hours(chunk)
            while hours and refresh():
                pass  # changes that arrived while the calls were read do not count as repaired
        for start in range(0, len(hours), HOURS_AT_ONCE):
            with transaction.atomic():
                progress_rows.select_for_update().get()
                repaired += recompute(hours[start : start + HOURS_AT_ONCE])
    with transaction.atomic():
        progress = progress_rows.select_for_update().get()
        if not was_built:
            change_feed.set_cursor(progress, newest)
        progress.built_at, progress.zone = now, settings.TIME_ZONE
        progress.repaired += repaired if was_built else 0
        progress.save(update_fields=["push_id", "call_id", "gaps", "built_at", "zone", "repaired"])
    return repaired


def _find_differing_hours(chunk: Sequence[TimeSpan]) -> list[TimeSpan]:
    """The hours of the chunk that differ from the calls, and all hours of days that differ from their hours."""
    starts = {hour_spans.hour_start(found.row.starts_at) for found in find_differences(Unit.HOUR, chunk)}
    days = {
        hour_spans.day_start(found.row.starts_at)
        for found in find_differences(Unit.DAY, hour_spans.days_containing(chunk))
    }
    starts |= {hour.first for hour in chunk if hour_spans.day_start(hour.first) in days}
    return hour_spans.hours_starting_at(starts)


def _iterate_chunks() -> Iterator[list[TimeSpan]]:
    """All hours with calls or rows, CHUNK_DAYS days at a time, latest first. Longer gaps are skipped."""
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
        end = min(edge, hour_spans.midnight_after(hour_spans.day_start(max(ends)), 1))
        edge = hour_spans.midnight_after(end, -CHUNK_DAYS)
        yield list(hour_spans.hours_between(edge, end))[::-1]
