"""`python -m tests.faults.soak_users begin|save|settled …`: the users of the soak run, in the portal's environment.

begin SEED                   creates the records
save SEED COUNT SECONDS      saves COUNT times within SECONDS, and requests exports
settled WITHIN_S             waits until all is settled and prints the outcome as JSON
"""

import json
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")
django.setup()

# Imported after django.setup(), which loads the apps.
from django.conf import settings  # noqa: E402
from django.db import Error, close_old_connections, connections  # noqa: E402

from calllogs.models import Export  # noqa: E402
from tests.faults import settings_processes, settings_savers  # noqa: E402
from tests.faults.settings_plan import RunPlan  # noqa: E402

EXPORT_EVERY_S = 6.0


def save_and_export(seed: str, count: int, seconds: float) -> None:
    over = threading.Event()
    exporting = threading.Thread(target=request_exports, args=(over,), daemon=True)
    exporting.start()
    settings_savers.save_in_bursts(seed, count, seconds)
    over.set()
    exporting.join(30)


def request_exports(over: threading.Event) -> None:
    """Request an export of all calls every few seconds, alternating CSV and XLSX."""
    number = 0
    while not over.wait(EXPORT_EVERY_S):
        number += 1
        file_format = ("csv", "xlsx")[number % 2]
        with suppress(Error):
            Export.objects.create(
                who=f"{os.getpid()}",
                file_format=file_format,
                way=Export.Way.JOB,
                zone="Asia/Kolkata",
                words="All calls",
                state=Export.State.WAITING,
                scope=f"{os.getpid()} {number}",
            )
        close_old_connections()
    connections.close_all()


def report_settled(within_s: float) -> None:
    took_s = settings_processes.wait_until_settled(
        RunPlan(seed=0, saves=0, seconds=0, settle_within_s=within_s)
    )
    until = time.monotonic() + within_s
    while Export.objects.under_way().exists() and time.monotonic() < until:
        time.sleep(0.2)
    seen = Path(settings.VAR_DIR) / "seen"
    seen.touch()
    exports = list(Export.objects.values("id", "state", "rows", "file", "file_format", "error"))
    print(json.dumps(settings_processes.collect_outcome(seen) | {"settled_s": took_s, "exports": exports}))


if __name__ == "__main__":
    act, *arguments = sys.argv[1:]
    match act:
        case "begin":
            settings_savers.create_records(int(arguments[0]))
        case "save":
            save_and_export(arguments[0], int(arguments[1]), float(arguments[2]))
        case "settled":
            report_settled(float(arguments[0]))
