"""Index of this app's Celery tasks, and the periodic tasks. Celery's autodiscovery imports this module.

Every task may be lost or run twice without harm.
"""

import time

from celery import shared_task
from django.db import DatabaseError

from calllogs.alarms import service
from calllogs.callbacks import refresh, waiting_history
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
    if replay.get_spool().depth().records == 0:
        return
    try:
        replay.drain()
    except DatabaseError:
        return  # the database still does not answer; the pushes stay in the spool until the next run


@shared_task
def delete_old() -> None:
    retention.delete_old(budget_s=8)
    jobs.clean_up()


@shared_task(soft_time_limit=100, time_limit=120)
def keep_recordings() -> None:
    """Copy recordings before the provider's links expire, and delete copies past their retention."""
    now = time.monotonic()
    if archive.is_enabled():
        archive.find_new(until=now + 3)
        # The last fetch starts within the budget, so the task ends before its next run.
        archive.fetch_due(until=now + 30, limits=lambda: playback.fetch_limits(deadline_s=25))
    archive.delete_old(until=time.monotonic() + 5)
    cache.prune()


@shared_task(soft_time_limit=900, time_limit=960)
def refresh_missed() -> None:
    """Every few seconds: process new changes for about REFRESH_S. The first run rebuilds everything."""
    pending = refresh.load_pending()
    if pending and pending.is_new:
        refresh.rebuild()
    until = time.monotonic() + REFRESH_S
    has_more = refresh.refresh()
    while has_more and time.monotonic() < until:
        has_more = refresh.refresh()
    refresh.mark_old()
    if not has_more:
        waiting_history.record_hour()


@shared_task(soft_time_limit=900, time_limit=960)
def rebuild_missed() -> None:
    """Every night: compare with all calls; differences are unexpected, and are repaired and counted."""
    refresh.rebuild()


@shared_task(name="calllogs.tasks.watch", soft_time_limit=50, time_limit=55)
def evaluate_alarms_and_reports() -> None:
    """Every minute: start due reports, evaluate alarms, and send the resulting mails."""
    generate.generate_due()
    service.evaluate_all()
    outbox.send_due(budget_s=10)


@shared_task(soft_time_limit=900, time_limit=960)
def refresh_rollups() -> None:
    """Every few seconds: recount the hours of new changes for about REFRESH_S. The first run counts all hours."""
    pending = statistics_refresh.load_pending()
    if (pending and pending.is_new) or statistics_refresh.has_zone_changed():
        statistics_refresh.rebuild()
    until = time.monotonic() + REFRESH_S
    while statistics_refresh.refresh() and time.monotonic() < until:
        pass


@shared_task(soft_time_limit=900, time_limit=960)
def rebuild_rollups() -> None:
    """Every night: compare with all calls; differences are unexpected, and are repaired and counted."""
    statistics_refresh.rebuild()
