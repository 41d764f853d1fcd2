"""`sync_run [--once|--loop]`: deliver what is due straight from the database, without Redis."""

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
        while worker.run(budget_s=60):
            pass
        self.also(to_the_end=True)
        self.stdout.write("What was due is delivered; see sync_status for what is not.")

    def also(self, *, to_the_end: bool) -> None:
        """What else waits in rows for want of a broker: the portal's command of this name does more."""

    def _loop(self) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        # Looks every second, so that a save waits no longer for want of a broker than it would for the sweep.
        pause_s = min(1.0, settings.IVR_SWEEP_S)
        reconcile_at = 0.0
        while not stop.is_set():
            try:
                if time.monotonic() >= reconcile_at:
                    reconcile.repair()
                    reconcile.forget_retired()
                    reconcile_at = time.monotonic() + RECONCILE_S
                scheduler.apply_due_changes()
                worker.run(budget_s=pause_s)
                self.also(to_the_end=False)
            except DatabaseError as error:
                self.stderr.write(f"The database does not answer ({type(error).__name__}); trying again.")
                close_old_connections()
                stop.wait(2)
            stop.wait(pause_s)
