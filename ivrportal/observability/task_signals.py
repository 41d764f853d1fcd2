"""The name and id of a Celery task in all of its log lines, and its outcome and time in the metrics.

Only Celery's own signals tell when a task begins and ends; a task that is killed at its hard limit ends without one.
"""

import time
from contextvars import ContextVar
from typing import Any

from celery.signals import task_postrun, task_prerun
from structlog.contextvars import bind_contextvars, unbind_contextvars

from ivrportal.common import metrics
from ivrportal.common.ids import in_letters

_began: ContextVar[float] = ContextVar("_began")


@task_prerun.connect
def _begins(*, task_id: str, task: Any, **_: Any) -> None:
    bind_contextvars(task=task.name, task_id=in_letters(task_id))
    _began.set(time.perf_counter())


@task_postrun.connect
def _ends(*, task: Any, state: str | None, **_: Any) -> None:
    took_s = time.perf_counter() - _began.get(time.perf_counter())
    unbind_contextvars("task", "task_id")
    metrics.observe("ivrportal_task_seconds", took_s, task.name)
    metrics.count("ivrportal_tasks", task.name, (state or "unknown").lower())
