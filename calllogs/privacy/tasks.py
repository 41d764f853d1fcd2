"""Celery tasks that erase callers. Task names must not change: queued messages survive an upgrade."""

import time

from celery import shared_task

from calllogs.privacy import erasure_jobs, late_pushes
from ivrportal.common.celery_publish import publish

# An erasure among millions of calls takes minutes. Its lease detects a dead worker, not the task time limit.
ERASURE_LIMIT_S = 4 * 3600
LATE_PUSHES_BUDGET_S = 5.0


@shared_task(name="calllogs.tasks.erase", soft_time_limit=ERASURE_LIMIT_S, time_limit=ERASURE_LIMIT_S + 60)
def erase(*, erasure_id: int) -> None:
    erasure_jobs.run(erasure_id)


@shared_task(name="calllogs.tasks.go_on_erasing", soft_time_limit=50, time_limit=55)
def continue_erasures() -> None:
    """Runs every few seconds: processes late pushes, and continues waiting and abandoned erasures."""
    until = time.monotonic() + LATE_PUSHES_BUDGET_S
    while late_pushes.process_late_pushes() and time.monotonic() < until:
        pass
    erasure_jobs.run_due(budget_s=20)


def enqueue_erasure(erasure_id: int) -> None:
    """Continues the erasure now; without a broker the sweep does."""
    publish(erase, erasure_id=erasure_id)
