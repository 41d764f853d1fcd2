"""`erase_caller`: remove a person's number from every table and file."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from calllogs.privacy import erasure_jobs, late_pushes
from calllogs.privacy.erasure_requests import ErasureRefused, request_erasure


class Command(BaseCommand):
    help = (
        "Removes a person's number from every table and file: calls stay as calls of nobody, with their recordings,"
        " pushes, notes and exports gone. Cut short, it goes on when it is run again, or with the next sweep."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", help="in any spelling, e.g. 9812345678")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            erasure, _ = request_erasure(options["number"])
        except ErasureRefused as reason:
            raise CommandError(str(reason)) from None
        is_done = erasure_jobs.run(erasure.pk)
        erasure.refresh_from_db()
        while late_pushes.process_late_pushes():
            pass
        if not is_done and erasure.is_under_way:
            raise CommandError(
                "It is hidden, but not all of it is erased yet: another process is at it, or the storage of recordings"
                " does not answer. It goes on by itself; run this again to see."
            )
        counts = ", ".join(f"{count} {what}" for what, count in sorted(erasure.counts.items()) if count)
        self.stdout.write(f"Erased: {counts or 'nothing was there'}")
