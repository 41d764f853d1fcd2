"""Publishes Celery messages without a long wait for a broker that does not answer."""

import logging
import time
from typing import Any

logger = logging.getLogger(__name__)

# After a failed publish this process skips the broker for a while; otherwise every save would wait for it.
PAUSE_AFTER_FAILURE_S = 30.0
_paused_until = 0.0


def publish(task: Any, **kwargs: Any) -> bool:
    """Publish one message. True if the broker took it.

    Otherwise `sync_run --loop` finds the work in the database, or the sweep does once the broker is back.
    """
    global _paused_until
    if time.monotonic() < _paused_until:
        return False
    try:
        task.apply_async(kwargs=kwargs, retry=False, ignore_result=True)
    except Exception as error:  # whatever the transport raises
        _paused_until = time.monotonic() + PAUSE_AFTER_FAILURE_S
        logger.warning(
            "the broker takes no message (%s); sync_run or a later sweep delivers", type(error).__name__
        )
        return False
    return True
