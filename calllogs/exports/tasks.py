"""Celery tasks that write exports. Their names are those of earlier releases: messages outlive an upgrade."""

from celery import shared_task

from calllogs.exports import jobs
from ivrportal.common.celery_publish import publish

# An export of millions of calls takes minutes; it is watched by its lease, not by the clock of tasks.
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
    """Have it written at once; without a broker the sweep writes it."""
    publish(write_export, export_id=export_id)
