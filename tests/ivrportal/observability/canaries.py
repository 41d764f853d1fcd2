"""Run as a script with canaries in the environment: plants them into every sink of a process of the portal.

`application` is the web server's part of it: `/readyz` fails inside Django, anything else before Django.
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


class Untold:
    """What `%s` and `extra` are given when somebody logs an object."""

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


health.measures = SimpleNamespace(spool=fails, readiness=dict)


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
    logger.warning("an object %s", Untold(), extra={"object": Untold()})
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
