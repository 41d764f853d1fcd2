"""`sync_run` with exports and erasures: extends the command of settings_sync, which delivers settings only."""

import threading
from typing import Any

from django.db import DatabaseError, connection

from calllogs.exports import jobs
from calllogs.privacy import erasure_jobs as erasures
from settings_sync.management.commands import sync_run

ERASING_S = 60


class Command(sync_run.Command):
    help = (
        "Delivers settings, writes exports and goes on with erasures that are due, straight from the database,"
        " without Redis."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._writing: threading.Thread | None = None

    def run_other_jobs(self, *, until_done: bool) -> None:
        """Runs due exports and erasures. In the loop they run in a thread, because they may take minutes."""
        if until_done:
            jobs.run_due(min_age_s=0)
            erasures.run_due(budget_s=ERASING_S)
        elif (self._writing is None or not self._writing.is_alive()) and (
            jobs.has_due() or erasures.has_due()
        ):
            self._writing = threading.Thread(target=_run_due_jobs, name="exports and erasures", daemon=True)
            self._writing.start()


def _run_due_jobs() -> None:
    try:
        erasures.run_due(budget_s=ERASING_S)
        jobs.run_due()
    except DatabaseError:
        return  # the loop hits the same error and logs it
    finally:
        connection.close()
