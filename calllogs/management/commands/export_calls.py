"""`export_calls`: the same rows and columns as the screen's export, to a file or standard output."""

import datetime as dt
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q, QuerySet

from calllogs.exports import csv
from calllogs.models import CallLog
from settings_sync.phone import to_e164


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is not a date. Write it as 2026-11-08.") from error


class Command(BaseCommand):
    help = "Exports calls. Dates are inclusive, in the portal's zone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["csv"], default="csv")
        parser.add_argument("--from", dest="first", metavar="D", help="first day, e.g. 2026-11-01")
        parser.add_argument("--to", dest="last", metavar="D", help="last day, inclusive")
        parser.add_argument("--status", metavar="S", help="ANSWERED, MISSED, DROPPED or OTHER")
        parser.add_argument("--agent", metavar="N", help="the agent's number")
        parser.add_argument("--department", metavar="D")
        parser.add_argument("--number", metavar="N", help="the caller's number")
        parser.add_argument("--output", metavar="FILE", default="-", help="a file, or - for standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        calls = self._filtered(options)
        chunks = csv.chunks(calls, zone=ZoneInfo(settings.PORTAL_TIME_ZONE))
        if options["output"] == "-":
            self._print(chunks)
            return
        # Written beside and renamed at the end: nobody ever opens half an export.
        target = Path(options["output"])
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                file.writelines(chunks)
            unfinished.replace(target)
        except OSError as error:
            raise CommandError(f"Cannot write {target}: {error.strerror}.") from error
        finally:
            unfinished.unlink(missing_ok=True)

    def _print(self, chunks: Iterator[str]) -> None:
        # Bytes where standard output has them, so that no terminal's line endings or encoding interfere.
        out = getattr(self.stdout, "_out", sys.stdout)
        binary = getattr(out, "buffer", None)
        try:
            for chunk in chunks:
                if binary is None:
                    out.write(chunk)
                else:
                    binary.write(chunk.encode("utf-8"))
            (binary or out).flush()
        except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _filtered(self, options: dict[str, Any]) -> QuerySet[CallLog]:
        zone = ZoneInfo(settings.PORTAL_TIME_ZONE)
        first = _date(options["first"]) if options["first"] else None
        last = _date(options["last"]) if options["last"] else None
        if first and last and last < first:
            raise CommandError("--to lies before --from.")
        wanted = Q()
        if first:
            wanted &= Q(started_at__gte=dt.datetime.combine(first, dt.time.min, zone))
        if last:
            wanted &= Q(started_at__lt=dt.datetime.combine(last + dt.timedelta(days=1), dt.time.min, zone))
        if options["status"]:
            status = options["status"].upper()
            if status not in CallLog.Status.values:
                raise CommandError(f"--status is one of {', '.join(CallLog.Status.values)}.")
            wanted &= Q(status=status)
        if options["agent"]:
            wanted &= Q(agent_number=to_e164(options["agent"]) or options["agent"])
        if options["department"]:
            wanted &= Q(department=options["department"])
        if options["number"]:
            wanted &= Q(caller=to_e164(options["number"]) or options["number"])
        return CallLog.objects.filter(wanted).order_by("-started_at", "-id")
