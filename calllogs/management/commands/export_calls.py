"""`export_calls`: the same rows and columns as the screen's export, to a file or standard output."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from calllogs.calls import filters
from calllogs.exports.requests import ExportRequest
from calllogs.exports.snapshot import Snapshot
from calllogs.exports.streaming import recorded
from calllogs.models import Export


class Command(BaseCommand):
    help = "Exports calls. Dates are inclusive, in the portal's zone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=Export.Format.values, default=Export.Format.CSV.value)
        parser.add_argument("--from", dest="first", metavar="D", help="first day, e.g. 2026-11-01")
        parser.add_argument("--to", dest="last", metavar="D", help="last day, inclusive")
        parser.add_argument("--status", metavar="S", help="ANSWERED, MISSED, DROPPED or OTHER")
        parser.add_argument("--agent", metavar="N", help="the agent's number")
        parser.add_argument("--department", metavar="D")
        parser.add_argument("--number", metavar="N", help="the caller's number")
        parser.add_argument("--output", metavar="FILE", default="-", help="a file, or - for standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        asked = ExportRequest(None, _filter(options), options["format"])
        record = asked.record(Export.Way.COMMAND, Export.State.RUNNING)
        snapshot = Snapshot(ZoneInfo(settings.PORTAL_TIME_ZONE))
        with closing(recorded(record, snapshot)) as pieces:
            if options["output"] == "-":
                self._print(pieces)
            else:
                _save(pieces, Path(options["output"]))

    def _print(self, pieces: Iterator[bytes]) -> None:
        # Bytes where standard output has them, so that no terminal's line endings or encoding interfere.
        out = getattr(self.stdout, "_out", sys.stdout)
        binary = getattr(out, "buffer", None)
        try:
            for piece in pieces:
                if binary is None:
                    out.write(piece.decode("utf-8"))
                else:
                    binary.write(piece)
            (binary or out).flush()
        except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _save(pieces: Iterator[bytes], target: Path) -> None:
    """Written beside and renamed at the end: nobody ever opens half an export."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            file.writelines(pieces)
        unfinished.replace(target)
    except OSError as error:
        raise CommandError(f"Cannot write {target}: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _filter(options: dict[str, Any]) -> filters.CallFilter:
    """As the list's address says it. What is not understood is told, and nothing is exported."""
    names = {"first": "from", "last": "to", "status": "status", "agent": "agent", "department": "department"}
    given = {name: [options[option]] for option, name in {**names, "number": "q"}.items() if options[option]}
    given["status"] = [status.upper() for status in given.get("status", [])]
    wanted = filters.from_query(given)
    if wanted.problems:
        raise CommandError(" ".join(wanted.problems))
    return wanted
