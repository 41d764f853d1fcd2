"""`sync_run [--once|--loop]`: delivers due settings directly from the database, without Redis."""

import signal
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections

from settings_sync import scheduler
from settings_sync.delivery import reconcile, worker

RECONCILE_S = 900.0


class Command(BaseCommand):
    help = "Delivers settings that are due, straight from the database, without Redis."

    def add_arguments(self, parser: CommandParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--once", action="store_true", help="deliver what is due now, and end (the default)")
        how.add_argument("--loop", action="store_true", help="go on until stopped")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["loop"]:
            self._loop()
            return
        scheduler.apply_due_changes()
        reconcile.repair()
        while worker.deliver_due(budget_s=60):
            pass
        self.run_other_jobs(until_done=True)
        self.stdout.write("What was due is delivered; see sync_status for what is not.")

    def run_other_jobs(self, *, until_done: bool) -> None:
        """Hook for other work that waits in rows without a broker. The `sync_run` of `ivrportal` overrides it."""

    def _loop(self) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        # Runs every second, so that a save without a broker waits no longer than for a sweep.
        pause_s = min(1.0, settings.IVR_SWEEP_S)
        reconcile_at = 0.0
        while not stop.is_set():
            try:
                if time.monotonic() >= reconcile_at:
                    reconcile.repair()
                    reconcile.delete_retired_agents()
                    reconcile_at = time.monotonic() + RECONCILE_S
                scheduler.apply_due_changes()
                worker.deliver_due(budget_s=pause_s)
                self.run_other_jobs(until_done=False)
            except DatabaseError as error:
                self.stderr.write(f"The database does not answer ({type(error).__name__}); trying again.")
                close_old_connections()
                stop.wait(2)
            stop.wait(pause_s)
