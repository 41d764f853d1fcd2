"""Stores calls, and pushes with a valid key; nothing else adds them. Storing a batch again changes nothing."""

import logging
from collections.abc import Iterable, Sequence

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.utils import timezone

from calllogs.intake.batch_sql import PushRow, write_batch
from calllogs.intake.envelope import ParsedPush, RawPush, parse_push
from calllogs.intake.merge import NUMBER_FIELDS, TEXT_FIELDS, build_call_row, merge
from calllogs.models import CallLog, Push, invalidation

logger = logging.getLogger(__name__)


def store(batch: Sequence[ParsedPush]) -> None:
    """Store a batch in one transaction; when it returns, the batch is committed. Raises DatabaseError."""
    ordered = sorted(batch, key=lambda push: push.received_at)
    if late_ids := write_batch(_build_rows(ordered)):
        # A separate transaction is enough: if it fails, the batch is stored again and reports the same calls as late.
        with transaction.atomic():
            _rebuild_calls(late_ids)


def store_each(pushes: Iterable[ParsedPush]) -> set[str]:
    """Store one by one, so that a push that the database rejects affects no other. Returns the uids of such pushes.

    A rejected push is stored as received, as not usable. Raises OperationalError and InterfaceError, because they mean
    that the database has failed and not the push.
    """
    unusable: set[str] = set()
    for push in pushes:
        try:
            store([push])
        except (OperationalError, InterfaceError):
            raise
        except DatabaseError as error:
            logger.warning("a push could not be stored (%s); kept as not usable", type(error).__name__)
            store([push._replace(call=None, reason="could not be stored", field="")])
            unusable.add(push.uid)
    return unusable


def to_raw_push(push: Push) -> RawPush:
    """A stored push, to be parsed again."""
    return RawPush(push.uid, push.received_at, push.remote_addr, push.raw_query)


# --- rows ------------------------------------------------------------------------------------------------


def _build_rows(ordered: Iterable[ParsedPush]) -> list[PushRow]:
    """One row per push. The first row of each call also has the call's values, with later pushes merged in."""
    now = timezone.now()
    rows: list[PushRow] = []
    calls: dict[str, PushRow] = {}
    for push in ordered:
        call = push.call
        row: PushRow = {
            "uid": push.uid,
            "received_at": push.received_at,
            "remote_addr": push.remote_addr,
            "raw_query": push.raw_query,
            "reason": push.reason,
            "field": push.field,
        }
        if call is None:
            row |= {"outcome": Push.Outcome.REJECTED.value, "flags": ""}
        else:
            call_row = build_call_row(call, push.received_at, now)
            first = calls.setdefault(call.call_id, row)
            if first is row:
                row |= call_row
            else:
                row |= {"call_id": call.call_id, "updated_at": now, "adds": merge(first, call_row)}
            row |= {
                "flags": " ".join(call.flags),
                "first_at": first["received_at"],
                "last_at": first["told_at"],
            }
        rows.append(row)
    return rows


def _rebuild_calls(ids: list[int]) -> None:
    """Rebuild calls from all their pushes, in the order in which they were received.

    Needed only if a spooled push is stored after newer ones and disagrees with them: the newest value of a field may
    then come from a push in between, and the call's row does not say from which push a value is.
    """
    for call in CallLog.objects.filter(pk__in=ids):
        caller, started_at, row = call.caller, call.started_at, PushRow()
        for push in Push.objects.filter(call=call).order_by("received_at", "id"):
            parsed = parse_push(to_raw_push(push), corrections=push.mends)
            if parsed.call is not None:
                newer = build_call_row(parsed.call, push.received_at, timezone.now())
                if row:
                    merge(row, newer)
                else:
                    row = newer
        changed = [
            name
            for name in ("started_at", "status", *TEXT_FIELDS, *NUMBER_FIELDS)
            # Older pushes may have been deleted: keep the values that only they had.
            if row and row[name] not in ("", None) and row[name] != getattr(call, name)
        ]
        for name in changed:
            setattr(call, name, row[name])
        call.updated_at = timezone.now()
        call.save(update_fields=[*changed, "updated_at"])
        # The push was committed earlier, so readers of the change feed may have seen the old call.
        invalidation.mark_stale(callers=[caller, call.caller], moments=[started_at, call.started_at])
