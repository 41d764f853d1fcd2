"""The only writer of `CallLog`, and of every `Push` that came with a good key. Any batch, any number of times, with the
same result."""

import logging
from collections.abc import Iterable, Sequence

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.utils import timezone

from calllogs.intake.batch_sql import Row, write
from calllogs.intake.envelope import ParsedPush, RawPush, parse_push
from calllogs.intake.merge import NUMBERS, TEXTS, merge, row_of
from calllogs.models import CallLog, Push, invalidation

logger = logging.getLogger(__name__)


def store(batch: Sequence[ParsedPush]) -> None:
    """Store a batch in one transaction; when it returns, the batch is committed. Raises DatabaseError."""
    ordered = sorted(batch, key=lambda arrival: arrival.received_at)
    if late := write(_rows(ordered)):
        # By a transaction of its own: it heals by itself, for a push that is stored again is late again.
        with transaction.atomic():
            _fold_again(late)


def store_each(arrivals: Iterable[ParsedPush]) -> set[str]:
    """Store one by one, so that a poisonous push hurts only itself; the ids of those that were kept only as they came.

    One that the database takes in no other way is kept as it came, as not usable. Raises OperationalError and
    InterfaceError: then the database, not the push, is ill.
    """
    unusable: set[str] = set()
    for arrival in arrivals:
        try:
            store([arrival])
        except (OperationalError, InterfaceError):
            raise
        except DatabaseError as error:
            logger.warning("a push could not be stored (%s); kept as not usable", type(error).__name__)
            store([arrival._replace(call=None, reason="could not be stored", field="")])
            unusable.add(arrival.uid)
    return unusable


def as_received(push: Push) -> RawPush:
    """A stored push, to be understood again."""
    return RawPush(push.uid, push.received_at, push.remote_addr, push.raw_query)


# --- rows ------------------------------------------------------------------------------------------------


def _rows(ordered: Iterable[ParsedPush]) -> list[Row]:
    """A row for each push; the first of each call carries the call, with those after it folded in."""
    stamp = timezone.now()
    rows: list[Row] = []
    calls: dict[str, Row] = {}
    for arrival in ordered:
        call = arrival.call
        row: Row = {
            "uid": arrival.uid,
            "received_at": arrival.received_at,
            "remote_addr": arrival.remote_addr,
            "raw_query": arrival.raw_query,
            "reason": arrival.reason,
            "field": arrival.field,
        }
        if call is None:
            row |= {"outcome": Push.Outcome.REJECTED.value, "flags": ""}
        else:
            told = row_of(call, arrival.received_at, stamp)
            first = calls.setdefault(call.call_id, row)
            if first is row:
                row |= told
            else:
                row |= {"call_id": call.call_id, "updated_at": stamp, "adds": merge(first, told)}
            row |= {
                "flags": " ".join(call.flags),
                "first_at": first["received_at"],
                "last_at": first["told_at"],
            }
        rows.append(row)
    return rows


def _fold_again(ids: list[int]) -> None:
    """Rebuild calls from all their pushes, in the order in which those came.

    Needed only where a push that was spooled meets newer ones and disagrees: the newest value of each field may then
    be of a push in between, which the row alone cannot tell.
    """
    for call in CallLog.objects.filter(pk__in=ids):
        caller, started_at, row = call.caller, call.started_at, Row()
        for push in Push.objects.filter(call=call).order_by("received_at", "id"):
            told = parse_push(as_received(push), mends=push.mends)
            if told.call is not None:
                newer = row_of(told.call, push.received_at, timezone.now())
                if row:
                    merge(row, newer)
                else:
                    row = newer
        changed = [
            name
            for name in ("started_at", "status", *TEXTS, *NUMBERS)
            # Older pushes may have been deleted already: what only they told stays.
            if row and row[name] not in ("", None) and row[name] != getattr(call, name)
        ]
        for name in changed:
            setattr(call, name, row[name])
        call.updated_at = timezone.now()
        call.save(update_fields=[*changed, "updated_at"])
        # Its push was committed before: whoever reads pushes by id may have seen the call as it was.
        invalidation.mark_stale(callers=[caller, call.caller], moments=[started_at, call.started_at])
