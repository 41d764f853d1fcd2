"""The only writer of `Push` and `CallLog`. Any batch, any number of times, with the same result.

A batch is two statements. Each takes the whole batch as one JSON parameter, which costs a fraction of what
as many rows of placeholders cost, and reads alike on PostgreSQL and SQLite. The rule of merging (`merging`) is in
the INSERT itself, so that two processes that store pushes of one call at the same time cannot lose a field.
"""

import datetime as dt
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from calllogs.arrival import Arrival, as_bytes, understood
from calllogs.merging import MERGE, NUMBERS, TEXTS, merge, row_of
from calllogs.models import CallLog, Push

logger = logging.getLogger(__name__)

CALL_COLUMNS = {
    "call_id": "text", "started_at": "timestamptz", "status": "text", **dict.fromkeys(TEXTS, "text"),
    **dict.fromkeys(NUMBERS, "integer"), "has_conflict": "boolean", "received_at": "timestamptz",
    "told_at": "timestamptz", "updated_at": "timestamptz",
}  # fmt: skip
PUSH_COLUMNS = {
    "uid": "text", "received_at": "timestamptz", "remote_addr": "text", "raw_query": "text", "outcome": "text",
    "reason": "text", "field": "text", "flags": "text", "call_id": "bigint",
}  # fmt: skip


def store(batch: Sequence[Arrival]) -> None:
    """Store a batch in one transaction; when it returns, the batch is committed. Raises DatabaseError."""
    ordered = sorted(batch, key=lambda arrival: arrival.received_at)
    calls, changes = _folded(ordered)
    with transaction.atomic():
        laid = _store_calls(list(calls.values()))
        _store_pushes(ordered, laid=laid, changes=changes)
        _fold_again([call.pk for call in laid.values() if call.is_late])


def store_each(arrivals: Iterable[Arrival]) -> set[str]:
    """Store one by one, so that a poisonous push hurts only itself; the ids of those that are committed.

    One that the database takes in no other way is kept as it came, as not usable. Raises OperationalError and
    InterfaceError: then the database, not the push, is ill.
    """
    stored: set[str] = set()
    for arrival in arrivals:
        try:
            store([arrival])
        except (OperationalError, InterfaceError):
            raise
        except DatabaseError as error:
            logger.warning("a push could not be stored (%s); kept as not usable", type(error).__name__)
            store([replace(arrival, call=None, reason="could not be stored", field="")])
        stored.add(arrival.uid)
    return stored


# --- calls -----------------------------------------------------------------------------------------------


def _folded(ordered: Iterable[Arrival]) -> tuple[dict[str, dict[str, Any]], dict[str, bool]]:
    """One row for each call of the batch, and for each push whether it added to its row."""
    now = timezone.now()
    rows: dict[str, dict[str, Any]] = {}
    changes: dict[str, bool] = {}
    for arrival in ordered:
        if arrival.call is None:
            continue
        row = row_of(arrival.call, arrival.received_at, now)
        known = rows.get(row["call_id"])
        if known is None:
            rows[row["call_id"]] = row
        else:
            changes[arrival.uid] = merge(known, row)
    return rows, changes


class _Laid(NamedTuple):
    """A call after the batch was laid over the table. Late: it disagrees with a push that came before."""

    pk: int
    is_new: bool
    has_changed: bool
    is_late: bool


def _store_calls(rows: list[dict[str, Any]]) -> dict[str, _Laid]:
    if not rows:
        return {}
    if not rows:
        return {}
    # Always in one order, so that two batches with the same calls wait for each other instead of locking up.
    rows.sort(key=lambda row: row["call_id"])
    stored = _insert(
        CallLog._meta.db_table,
        CALL_COLUMNS,
        rows,
        f"ON CONFLICT (call_id) DO UPDATE SET {MERGE}"
        " RETURNING call_id, id, received_at, updated_at, told_at, has_conflict",
    )
    mine = {row["call_id"]: row for row in rows}
    return {
        call_id: _Laid(
            pk,
            is_new=_moment(received_at) == mine[call_id]["received_at"],
            has_changed=_moment(updated_at) == mine[call_id]["updated_at"],
            is_late=bool(has_conflict) and _moment(told_at) > mine[call_id]["told_at"],
        )
        for call_id, pk, received_at, updated_at, told_at, has_conflict in stored
    }


def _fold_again(ids: list[int]) -> None:
    """Rebuild calls from all their pushes, in the order in which those came.

    Needed only where a push that was spooled meets newer ones and disagrees: the newest value of each field may then
    be of a push in between, which the row alone cannot tell.
    """
    for call in CallLog.objects.filter(pk__in=ids):
        row: dict[str, Any] = {}
        for push in Push.objects.filter(call=call).order_by("received_at", "id"):
            told = understood(
                push.uid, push.received_at, push.remote_addr, as_bytes(push.raw_query), mends=push.mends
            )
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


# --- pushes ----------------------------------------------------------------------------------------------


def _store_pushes(arrivals: list[Arrival], *, laid: dict[str, _Laid], changes: dict[str, bool]) -> None:
    rows = []
    for arrival in arrivals:
        pk, outcome = None, Push.Outcome.REJECTED
        if arrival.call:
            pk, is_new, has_changed, _ = laid[arrival.call.call_id]
            adds = changes.get(arrival.uid)  # None: the first of its call in this batch
            if adds is None:
                outcome = (
                    Push.Outcome.STORED
                    if is_new
                    else Push.Outcome.MERGED
                    if has_changed
                    else Push.Outcome.REPEAT
                )
            else:
                outcome = Push.Outcome.MERGED if adds and has_changed else Push.Outcome.REPEAT
        rows.append(
            {
                "uid": arrival.uid,
                "received_at": arrival.received_at,
                "remote_addr": arrival.remote_addr,
                "raw_query": arrival.raw_query,
                "outcome": str(outcome),
                "reason": arrival.reason,
                "field": arrival.field,
                "flags": " ".join(arrival.call.flags) if arrival.call else "",
                "call_id": pk,
            }
        )
    # A push that was not usable may come again, mended; one that became a call stays what it is.
    _insert(
        Push._meta.db_table,
        PUSH_COLUMNS,
        rows,
        "ON CONFLICT (uid) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason,"
        " field = excluded.field, flags = excluded.flags, call_id = excluded.call_id,"
        " raw_query = excluded.raw_query WHERE calllogs_push.outcome = 'REJECTED'",
    )


# --- one JSON parameter, two databases -------------------------------------------------------------------


def _insert(table: str, columns: dict[str, str], rows: list[dict[str, Any]], conflict: str) -> list[tuple]:
    names = ", ".join(columns)
    if connection.vendor == "postgresql":
        typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        source = f"SELECT {names} FROM jsonb_to_recordset(%s::jsonb) AS batch({typed})"
    else:
        extracted = ", ".join(f"json_extract(value, '$.{name}')" for name in columns)
        source = f"SELECT {extracted} FROM json_each(%s) WHERE true"
    batch = json.dumps(rows, default=_json, ensure_ascii=False)
    with connection.cursor() as cursor:
        # The names are this module's constants; every value is in the parameter.
        cursor.execute(f"INSERT INTO {table} ({names}) {source} {conflict}", [batch])
        return cursor.fetchall() if cursor.description else []


def _json(value: dt.datetime) -> str:
    if connection.vendor == "postgresql":
        return value.isoformat()
    return str(connection.ops.adapt_datetimefield_value(value))


def _moment(stored: dt.datetime | str) -> dt.datetime:
    """A moment as the database returned it; SQLite leaves the zone out, or returns text."""
    if isinstance(stored, str):
        stored = dt.datetime.fromisoformat(stored)
    return stored if stored.tzinfo else stored.replace(tzinfo=dt.UTC)
