"""`python -m tests.faults.soak_people begin|save|settled …`: what people do while everything goes wrong, in the
environment of the portal that it goes wrong with.

    begin SEED                   the records that are changed
    save LUCK COUNT SECONDS      so many saves, and now and then an export
    settled WITHIN_S             waits, and says as JSON what was wanted and how it stands
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

# After set-up, because these need the applications.
from django.conf import settings  # noqa: E402
from django.db import Error, close_old_connections, connections  # noqa: E402

from calllogs.models import Export  # noqa: E402
from tests.faults import settings_cast, settings_savers  # noqa: E402
from tests.faults.settings_part import Part  # noqa: E402

EXPORT_EVERY_S = 6.0


def save(luck: str, count: int, seconds: float) -> None:
    over = threading.Event()
    exporting = threading.Thread(target=export, args=(over,), daemon=True)
    exporting.start()
    settings_savers.save(luck, count, seconds)
    over.set()
    exporting.join(30)


def export(over: threading.Event) -> None:
    """Somebody asks for all calls, as CSV and as a workbook in turn."""
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


def settled(within_s: float) -> None:
    took_s = settings_cast.wait_until_settled(Part(seed=0, saves=0, seconds=0, settle_within_s=within_s))
    until = time.monotonic() + within_s
    while Export.objects.under_way().exists() and time.monotonic() < until:
        time.sleep(0.2)
    seen = Path(settings.VAR_DIR) / "seen"
    seen.touch()
    exports = list(Export.objects.values("id", "state", "rows", "file", "file_format", "error"))
    print(json.dumps(settings_cast.left_behind(seen) | {"settled_s": took_s, "exports": exports}))


if __name__ == "__main__":
    act, *arguments = sys.argv[1:]
    match act:
        case "begin":
            settings_savers.begin(int(arguments[0]))
        case "save":
            save(arguments[0], int(arguments[1]), float(arguments[2]))
        case "settled":
            settled(float(arguments[0]))
