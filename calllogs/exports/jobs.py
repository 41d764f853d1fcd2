"""Exports written in the background, to a file that is kept for EXPORT_KEPT_DAYS.

All state is in the rows of Export, so these functions may run concurrently, repeatedly and after a crash. A file gets
its name only when it is complete, and a record only refers to complete files.
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
from calllogs.exports.metadata import RowCounter
from calllogs.exports.render import calls_for, chunks
from calllogs.exports.snapshot import Snapshot
from calllogs.models import Export
from ivrportal.common.database_clock import database_now

logger = logging.getLogger(__name__)

PICKUP_DELAY_S = 3  # the sweep leaves younger jobs to the task that was enqueued for them


class ExportLeaseLost(Exception):
    """The export was cancelled, or another worker took it over."""


def run(export_id: int) -> bool:
    """Writes this export if it is due. Returns True if this call completed it."""
    export = lease.claim(export_id)
    if export is None:
        return False
    if export.tries > lease.MAX_TRIES:
        _fail(export, _("It was begun several times and never came to its end. Try fewer days at once."))
        return False
    try:
        return _write(export)
    except ExportLeaseLost:
        return False
    except Exception as error:
        # Only the type: the message may contain a filter with a telephone number.
        logger.error("export %d failed: %s", export.pk, type(error).__name__)
        _fail(export, error_message_for(error))
        return False


def run_due(*, min_age_s: float = PICKUP_DELAY_S) -> int:
    """Writes every waiting or abandoned job. Returns how many were completed."""
    return sum(run(pk) for pk in _due(min_age_s).order_by("id").values_list("pk", flat=True))


def has_due() -> bool:
    return _due(PICKUP_DELAY_S).exists()


def _due(min_age_s: float) -> QuerySet[Export]:
    requested_before = timezone.now() - dt.timedelta(seconds=min_age_s)
    return Export.objects.due(database_now()).filter(asked_at__lte=requested_before)


def clean_up() -> None:
    """Deletes expired files and orphans, and marks exports as stopped whose process was killed."""
    now = timezone.now()
    for export in Export.objects.expired(now):
        files.delete(export.file)
        Export.objects.filter(pk=export.pk).update(file="")
    abandoned = Export.objects.exclude(way=Export.Way.JOB).filter(
        state=Export.State.RUNNING, asked_at__lt=now - dt.timedelta(seconds=files.ORPHAN_S)
    )
    abandoned.update(state=Export.State.STOPPED, ended_at=now)
    files.delete_orphans(Export.objects.exclude(file="").values_list("file", flat=True))


def error_message_for(error: Exception) -> str:
    """The translated message that users see."""
    if isinstance(error, DatabaseError):
        return _("The database did not answer to the end. Try again in a few minutes.")
    if isinstance(error, OSError):
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        return _("The file could not be written (%(reason)s). Tell whoever runs the server.") % {
            "reason": reason
        }
    return _("The portal made a mistake. Try again; if it stays, tell whoever runs the server.")


def _write(export: Export) -> bool:
    counter, name = RowCounter(), files.generate_name(export.file_format)
    with lease.renewing_lease(export, counter) as lost, Snapshot(ZoneInfo(export.zone)) as snapshot:
        Export.objects.filter(pk=export.pk).update(rows_expected=snapshot.count(calls_for(export)))
        with files.write_atomically(name) as file:
            for chunk in chunks(export, snapshot, counter):
                _raise_if_lost(lost)
                file.write(chunk)
    is_done = lease.release(
        export,
        state=Export.State.DONE,
        rows=counter.rows,
        file=name,
        bytes=files.path_for(name).stat().st_size,
        kept_until=timezone.now() + dt.timedelta(days=settings.EXPORT_KEPT_DAYS),
        error="",
    )
    if not is_done:
        files.delete(name)
    return is_done


def _raise_if_lost(lost: threading.Event) -> None:
    if lost.is_set():
        raise ExportLeaseLost


def _fail(export: Export, message: str) -> None:
    try:
        lease.release(export, state=Export.State.FAILED, error=message)
    except DatabaseError:
        return  # the database still fails: the lease expires and the sweep starts again
