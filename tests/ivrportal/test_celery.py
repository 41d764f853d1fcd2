"""The broker is a convenience: what a save pays when it is ill."""

import socket
import subprocess
import sys

from django.conf import settings

# In a process of its own: what Celery loads late is loaded once, and a change of its settings would stay.
_FIRST_NUDGES = """
import os, time, django
django.setup()
from ivrportal.celery import prepare_to_publish
from calllogs.tasks import nudge_export, nudge_mails
from settings_sync import tasks
prepare_to_publish()
began = time.monotonic()
tasks.nudge([1, 2, 3])
first, began = time.monotonic() - began, time.monotonic()
tasks.nudge([4, 5, 6])
nudge_export(1)
nudge_mails()
print(first, time.monotonic() - began)
"""


def test_a_stalled_broker_costs_a_save_a_moment_once_and_then_nothing(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as stalled:  # takes connections, and never says a word
        environment = {
            "PORTAL_MODE": "demo",
            "VAR_DIR": str(tmp_path),
            "REDIS_URL": f"redis://127.0.0.1:{stalled.getsockname()[1]}/0",
            "DJANGO_SETTINGS_MODULE": "ivrportal.settings",
        }
        done = subprocess.run(
            [sys.executable, "-c", _FIRST_NUDGES],
            cwd=settings.BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    first, second = map(float, done.stdout.split())
    assert 0.2 < first < 0.9  # one wait of a quarter of a second: not two, and not the half of the workers
    assert second < 0.1
