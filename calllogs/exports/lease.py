"""The lease of the worker that writes an export. All changes are conditional updates on the database's clock."""

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import F

from calllogs.exports.metadata import RowCounter
from calllogs.models import Export
from ivrportal.common.database_clock import database_now

RENEWAL_INTERVAL_S = 1.0
MAX_TRIES = 3  # an export that killed its worker three times would do so again


def claim(export_id: int) -> Export | None:
    """Claims the export. Returns None if it is not due or another worker claimed it first."""
    now = database_now()
    token = uuid4().hex
    claimed = (
        Export.objects.due(now)
        .filter(pk=export_id)
        .update(
            state=Export.State.RUNNING,
            rows=0,
            tries=F("tries") + 1,
            lease_token=token,
            lease_until=now + _lease_duration(),
        )
    )
    return Export.objects.get(pk=export_id) if claimed else None


def release(export: Export, **changes: Any) -> bool:
    """Ends the lease and saves `changes`. Returns False, without changes, if the lease was lost."""
    ended = _held_rows(export).update(lease_token="", lease_until=None, ended_at=database_now(), **changes)
    return ended == 1


@contextmanager
def renewing_lease(export: Export, counter: RowCounter) -> Iterator[threading.Event]:
    """Renews the lease and saves the row count while the block runs. The event is set when the lease is lost.

    Runs in its own thread with its own connection, so that a slow query of the export does not delay it.
    """
    ended, lost = threading.Event(), threading.Event()

    def renew() -> None:
        try:
            while not ended.wait(RENEWAL_INTERVAL_S) and not lost.is_set():
                try:
                    changes = {"rows": counter.rows, "lease_until": database_now() + _lease_duration()}
                    if not _held_rows(export).update(**changes):
                        lost.set()
                except DatabaseError:
                    continue  # try again at the next interval; the lease may expire meanwhile
        finally:
            connection.close()

    thread = threading.Thread(target=renew, name=f"export {export.pk}", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        ended.set()
        thread.join()


def _held_rows(export: Export) -> Any:
    return Export.objects.filter(pk=export.pk, state=Export.State.RUNNING, lease_token=export.lease_token)


def _lease_duration() -> dt.timedelta:
    return dt.timedelta(seconds=settings.EXPORT_LEASE_S)
