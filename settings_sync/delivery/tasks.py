"""The Celery task that delivers settings. A message may be lost, duplicated or late without harm."""

from collections.abc import Sequence

from celery import shared_task

from ivrportal.common.celery_publish import publish
from settings_sync.delivery import worker

# A task starts no request after this many seconds, so that the last one ends before the soft time limit.
BUDGET_S = 3.0


@shared_task(name="settings_sync.tasks.deliver")
def deliver(*, setting_id: int | None = None) -> None:
    """Deliver that setting first, then whatever else is due."""
    if worker.deliver_due(prefer=setting_id, budget_s=BUDGET_S):
        enqueue([None])


def enqueue(setting_ids: Sequence[int | None]) -> None:
    """Publish a message for each id; stop at the first that the broker does not accept."""
    for setting_id in setting_ids:
        if not publish(deliver, setting_id=setting_id):
            return
