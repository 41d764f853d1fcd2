"""Celery tasks that send mails. Task names stay those of earlier releases, because messages outlive an upgrade."""

from celery import shared_task

from calllogs.notifications import outbox
from ivrportal.common.celery_publish import publish


def enqueue_mails() -> None:
    """Send waiting mails now. Without a broker, the next periodic run sends them."""
    publish(send_mails)


@shared_task(name="calllogs.tasks.send_mails", soft_time_limit=50, time_limit=55)
def send_mails() -> None:
    """Runs every few seconds and on request. The time limit ends before `outbox.LEASE` of the last mail."""
    outbox.send_due(budget_s=30)
