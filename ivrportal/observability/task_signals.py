"""Adds a Celery task's name and id to its log lines, and its outcome and duration to the metrics.

Celery reports the start and end of a task by signals only; a task killed at its hard time limit sends no end signal.
"""

import time
from contextvars import ContextVar
from typing import Any

from celery.signals import task_postrun, task_prerun
from structlog.contextvars import bind_contextvars, unbind_contextvars

from ivrportal.common import metrics
from ivrportal.common.ids import to_letters

_started_at: ContextVar[float] = ContextVar("_began")


@task_prerun.connect
def _on_task_start(*, task_id: str, task: Any, **_: Any) -> None:
    bind_contextvars(task=task.name, task_id=to_letters(task_id))
    _started_at.set(time.perf_counter())


@task_postrun.connect
def _on_task_end(*, task: Any, state: str | None, **_: Any) -> None:
    took_s = time.perf_counter() - _started_at.get(time.perf_counter())
    unbind_contextvars("task", "task_id")
    metrics.observe("ivrportal_task_seconds", took_s, task.name)
    metrics.count("ivrportal_tasks", task.name, (state or "unknown").lower())
