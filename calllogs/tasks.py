"""What beat asks for: the spool drained, the old deleted. Both can be lost, doubled or late without harm."""

from celery import shared_task
from django.db import DatabaseError

from calllogs import replay, retention


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
