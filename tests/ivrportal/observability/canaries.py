"""A script that writes the canaries of its environment to every output of a portal process.

`application` does so in the web server: `/readyz` fails inside Django, any other path before Django.
"""

import json
import logging
import os
import sys
import threading
import warnings
from types import SimpleNamespace

from ivrportal.wsgi import application as portal  # first: it sets Django up

# isort: split
from ivrportal.celery import app
from ivrportal.observability import health
from ivrportal.web.wsgi_adapter import wsgi_to_asgi

CANARIES = json.loads(os.environ["PLANTED"])
EVERYTHING = " ".join(CANARIES)
logger = logging.getLogger("noisy")


class LoggedObject:
    """An object that is logged by `%s` and `extra`."""

    def __repr__(self):
        return EVERYTHING


def fails():
    token = totp_secret = EVERYTHING  # noqa: F841  (for whoever shows local variables)
    raise ValueError(EVERYTHING)


pages = wsgi_to_asgi(portal, 2)


async def application(scope, receive, send):
    if scope["path"] != "/readyz":
        raise ValueError(EVERYTHING)
    await pages(scope, receive, send)


health.gauges = SimpleNamespace(spool_status=fails, readiness=dict)


@app.task
def failing(*args, **kwargs):
    fails()


def plant():
    for canary in CANARIES:
        logger.warning(canary)
        logger.warning("an argument %s, another %r", canary, {"caller": canary})
        logger.warning(
            "extra", extra={"what": canary, "nested": {"list": [canary, {canary: 1}], "set": {canary}}}
        )
    logger.warning("an object %s", LoggedObject(), extra={"object": LoggedObject()})
    logger.warning("a %d that is none", EVERYTHING)
    logger.warning(
        "names", extra={"totp_secret": "JBSWY3DPEHPK3PXP", "otp_token": 123456, "password": "hunter2222"}
    )
    logger.warning(
        "named: {'totp_secret': 'JBSWY3DPEHPK3PXP', \"password\": \"hunter2222\"} otp_token=123456"
    )
    logger.warning("Authorization: Bearer hunter2222")
    try:
        try:
            fails()
        except ValueError as error:
            raise RuntimeError(EVERYTHING) from error
    except RuntimeError:
        logger.exception("failed with %s", EVERYTHING, stack_info=True)
    warnings.warn(EVERYTHING, stacklevel=1)
    failing.apply(args=[EVERYTHING], kwargs={"number": EVERYTHING})
    thread = threading.Thread(target=fails, name=EVERYTHING)
    thread.start()
    thread.join()
    for name in (
        "django.request",
        "django.server",
        "django.security",
        "_granian",
        "celery.app.trace",
        "urllib3",
    ):
        logging.getLogger(name).error("%s", EVERYTHING, extra={"request": EVERYTHING, "data": EVERYTHING})
    sys.stderr.flush()
    fails()


if __name__ == "__main__":
    plant()
