"""Index of the Celery tasks of this app, and the two periodic ones. Celery looks for tasks in this module."""

import logging

from celery import shared_task

from settings_sync import scheduler
from settings_sync.delivery import reconcile as reconcile_module
from settings_sync.delivery.tasks import deliver, enqueue

logger = logging.getLogger(__name__)


@shared_task
def sweep() -> None:
    """Apply what has become due by the clock, then deliver what was saved but not enqueued."""
    scheduler.apply_due_changes()
    deliver()


@shared_task
def reconcile() -> None:
    """Repair settings of records that were changed without `delivery.service`, and count them."""
    if repaired := reconcile_module.repair():
        logger.warning("%d settings were changed without delivery.service; repaired", len(repaired))
        enqueue([None])
    reconcile_module.delete_retired_agents()
