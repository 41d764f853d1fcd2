"""Exports that are sent while they are generated. The record shows how each one ended."""

import logging
from collections.abc import Generator

from django.utils import timezone
from django.utils.translation import gettext as _

from calllogs.exports import csv_format
from calllogs.exports.jobs import error_message_for
from calllogs.exports.metadata import RowCounter
from calllogs.exports.render import chunks
from calllogs.exports.snapshot import Snapshot
from calllogs.models import Export

logger = logging.getLogger(__name__)

Chunks = Generator[bytes, None, None]


def stream_recorded(export: Export, snapshot: Snapshot) -> Chunks:
    """Yields the file and closes the snapshot. If closed early, even before the first chunk, it records STOPPED."""
    stream = _record_while_streaming(export, snapshot)
    next(stream)
    return stream


def stream_to_browser(export: Export, snapshot: Snapshot) -> Chunks:
    """The same for a response. If a CSV fails, its last line says so; an incomplete workbook does not open anyway.

    Without that line an incomplete CSV would look complete, because the server ends the response normally.
    """
    stream = _append_failure_line(export, stream_recorded(export, snapshot))
    next(stream)
    return stream


def _record_while_streaming(export: Export, snapshot: Snapshot) -> Chunks:
    counter = RowCounter()
    end: dict[str, str] = {"state": Export.State.STOPPED}
    try:
        yield b""  # once started, the `finally` below also runs on close()
        for chunk in chunks(export, snapshot, counter):
            if chunk:
                yield chunk
        end = {"state": Export.State.DONE}
    except Exception as error:
        end = {"state": Export.State.FAILED, "error": error_message_for(error)}
        raise
    finally:
        snapshot.close()
        Export.objects.filter(pk=export.pk).update(rows=counter.rows, ended_at=timezone.now(), **end)


def _append_failure_line(export: Export, source: Chunks) -> Chunks:
    try:
        yield b""
        yield from source
    except Exception as error:
        # Only the type: the message may contain a filter with a telephone number.
        logger.error("export %d failed: %s", export.pk, type(error).__name__)
        if export.file_format == Export.Format.CSV:
            yield csv_format.message_row(
                _("THIS EXPORT IS NOT COMPLETE: it had to stop here. Ask for it again.")
            )
    finally:
        source.close()
