"""The Celery application. Its messages may be lost without harm, because due work is found in the database."""

import logging.config
import os

import kombu.transport
from celery import Celery
from celery.signals import setup_logging

from ivrportal.observability import task_signals  # noqa: F401  (connects its signal receivers)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")

app = Celery("ivrportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _use_our_logging(**_: object) -> None:
    """Replaces Celery's logging set-up, which prints task arguments and exceptions unredacted."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


PUBLISH_S = 0.25  # a user waits for it after a save


def prepare_to_publish() -> None:
    """Prepare a web process: load now what Celery loads at the first publish, and shorten the broker's timeouts.

    Otherwise the first save would wait for the loading, and any save would wait for a stalled broker.
    """
    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options,
        "socket_timeout": PUBLISH_S,
        "socket_connect_timeout": PUBLISH_S,
    }
    kombu.transport.resolve_transport(app.connection_for_write().transport_cls)
    _ = app.amqp.queues, app.backend  # lazy properties
