"""Index of the Celery tasks of this app, and the periodic ones. Celery looks for tasks in this module.

Each task may be lost or run twice without harm.
"""

import time

from celery import shared_task
from django.db import DatabaseError

from calllogs.alarms import service
from calllogs.callbacks import hourly_counts, refresh
from calllogs.exports import jobs
from calllogs.exports import tasks as exports_tasks  # noqa: F401
from calllogs.intake import replay
from calllogs.notifications import outbox
from calllogs.notifications import tasks as notifications_tasks  # noqa: F401
from calllogs.privacy import retention
from calllogs.privacy import tasks as privacy_tasks  # noqa: F401
from calllogs.recordings import archive, cache, playback
from calllogs.scheduled_reports import generate
from calllogs.statistics import refresh as statistics_refresh

REFRESH_S = 5.0


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
    refresh.mark_old()
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
    service.evaluate_all()
    outbox.send_due(budget_s=10)


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
