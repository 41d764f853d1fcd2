"""The Celery application. Its messages are nudges that may be lost: the truth is in the database."""

import logging.config
import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")

app = Celery("ivrportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _use_our_logging(**_: object) -> None:
    """Celery's own set-up prints task arguments and exceptions unredacted; ours replaces it."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
