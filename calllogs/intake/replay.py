"""Pushes that wait, brought in: from the spool when the database is back, from the inbox when they can be used."""

import functools
import logging
import os
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError

from calllogs.intake.envelope import from_spool_record, parse_push
from calllogs.intake.erased_callers import without_erased
from calllogs.intake.spool import Drained, Spool
from calllogs.intake.storage import as_received, store, store_each
from calllogs.models import CallLog, Push, invalidation

logger = logging.getLogger(__name__)
AT_ONCE = 200


def spool() -> Spool:
    return _spool(Path(settings.VAR_DIR) / "spool", os.getpid())


@functools.lru_cache(maxsize=4)
def _spool(directory: Path, _pid: int) -> Spool:
    return Spool(directory)


def drain() -> Drained:
    """Store what is in the spool, of whatever process. Any number of times, by any number of drainers.

    Raises DatabaseError, with the rest still in the spool.
    """
    drained = spool().drain(_store_records, batch=AT_ONCE)
    if drained.handled or drained.set_aside:
        logger.warning("%d pushes came out of the spool, %d were damaged", drained.handled, drained.set_aside)
    return drained


def _store_records(records: list[bytes]) -> None:
    """Many in one transaction: pushes that come meanwhile are spooled too, so it must empty faster than it fills."""
    arrivals = without_erased([from_spool_record(record) for record in records])
    try:
        store(arrivals)
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError:
        store_each(arrivals)


def replay(*, reason: str = "", ids: list[int] | None = None) -> tuple[int, int]:
    """Try again the pushes that were not usable, as the parser is now and as they were mended: (usable, still not).

    What is about somebody who was erased meanwhile goes, and counts as neither.
    """
    waiting = Push.objects.filter(outcome=Push.Outcome.REJECTED).order_by("id")
    if reason:
        waiting = waiting.filter(reason=reason)
    if ids is not None:
        waiting = waiting.filter(pk__in=ids)
    usable = unusable = 0
    for push in waiting.iterator(chunk_size=AT_ONCE):
        arrival = parse_push(as_received(push), mends=push.mends)
        if not without_erased([arrival]):
            push.delete()
            continue
        told = arrival.call
        if told is None:
            unusable += 1
            store_each([arrival])
            continue
        usable += 1
        known = CallLog.objects.filter(call_id=told.call_id).values_list("caller", "started_at")
        before = list(known)
        store_each([arrival])
        # An old push keeps its id, and so is no news to whoever reads pushes by id.
        callers, moments = zip((told.caller, told.started_at), *before, strict=True)
        invalidation.mark_stale(callers=callers, moments=moments)
    return usable, unusable
