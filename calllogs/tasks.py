"""What beat asks for: the spool drained, the old deleted, exports written. All can be lost, doubled or late."""

import logging

from celery import shared_task
from django.db import DatabaseError

from calllogs import replay, retention
from calllogs.exports import jobs

logger = logging.getLogger(__name__)

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


def nudge_export(export_id: int) -> None:
    """Publish a message; a broker that does not answer costs half a second."""
    try:
        write_export.apply_async(kwargs={"export_id": export_id}, retry=False, ignore_result=True)
    except Exception as error:  # whatever the transport raises: the sweep writes it
        logger.warning("the broker takes no message (%s); the sweep writes the export", type(error).__name__)
