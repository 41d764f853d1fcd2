"""Stores pushes later: from the spool when the database answers again, from the inbox when they can be parsed."""

import functools
import logging
import os
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError

from calllogs.intake.envelope import from_spool_record, parse_push
from calllogs.intake.erased_callers import drop_erased
from calllogs.intake.spool import Drained, Spool
from calllogs.intake.storage import store, store_each, to_raw_push
from calllogs.models import CallLog, Push, invalidation

logger = logging.getLogger(__name__)
BATCH_SIZE = 200


def get_spool() -> Spool:
    return _open_spool(Path(settings.VAR_DIR) / "spool", os.getpid())


@functools.lru_cache(maxsize=4)
def _open_spool(directory: Path, _pid: int) -> Spool:
    return Spool(directory)


def drain() -> Drained:
    """Store the pushes in the spool, from all processes. Idempotent, and safe to run concurrently.

    Raises DatabaseError; the pushes that are not stored stay in the spool.
    """
    drained = get_spool().drain(_store_records, batch=BATCH_SIZE)
    if drained.handled or drained.set_aside:
        logger.warning("%d pushes came out of the spool, %d were damaged", drained.handled, drained.set_aside)
    return drained


def _store_records(records: list[bytes]) -> None:
    """Store many in one transaction: new pushes may be spooled meanwhile, so the drain has to be faster."""
    pushes = drop_erased([from_spool_record(record) for record in records])
    try:
        store(pushes)
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError:
        store_each(pushes)


def replay(*, reason: str = "", ids: list[int] | None = None) -> tuple[int, int]:
    """Parse the unusable pushes again, with their corrections. Returns the counts (usable, still unusable).

    Pushes about callers who were erased meanwhile are deleted and counted as neither.
    """
    rejected = Push.objects.filter(outcome=Push.Outcome.REJECTED).order_by("id")
    if reason:
        rejected = rejected.filter(reason=reason)
    if ids is not None:
        rejected = rejected.filter(pk__in=ids)
    usable = unusable = 0
    for push in rejected.iterator(chunk_size=BATCH_SIZE):
        parsed = parse_push(to_raw_push(push), corrections=push.mends)
        if not drop_erased([parsed]):
            push.delete()
            continue
        call = parsed.call
        if call is None:
            unusable += 1
            store_each([parsed])
            continue
        usable += 1
        stored = CallLog.objects.filter(call_id=call.call_id).values_list("caller", "started_at")
        values_before = list(stored)
        store_each([parsed])
        # The push keeps its old id, so readers of the change feed do not see it as new.
        callers, moments = zip((call.caller, call.started_at), *values_before, strict=True)
        invalidation.mark_stale(callers=callers, moments=moments)
    return usable, unusable
