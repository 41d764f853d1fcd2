"""The nudges. A message says "look at that row" and may be lost, doubled or late without harm."""

import logging
import time
from collections.abc import Sequence
from typing import Any

from celery import shared_task

from settings_sync import scheduler
from settings_sync.delivery import reconcile as reconcile_module
from settings_sync.delivery import worker

logger = logging.getLogger(__name__)

# A task starts no request after this, so that the last one still ends before the soft limit.
BUDGET_S = 3.0
# After a failed publish this process leaves the broker alone for a while: every save would pay for the wait.
REST_AFTER_FAILURE_S = 30.0
_resting_until = 0.0


@shared_task
def deliver(*, setting_id: int | None = None) -> None:
    """Deliver that setting, and whatever else is due while we are at it."""
    if worker.run(prefer=setting_id, budget_s=BUDGET_S):
        nudge([None])


@shared_task
def sweep() -> None:
    """What time changed by itself, and what nudges left behind."""
    scheduler.turn()
    deliver()


@shared_task
def reconcile() -> None:
    """What bypassed the intents: compared, mended, counted."""
    if repaired := reconcile_module.repair():
        logger.warning("%d settings had been changed without an intent; mended", len(repaired))
        nudge([None])
    reconcile_module.forget_retired()


def nudge(setting_ids: Sequence[int | None]) -> None:
    """Publish a message for each id, as long as the broker takes them."""
    for setting_id in setting_ids:
        if not publish(deliver, setting_id=setting_id):
            return


def publish(task: Any, **kwargs: Any) -> bool:
    """Publish one message, of whatever room; whether the broker took it.

    One that does not answer costs this process a moment once, then nothing for a while: a sweep does the work.
    """
    global _resting_until
    if time.monotonic() < _resting_until:
        return False
    try:
        task.apply_async(kwargs=kwargs, retry=False, ignore_result=True)
    except Exception as error:  # whatever the transport raises
        _resting_until = time.monotonic() + REST_AFTER_FAILURE_S
        logger.warning("the broker takes no message (%s); the sweep delivers", type(error).__name__)
        return False
    return True
