"""Celery tasks that send mails. Their names are those of earlier releases: messages outlive an upgrade."""

from celery import shared_task

from calllogs.notifications import outbox
from ivrportal.common.celery_publish import publish


def enqueue_mails() -> None:
    """Have what waits sent at once; without a broker the next look does."""
    publish(send_mails)


@shared_task(name="calllogs.tasks.send_mails", soft_time_limit=50, time_limit=55)
def send_mails() -> None:
    """Every few seconds, and when somebody waits for it. Ends before the lease of its last letter does."""
    outbox.send_due(budget_s=30)
