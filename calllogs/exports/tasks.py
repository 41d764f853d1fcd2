"""Celery tasks that write exports. Task names must not change: queued messages survive an upgrade."""

from celery import shared_task

from calllogs.exports import jobs
from ivrportal.common.celery_publish import publish

# An export of millions of calls takes minutes. Its lease detects a dead worker, not the task time limit.
EXPORT_LIMIT_S = 4 * 3600


@shared_task(
    name="calllogs.tasks.write_export", soft_time_limit=EXPORT_LIMIT_S, time_limit=EXPORT_LIMIT_S + 60
)
def write_export(*, export_id: int) -> None:
    jobs.run(export_id)


@shared_task(
    name="calllogs.tasks.write_due_exports", soft_time_limit=EXPORT_LIMIT_S, time_limit=EXPORT_LIMIT_S + 60
)
def write_due_exports() -> None:
    jobs.run_due()


def enqueue_export(export_id: int) -> None:
    """Starts the export now; without a broker the sweep starts it."""
    publish(write_export, export_id=export_id)
