"""How long a save takes if the broker does not work."""

import socket
import subprocess
import sys

from django.conf import settings

# In a separate process, because Celery's late loading and its changed settings would affect other tests.
_FIRST_PUBLISHES = """
import os, time, django
django.setup()
from ivrportal.celery import prepare_to_publish
from calllogs.exports.tasks import enqueue_export
from calllogs.notifications.tasks import enqueue_mails
from settings_sync.delivery.tasks import enqueue
prepare_to_publish()
began = time.monotonic()
enqueue([1, 2, 3])
first, began = time.monotonic() - began, time.monotonic()
enqueue([4, 5, 6])
enqueue_export(1)
enqueue_mails()
print(first, time.monotonic() - began)
"""


def test_a_stalled_broker_costs_a_save_a_moment_once_and_then_nothing(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as stalled:  # accepts connections and never replies
        environment = {
            "PORTAL_MODE": "demo",
            "VAR_DIR": str(tmp_path),
            "REDIS_URL": f"redis://127.0.0.1:{stalled.getsockname()[1]}/0",
            "DJANGO_SETTINGS_MODULE": "ivrportal.settings",
        }
        done = subprocess.run(
            [sys.executable, "-c", _FIRST_PUBLISHES],
            cwd=settings.BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    first, second = map(float, done.stdout.split())
    assert 0.2 < first < 0.9  # one wait of a quarter of a second, not two, and not the workers' half a second
    assert second < 0.1
