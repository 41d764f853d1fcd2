"""Who writes an export: claimed, kept and given up by conditional updates, by the clock of the database."""

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import F

from calllogs.exports.metadata import Tally
from calllogs.models import Export
from ivrportal.common.database_clock import database_now

BEAT_S = 1.0
MOST_TRIES = 3  # an export that ends its worker three times will do so again


def claim(export_id: int) -> Export | None:
    """The export, if it is due and nobody else was quicker."""
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
            lease_until=now + _length(),
        )
    )
    return Export.objects.get(pk=export_id) if claimed else None


def release(export: Export, **changes: Any) -> bool:
    """Write how it ended; False, and nothing, if the lease is somebody else's by now."""
    ended = _mine(export).update(lease_token="", lease_until=None, ended_at=database_now(), **changes)
    return ended == 1


@contextmanager
def renewing_lease(export: Export, tally: Tally) -> Iterator[threading.Event]:
    """Inside, the lease is renewed and the rows are told. The event says that it is lost: cancelled, or taken over.

    A thread does it, with a connection of its own: nothing that the writing waits for holds it up.
    """
    ended, lost = threading.Event(), threading.Event()

    def beat() -> None:
        try:
            while not ended.wait(BEAT_S) and not lost.is_set():
                try:
                    changes = {"rows": tally.rows, "lease_until": database_now() + _length()}
                    if not _mine(export).update(**changes):
                        lost.set()
                except DatabaseError:
                    continue  # silent for a moment: the next beat, or the end of the lease, decides
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name=f"export {export.pk}", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        ended.set()
        thread.join()


def _mine(export: Export) -> Any:
    return Export.objects.filter(pk=export.pk, state=Export.State.RUNNING, lease_token=export.lease_token)


def _length() -> dt.timedelta:
    return dt.timedelta(seconds=settings.EXPORT_LEASE_S)
