"""The Celery application. Its messages are nudges that may be lost: the truth is in the database."""

import logging.config
import os

import kombu.transport
from celery import Celery
from celery.signals import setup_logging

from ivrportal.observability import task_signals  # noqa: F401  (hears when a task begins and ends)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")

app = Celery("ivrportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _use_our_logging(**_: object) -> None:
    """Celery's own set-up prints task arguments and exceptions unredacted; ours replaces it."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


PUBLISH_S = 0.25  # a person waits for it, after a save


def prepare_to_publish() -> None:
    """For a web process: its first message must not cost a person's save what Celery loads late, and a broker that is
    stalled must cost no save more than a quarter of a second."""
    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options,
        "socket_timeout": PUBLISH_S,
        "socket_connect_timeout": PUBLISH_S,
    }
    kombu.transport.resolve_transport(app.connection_for_write().transport_cls)
    _ = app.amqp.queues, app.backend  # loaded when they are first asked for
