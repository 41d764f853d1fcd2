"""`rebuild_rollups`: compare the hourly counts with all calls and correct differences."""

from typing import Any

from django.core.management.base import BaseCommand

from calllogs.statistics import refresh


class Command(BaseCommand):
    help = "Counts all calls of all hours anew. Any number of times; the portal may run meanwhile."

    def handle(self, *args: Any, **options: Any) -> None:
        repaired = refresh.rebuild()
        while refresh.refresh():
            pass
        if options["verbosity"]:
            self.stdout.write(
                "Somebody else is at it." if repaired is None else f"{repaired} rows were mended."
            )
