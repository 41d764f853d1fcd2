"""`sync_run` of the whole portal: delivers settings, and does what exports and erasures nobody has taken up."""

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

    def also(self, *, to_the_end: bool) -> None:
        """These take minutes: beside the loop a thread does it, so that no setting waits for it."""
        if to_the_end:
            jobs.run_due(patience_s=0)
            erasures.run_due(budget_s=ERASING_S)
        elif (self._writing is None or not self._writing.is_alive()) and (
            jobs.are_due() or erasures.are_due()
        ):
            self._writing = threading.Thread(target=_write, name="exports and erasures", daemon=True)
            self._writing.start()


def _write() -> None:
    try:
        erasures.run_due(budget_s=ERASING_S)
        jobs.run_due()
    except DatabaseError:
        return  # silent: the loop notices too, and begins again
    finally:
        connection.close()
