"""`export_calls`: export the same rows and columns as the screen, to a file or standard output."""

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
from calllogs.exports.streaming import stream_recorded
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
        request = ExportRequest(None, _build_filter(options), options["format"])
        record = request.record(Export.Way.COMMAND, Export.State.RUNNING)
        snapshot = Snapshot(ZoneInfo(settings.PORTAL_TIME_ZONE))
        with closing(stream_recorded(record, snapshot)) as chunks:
            if options["output"] == "-":
                self._print(chunks)
            else:
                _write_file(chunks, Path(options["output"]))

    def _print(self, chunks: Iterator[bytes]) -> None:
        # Write bytes if possible, so that neither line endings nor the encoding are changed.
        out = getattr(self.stdout, "_out", sys.stdout)
        binary = getattr(out, "buffer", None)
        try:
            for chunk in chunks:
                if binary is None:
                    out.write(chunk.decode("utf-8"))
                else:
                    binary.write(chunk)
            (binary or out).flush()
        except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write_file(chunks: Iterator[bytes], target: Path) -> None:
    """Write to a temporary file and rename it at the end, so that no incomplete export has the final name."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            file.writelines(chunks)
        unfinished.replace(target)
    except OSError as error:
        raise CommandError(f"Cannot write {target}: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _build_filter(options: dict[str, Any]) -> filters.CallFilter:
    """Build the filter from the options. Raises CommandError for invalid values."""
    names = {"first": "from", "last": "to", "status": "status", "agent": "agent", "department": "department"}
    values = {name: [options[option]] for option, name in {**names, "number": "q"}.items() if options[option]}
    values["status"] = [status.upper() for status in values.get("status", [])]
    call_filter = filters.from_query(values)
    if call_filter.problems:
        raise CommandError(" ".join(call_filter.problems))
    return call_filter
