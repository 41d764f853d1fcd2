"""`rebuild_rollups`: compares the counts of all hours with all calls, and mends what differs."""

from typing import Any

from django.core.management.base import BaseCommand

from calllogs.statistics import refresh


class Command(BaseCommand):
    help = "Counts all calls of all hours anew. Any number of times; the portal may run meanwhile."

    def handle(self, *args: Any, **options: Any) -> None:
        mended = refresh.rebuild()
        while refresh.refresh():
            pass
        if options["verbosity"]:
            self.stdout.write("Somebody else is at it." if mended is None else f"{mended} rows were mended.")
