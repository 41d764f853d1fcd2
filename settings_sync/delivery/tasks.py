"""The delivery task and its enqueuing. A message may be lost, doubled or late without harm."""

from collections.abc import Sequence

from celery import shared_task

from ivrportal.common.celery_publish import publish
from settings_sync.delivery import worker

# A task starts no request after this, so that the last one still ends before the soft limit.
BUDGET_S = 3.0


@shared_task(name="settings_sync.tasks.deliver")
def deliver(*, setting_id: int | None = None) -> None:
    """Deliver that setting, and whatever else is due while we are at it."""
    if worker.run(prefer=setting_id, budget_s=BUDGET_S):
        enqueue([None])


def enqueue(setting_ids: Sequence[int | None]) -> None:
    """Publish a message for each id, as long as the broker takes them."""
    for setting_id in setting_ids:
        if not publish(deliver, setting_id=setting_id):
            return
