"""What beat asks for: spool drained, old deleted, exports written, the erased forgotten, desk level, alarms and mails.

Any may be lost or doubled.
"""

import time

from celery import shared_task
from django.db import DatabaseError

from calllogs.alarms import service
from calllogs.callbacks import hourly_counts, refresh
from calllogs.exports import jobs
from calllogs.intake import replay
from calllogs.notifications import outbox
from calllogs.privacy import erasure_jobs as erasures
from calllogs.privacy import late_pushes as erased_watch
from calllogs.privacy import retention
from calllogs.recordings import archive, cache, playback
from calllogs.scheduled_reports import generate
from calllogs.statistics import refresh as statistics_refresh
from settings_sync.tasks import publish

REFRESH_S = 5.0
# An export of millions of calls takes minutes; it is watched by its lease, not by the clock of tasks.
EXPORT_LIMIT_S = 4 * 3600


@shared_task
def drain_spool() -> None:
    if replay.spool().depth().records == 0:
        return
    try:
        replay.drain()
    except DatabaseError:
        return  # still silent: the pushes stay where they are, and beat asks again


@shared_task
def delete_old() -> None:
    retention.delete_old(budget_s=8)
    jobs.clean_up()


@shared_task(soft_time_limit=EXPORT_LIMIT_S, time_limit=EXPORT_LIMIT_S + 60)
def write_export(*, export_id: int) -> None:
    jobs.run(export_id)


@shared_task(soft_time_limit=EXPORT_LIMIT_S, time_limit=EXPORT_LIMIT_S + 60)
def write_due_exports() -> None:
    jobs.run_due()


@shared_task(soft_time_limit=EXPORT_LIMIT_S, time_limit=EXPORT_LIMIT_S + 60)
def erase(*, erasure_id: int) -> None:
    erasures.run(erasure_id)


@shared_task(soft_time_limit=50, time_limit=55)
def go_on_erasing() -> None:
    """Every few seconds: what waits or was abandoned, and what came since about the erased."""
    until = time.monotonic() + REFRESH_S
    while erased_watch.look() and time.monotonic() < until:
        pass
    erasures.run_due(budget_s=20)


def nudge_erasure(erasure_id: int) -> None:
    """Have it gone on with at once; without a broker the sweep does."""
    publish(erase, erasure_id=erasure_id)


def nudge_export(export_id: int) -> None:
    """Have it written at once; without a broker the sweep writes it."""
    publish(write_export, export_id=export_id)


def nudge_mails() -> None:
    """Have what waits sent at once; without a broker the next look does."""
    publish(send_mails)


@shared_task(soft_time_limit=100, time_limit=120)
def keep_recordings() -> None:
    """Make copies of recordings before the provider's links die, and delete those whose time is over."""
    now = time.monotonic()
    if archive.is_on():
        archive.find_new(until=now + 3)
        # The last fetch begins within the budget: all of it together ends before beat asks again.
        archive.fetch_due(until=now + 30, limits=lambda: playback.limits(deadline_s=25))
    archive.delete_old(until=time.monotonic() + 5)
    cache.prune()


@shared_task(soft_time_limit=900, time_limit=960)
def refresh_missed() -> None:
    """Every few seconds: what came since, for at most REFRESH_S. The first time, everything."""
    pending = refresh.pending()
    if pending and pending.is_new:
        refresh.rebuild()
    until = time.monotonic() + REFRESH_S
    is_more = refresh.refresh()
    while is_more and time.monotonic() < until:
        is_more = refresh.refresh()
    refresh.age()
    if not is_more:
        hourly_counts.keep()


@shared_task(soft_time_limit=900, time_limit=960)
def rebuild_missed() -> None:
    """Every night: nothing should differ; what does is mended, and counted."""
    refresh.rebuild()


@shared_task(soft_time_limit=50, time_limit=55)
def watch() -> None:
    """Every minute: is a report due, is anything the matter? Whoever is to know is told at once."""
    generate.due()
    service.look()
    outbox.send_due(budget_s=10)


@shared_task(soft_time_limit=50, time_limit=55)
def send_mails() -> None:
    """Every few seconds, and when somebody waits for it. Ends before the lease of its last letter does."""
    outbox.send_due(budget_s=30)


@shared_task(soft_time_limit=900, time_limit=960)
def refresh_rollups() -> None:
    """Every few seconds: the hours of what came since, for at most REFRESH_S. The first time, all hours."""
    pending = statistics_refresh.pending()
    if (pending and pending.is_new) or statistics_refresh.is_of_another_zone():
        statistics_refresh.rebuild()
    until = time.monotonic() + REFRESH_S
    while statistics_refresh.refresh() and time.monotonic() < until:
        pass


@shared_task(soft_time_limit=900, time_limit=960)
def rebuild_rollups() -> None:
    """Every night: nothing should differ; what does is mended, and counted."""
    statistics_refresh.rebuild()
