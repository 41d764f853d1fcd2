"""`drain_spool`: store the pushes that were spooled while the database did not answer."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from calllogs.intake.replay import drain, get_spool


class Command(BaseCommand):
    help = "Stores the pushes that wait in the spool. Safe to run at any time, and any number of times."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            drained = drain()
        except DatabaseError as error:
            waiting = get_spool().depth().records
            raise CommandError(
                f"The database does not answer ({type(error).__name__}). {waiting} pushes wait on disk;"
                " nothing is lost. Run this again when the database is back."
            ) from error
        except OSError as error:
            raise CommandError(
                f"A file of the spool could not be read or set aside ({error.strerror}); it stays where it is."
            ) from error
        self.stdout.write(f"{drained.handled} drained, {drained.set_aside} damaged and set aside")
