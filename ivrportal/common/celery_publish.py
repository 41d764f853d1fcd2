"""Publish Celery messages without ever waiting long for a broker that does not answer."""

import logging
import time
from typing import Any

logger = logging.getLogger(__name__)


# After a failed publish this process leaves the broker alone for a while: every save would pay for the wait.
REST_AFTER_FAILURE_S = 30.0


_resting_until = 0.0


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
