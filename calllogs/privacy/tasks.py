"""Celery tasks that erase callers. Their names are those of earlier releases: messages outlive an upgrade."""

import time

from celery import shared_task

from calllogs.privacy import erasure_jobs as erasures
from calllogs.privacy import late_pushes as erased_watch
from ivrportal.common.celery_publish import publish

# An erasure among millions of calls takes minutes; its lease, not the task's clock, ends an abandoned one.
ERASURE_LIMIT_S = 4 * 3600
LATE_PUSHES_S = 5.0


@shared_task(name="calllogs.tasks.erase", soft_time_limit=ERASURE_LIMIT_S, time_limit=ERASURE_LIMIT_S + 60)
def erase(*, erasure_id: int) -> None:
    erasures.run(erasure_id)


@shared_task(name="calllogs.tasks.go_on_erasing", soft_time_limit=50, time_limit=55)
def go_on_erasing() -> None:
    """Every few seconds: what waits or was abandoned, and what came since about the erased."""
    until = time.monotonic() + LATE_PUSHES_S
    while erased_watch.process_late_pushes() and time.monotonic() < until:
        pass
    erasures.run_due(budget_s=20)


def enqueue_erasure(erasure_id: int) -> None:
    """Have it gone on with at once; without a broker the sweep does."""
    publish(erase, erasure_id=erasure_id)
