"""The only writer of `Push` and `CallLog`. Any batch, any number of times, with the same result.

A batch is two statements. Each takes the whole batch as one JSON parameter, which costs a fraction of what
as many rows of placeholders cost, and reads alike on PostgreSQL and SQLite. The rule of merging is in the
INSERT itself, so that two processes that store pushes of one call at the same time cannot lose a field:

    a blank never overwrites; what was blank is filled; where both speak, the push that came later wins,
    and the call is marked when they disagree.
"""

import datetime as dt
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from calllogs.arrival import Arrival
from calllogs.models import CallLog, Push
from calllogs.parsing import ParsedCall

logger = logging.getLogger(__name__)

TEXTS = (
    "caller",
    "agent_number",
    "raw_status",
    "circle",
    "virtual_number",
    "department",
    "recording_url",
    "call_type",
)
NUMBERS = ("ivr_seconds", "talk_seconds")
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
        ids = _store_calls(list(calls.values()))
        _store_pushes(ordered, ids=ids, changes=changes)


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
        row = _row(arrival.call, arrival.received_at, now)
        known = rows.get(row["call_id"])
        if known is None:
            rows[row["call_id"]] = row
        else:
            changes[arrival.uid] = _merge(known, row)
    return rows, changes


def _row(call: ParsedCall, received_at: dt.datetime, now: dt.datetime) -> dict[str, Any]:
    row = {name: getattr(call, name) for name in ("call_id", "started_at", "status", *TEXTS, *NUMBERS)}
    return row | {
        "has_conflict": False,
        "received_at": received_at,
        "told_at": received_at,
        "updated_at": now,
    }


def _merge(known: dict[str, Any], newer: dict[str, Any]) -> bool:
    """Lay a newer row over a known one, by the rule of the module; True if that changed it."""
    before = dict(known)
    for name in ("started_at", *TEXTS, *NUMBERS):
        if newer[name] in ("", None):
            continue
        if name == "raw_status":
            known["has_conflict"] |= known[name] != "" and known["status"] != newer["status"]
            known["status"] = newer["status"]
        else:
            known["has_conflict"] |= known[name] not in ("", None, newer[name])
        known[name] = newer[name]
    changed = known != before
    known["told_at"] = newer["told_at"]
    return changed


def _merge_sql() -> str:
    """The same rule as SQL, for a call that is in the table already."""
    mine, new = "calllogs_calllog.", "excluded."
    later = f"{new}told_at >= {mine}told_at"

    def spoken(side: str, name: str) -> str:
        return f"{side}{name} IS NOT NULL" if name in NUMBERS else f"{side}{name} <> ''"

    def wins(name: str) -> str:
        return f"({spoken(new, name)} AND (NOT ({spoken(mine, name)}) OR {later}))"

    assignments = [
        f"{name} = CASE WHEN {wins(name)} THEN {new}{name} ELSE {mine}{name} END"
        for name in (*TEXTS, *NUMBERS)
    ]
    assignments.append(f"status = CASE WHEN {wins('raw_status')} THEN {new}status ELSE {mine}status END")
    assignments.append(f"started_at = CASE WHEN {later} THEN {new}started_at ELSE {mine}started_at END")
    assignments.append(f"told_at = CASE WHEN {later} THEN {new}told_at ELSE {mine}told_at END")
    both = [
        f"({spoken(mine, name)} AND {spoken(new, name)} AND {mine}{compared} <> {new}{compared})"
        for name in (*TEXTS, *NUMBERS)
        for compared in ["status" if name == "raw_status" else name]
    ]
    differs = " OR ".join([*both, f"{mine}started_at <> {new}started_at"])
    assignments.append(f"has_conflict = ({mine}has_conflict OR {new}has_conflict OR {differs})")
    changes = [
        f"({wins(name)} AND ({mine}{name} IS NULL OR {new}{name} <> {mine}{name}))"
        for name in (*TEXTS, *NUMBERS)
    ]
    changes.append(f"({later} AND {mine}started_at <> {new}started_at)")
    assignments.append(
        f"updated_at = CASE WHEN {' OR '.join(changes)} THEN {new}updated_at ELSE {mine}updated_at END"
    )
    return ", ".join(assignments)


MERGE = _merge_sql()


def _store_calls(rows: list[dict[str, Any]]) -> dict[str, tuple[int, bool, bool]]:
    """`{call_id: (id, is new, has changed)}` after the batch is laid over the table."""
    if not rows:
        return {}
    # Always in one order, so that two batches with the same calls wait for each other instead of locking up.
    rows.sort(key=lambda row: row["call_id"])
    stored = _insert(
        CallLog._meta.db_table,
        CALL_COLUMNS,
        rows,
        f"ON CONFLICT (call_id) DO UPDATE SET {MERGE} RETURNING call_id, id, received_at, updated_at",
    )
    mine = {row["call_id"]: row for row in rows}
    return {
        call_id: (
            pk,
            _same(received_at, mine[call_id]["received_at"]),
            _same(updated_at, mine[call_id]["updated_at"]),
        )
        for call_id, pk, received_at, updated_at in stored
    }


# --- pushes ----------------------------------------------------------------------------------------------


def _store_pushes(
    arrivals: list[Arrival], *, ids: dict[str, tuple[int, bool, bool]], changes: dict[str, bool]
) -> None:
    rows = []
    for arrival in arrivals:
        pk, outcome = None, Push.Outcome.REJECTED
        if arrival.call:
            pk, is_new, has_changed = ids[arrival.call.call_id]
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


def _same(stored: dt.datetime | str, mine: dt.datetime) -> bool:
    """Is the moment that came back the one that went in? SQLite returns it without its zone, or as text."""
    if isinstance(stored, str):
        stored = dt.datetime.fromisoformat(stored)
    return (stored if stored.tzinfo else stored.replace(tzinfo=dt.UTC)) == mine
