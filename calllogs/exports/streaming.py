"""An export handed out while it is written. The record follows it to its end, whichever that is."""

import logging
from collections.abc import Generator

from django.utils import timezone
from django.utils.translation import gettext as _

from calllogs.exports import csv_format
from calllogs.exports.jobs import words_for
from calllogs.exports.metadata import Tally
from calllogs.exports.render import chunks
from calllogs.exports.snapshot import Snapshot
from calllogs.models import Export

logger = logging.getLogger(__name__)

Pieces = Generator[bytes, None, None]


def recorded(export: Export, snapshot: Snapshot) -> Pieces:
    """The file; closes the snapshot. Close it early, also before its first piece, and the record says "stopped"."""
    begun = _recorded(export, snapshot)
    next(begun)
    return begun


def sent(export: Export, snapshot: Snapshot) -> Pieces:
    """The same for a response. If it cannot go on, its last line says so; half a workbook does not open at all.

    The server ends such a response as if it were whole: half a CSV would look like a small one.
    """
    begun = _sent(export, recorded(export, snapshot))
    next(begun)
    return begun


def _recorded(export: Export, snapshot: Snapshot) -> Pieces:
    tally = Tally()
    end: dict[str, str] = {"state": Export.State.STOPPED}
    try:
        yield b""  # from here on, whoever closes this ends it well
        for piece in chunks(export, snapshot, tally):
            if piece:
                yield piece
        end = {"state": Export.State.DONE}
    except Exception as error:
        end = {"state": Export.State.FAILED, "error": words_for(error)}
        raise
    finally:
        snapshot.close()
        Export.objects.filter(pk=export.pk).update(rows=tally.rows, ended_at=timezone.now(), **end)


def _sent(export: Export, parts: Pieces) -> Pieces:
    try:
        yield b""
        yield from parts
    except Exception as error:
        # Its text may hold a filter with somebody's number.
        logger.error("export %d failed: %s", export.pk, type(error).__name__)
        if export.file_format == Export.Format.CSV:
            yield csv_format.message_row(
                _("THIS EXPORT IS NOT COMPLETE: it had to stop here. Ask for it again.")
            )
    finally:
        parts.close()
