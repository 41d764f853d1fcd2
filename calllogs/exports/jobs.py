"""Exports written in the background, to a file that is kept for a week.

The rows decide: whoever asks may run any number of these at any time, after a crash too. A file takes its name only
when it is whole, and a record names only such a file.
"""

import datetime as dt
import logging
import os
import threading
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from calllogs.exports import files, lease
from calllogs.exports.metadata import Tally
from calllogs.exports.render import calls_of, chunks
from calllogs.exports.snapshot import Snapshot
from calllogs.models import Export
from ivrportal.common.database_clock import database_now

logger = logging.getLogger(__name__)

PATIENCE_S = 3  # a job younger than this is left to whoever was nudged


class Lost(Exception):
    """Somebody cancelled the export, or took it over."""


def run(export_id: int) -> bool:
    """Write this export, if it is due. True if it is complete now, by us."""
    export = lease.claim(export_id)
    if export is None:
        return False
    if export.tries > lease.MOST_TRIES:
        _fail(export, _("It was begun several times and never came to its end. Try fewer days at once."))
        return False
    try:
        return _write(export)
    except Lost:
        return False
    except Exception as error:
        # Its text may hold a filter with somebody's number.
        logger.error("export %d failed: %s", export.pk, type(error).__name__)
        _fail(export, words_for(error))
        return False


def run_due(*, patience_s: float = PATIENCE_S) -> int:
    """Write everything that waits or was abandoned; how many are complete now."""
    return sum(run(pk) for pk in _due(patience_s).order_by("id").values_list("pk", flat=True))


def are_due() -> bool:
    return _due(PATIENCE_S).exists()


def _due(patience_s: float) -> QuerySet[Export]:
    asked_by = timezone.now() - dt.timedelta(seconds=patience_s)
    return Export.objects.due(database_now()).filter(asked_at__lte=asked_by)


def clean_up() -> None:
    """Delete the files whose week is over, and what killed processes left behind."""
    now = timezone.now()
    for export in Export.objects.expired(now):
        files.delete(export.file)
        Export.objects.filter(pk=export.pk).update(file="")
    left = Export.objects.exclude(way=Export.Way.JOB).filter(
        state=Export.State.RUNNING, asked_at__lt=now - dt.timedelta(seconds=files.ORPHAN_S)
    )
    left.update(state=Export.State.STOPPED, ended_at=now)
    files.delete_orphans(Export.objects.exclude(file="").values_list("file", flat=True))


def words_for(error: Exception) -> str:
    """What a person is told of it."""
    if isinstance(error, DatabaseError):
        return _("The database did not answer to the end. Try again in a few minutes.")
    if isinstance(error, OSError):
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        return _("The file could not be written (%(reason)s). Tell whoever runs the server.") % {
            "reason": reason
        }
    return _("The portal made a mistake. Try again; if it stays, tell whoever runs the server.")


def _write(export: Export) -> bool:
    tally, name = Tally(), files.new_name(export.file_format)
    with lease.renewing_lease(export, tally) as lost, Snapshot(ZoneInfo(export.zone)) as snapshot:
        Export.objects.filter(pk=export.pk).update(rows_expected=snapshot.count(calls_of(export)))
        with files.unfinished(name) as file:
            for piece in chunks(export, snapshot, tally):
                _go_on(lost)
                file.write(piece)
    done = lease.release(
        export,
        state=Export.State.DONE,
        rows=tally.rows,
        file=name,
        bytes=files.path_of(name).stat().st_size,
        kept_until=timezone.now() + dt.timedelta(days=settings.EXPORT_KEPT_DAYS),
        error="",
    )
    if not done:
        files.delete(name)
    return done


def _go_on(lost: threading.Event) -> None:
    if lost.is_set():
        raise Lost


def _fail(export: Export, words: str) -> None:
    try:
        lease.release(export, state=Export.State.FAILED, error=words)
    except DatabaseError:
        return  # still silent: the lease ends, and the sweep begins again
