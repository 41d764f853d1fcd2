"""What beat asks for: the spool drained, the old deleted, recordings kept. All can be lost or doubled without harm."""

import time

from celery import shared_task
from django.db import DatabaseError

from calllogs import replay, retention
from calllogs.recordings import archive, cache, play


@shared_task
def drain_spool() -> None:
    if replay.spool().depth().records == 0:
        return
    try:
        replay.drain()
    except DatabaseError:
        return  # still silent: the pushes stay where they are, and beat asks again


@shared_task
def delete_old() -> None:
    retention.delete_old(budget_s=8)


@shared_task(soft_time_limit=100, time_limit=120)
def keep_recordings() -> None:
    """Make copies of recordings before the provider's links die, and delete those whose time is over."""
    now = time.monotonic()
    if archive.is_on():
        archive.find_new(until=now + 3)
        # The last fetch begins within the budget: all of it together ends before beat asks again.
        archive.fetch_due(until=now + 30, limits=lambda: play.limits(deadline_s=25))
    archive.delete_old(until=time.monotonic() + 5)
    cache.prune()
