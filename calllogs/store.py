"""The only writer of `CallLog`, and of every `Push` that came with a good key. Any batch, any number of times, with the
same result.

A batch travels as two JSON parameters, which costs a fraction of what as many rows of placeholders cost. On PostgreSQL
it is one prepared statement: one round trip, one commit, and nothing to plan. SQLite, which cannot insert twice in one
statement, runs the same text as three. The rule of merging (`merging`) is in the INSERT itself, so that two processes
that store pushes of one call at the same time cannot lose a field.
"""

import datetime as dt
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

import orjson
import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from calllogs import recheck
from calllogs.arrival import Arrival, Received, understood
from calllogs.merging import MERGE, NUMBERS, TEXTS, merge, row_of
from calllogs.models import CallLog, Push

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 32  # in one statement of SQLite's: its text is kept for each number of rows
Row = dict[str, Any]

CALL_COLUMNS = {
    "call_id": "text", "started_at": "timestamptz", "status": "text", **dict.fromkeys(TEXTS, "text"),
    **dict.fromkeys(NUMBERS, "integer"), "has_conflict": "boolean", "received_at": "timestamptz",
    "told_at": "timestamptz", "updated_at": "timestamptz",
}  # fmt: skip
# A push, and what of its call the database needs to say what became of it: the call's id and the moments of the row
# that the batch laid over it. `adds`: whether it added to an earlier push of the same batch; null for the first.
PUSH_COLUMNS = {
    "uid": "text", "received_at": "timestamptz", "remote_addr": "text", "raw_query": "text", "outcome": "text",
    "reason": "text", "field": "text", "flags": "text", "told": "text", "first_at": "timestamptz",
    "last_at": "timestamptz", "stamp": "timestamptz", "adds": "boolean",
}  # fmt: skip


def store(batch: Sequence[Arrival]) -> None:
    """Store a batch in one transaction; when it returns, the batch is committed. Raises DatabaseError."""
    ordered = sorted(batch, key=lambda arrival: arrival.received_at)
    calls, pushes = _rows(ordered)
    if late := _write(calls, pushes):
        # By a transaction of its own: it heals by itself, for a push that is stored again is late again.
        with transaction.atomic():
            _fold_again(late)


def store_each(arrivals: Iterable[Arrival]) -> set[str]:
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


def as_received(push: Push) -> Received:
    """A stored push, to be understood again."""
    return Received(push.uid, push.received_at, push.remote_addr, push.raw_query)


# --- rows ------------------------------------------------------------------------------------------------


def _rows(ordered: Iterable[Arrival]) -> tuple[list[Row], list[Row]]:
    """One row for each call of the batch, its pushes folded, and one for each push."""
    stamp = timezone.now()
    calls: dict[str, Row] = {}
    pushes: list[Row] = []
    for arrival in ordered:
        call, row, adds = arrival.call, None, None
        if call is not None:
            newer = row_of(call, arrival.received_at, stamp)
            row = calls.setdefault(call.call_id, newer)
            adds = None if row is newer else merge(row, newer)
        pushes.append(
            {
                "uid": arrival.uid,
                "received_at": arrival.received_at,
                "remote_addr": arrival.remote_addr,
                "raw_query": arrival.raw_query,
                "outcome": None if call else Push.Outcome.REJECTED.value,
                "reason": arrival.reason,
                "field": arrival.field,
                "flags": " ".join(call.flags) if call else "",
                "told": call.call_id if call else None,
                "first_at": row["received_at"] if row else None,
                "last_at": row["told_at"] if row else None,
                "stamp": stamp,
                "adds": adds,
            }
        )
    # Always in one order, so that two batches with the same calls wait for each other instead of locking up.
    return sorted(calls.values(), key=lambda row: row["call_id"]), pushes


def _fold_again(ids: list[int]) -> None:
    """Rebuild calls from all their pushes, in the order in which those came.

    Needed only where a push that was spooled meets newer ones and disagrees: the newest value of each field may then
    be of a push in between, which the row alone cannot tell.
    """
    for call in CallLog.objects.filter(pk__in=ids):
        caller, started_at, row = call.caller, call.started_at, Row()
        for push in Push.objects.filter(call=call).order_by("received_at", "id"):
            told = understood(as_received(push), mends=push.mends)
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
        recheck.note(callers=[caller, call.caller], moments=[started_at, call.started_at])


# --- statements ------------------------------------------------------------------------------------------

_TOLD = "call_id, id, received_at, told_at, updated_at, has_conflict"
_CALLS = ", ".join(CALL_COLUMNS)
_PUSHES = ", ".join(f"push.{name}" for name in ("uid", "received_at", "remote_addr", "raw_query"))
_BECAME = """COALESCE(push.outcome, CASE
    WHEN push.adds IS NULL AND told.updated_at = push.stamp AND told.received_at = push.first_at THEN 'STORED'
    WHEN told.updated_at = push.stamp AND COALESCE(push.adds, true) THEN 'MERGED'
    ELSE 'REPEAT' END)"""
# A push that was not usable may come again, mended; one that became a call stays what it is.
_KEEP_PUSHES = f"""INSERT INTO calllogs_push
    (uid, received_at, remote_addr, raw_query, outcome, reason, field, flags, call_id)
    SELECT {_PUSHES}, {_BECAME}, push.reason, push.field, push.flags, told.id
    FROM {{pushes}} AS push LEFT JOIN {{told}} AS told ON told.call_id = push.told WHERE true
    ON CONFLICT (uid) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason, field = excluded.field,
    flags = excluded.flags, call_id = excluded.call_id, raw_query = excluded.raw_query
    WHERE calllogs_push.outcome = 'REJECTED'"""
_KEEP_CALLS = (
    f"INSERT INTO calllogs_calllog ({_CALLS}) SELECT {_CALLS} FROM {{calls}} AS batch WHERE true"
    + (f" ON CONFLICT (call_id) DO UPDATE SET {MERGE}")
)
# Calls whose newest push is not of this batch, though the batch disagrees with it.
_LATE = """SELECT DISTINCT told.id FROM {told} AS told JOIN {pushes} AS push ON told.call_id = push.told
    WHERE told.has_conflict AND told.told_at > push.last_at"""


def _on_postgresql() -> str:
    def records(place: str, columns: dict[str, str]) -> str:
        typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        return f"(SELECT * FROM json_to_recordset({place}::json) AS record({typed}))"

    keep_calls = _KEEP_CALLS.format(calls=records("$2", CALL_COLUMNS))
    return (
        f"WITH pushes AS MATERIALIZED {records('$1', PUSH_COLUMNS)},"
        f" told AS ({keep_calls} RETURNING {_TOLD}),"
        f" kept AS ({_KEEP_PUSHES.format(pushes='pushes', told='told')})"
        f" {_LATE.format(pushes='pushes', told='told')}"
    )


def _records(columns: Mapping[str, str], rows: int) -> str:
    one = f"SELECT {', '.join('?' * len(columns))}"
    named = f"SELECT {', '.join(f'? AS {name}' for name in columns)}"
    return f"({' UNION ALL '.join([named, *[one] * (rows - 1)])})"


@lru_cache(maxsize=ROWS_AT_ONCE)
def _calls_on_sqlite(rows: int) -> str:
    return _KEEP_CALLS.format(calls=_records(CALL_COLUMNS, rows))


@lru_cache(maxsize=ROWS_AT_ONCE)
def _pushes_on_sqlite(rows: int) -> str:
    return _KEEP_PUSHES.format(pushes=_records(PUSH_COLUMNS, rows), told="calllogs_calllog")


POSTGRESQL = _on_postgresql()
LATE_ON_SQLITE = _LATE.format(
    told="calllogs_calllog", pushes="(SELECT value ->> 0 AS told, value ->> 1 AS last_at FROM json_each(?))"
)


def _write(calls: list[Row], pushes: list[Row]) -> list[int]:
    """Write the rows in one transaction; the ids of calls that are late."""
    if connection.vendor == "postgresql":
        connection.ensure_connection()
        # The driver's own cursor inside Django's: Django's alone writes the parameters into the text, which is then
        # parsed and planned anew for each batch. That took three times as long as to execute it.
        with CursorWrapper(psycopg.RawCursor(connection.connection), connection) as cursor:
            cursor.execute(POSTGRESQL, [_json(pushes), _json(calls)])
            return [pk for (pk,) in cursor.fetchall()]
    # The driver's own cursor here too: Django's looks through the statements, which are long, for its placeholders.
    with transaction.atomic(), CursorWrapper(sqlite3.Cursor(connection.connection), connection) as cursor:
        _insert(cursor, _calls_on_sqlite, _sqlite_rows(calls, CALL_COLUMNS))
        _insert(cursor, _pushes_on_sqlite, _sqlite_rows(pushes, PUSH_COLUMNS))
        told = [[push["told"], _sqlite_moment(push["last_at"])] for push in pushes if push["told"]]
        cursor.execute(LATE_ON_SQLITE, [_json(told)])
        return [pk for (pk,) in cursor.fetchall()]


def _insert(cursor: CursorWrapper, statement: Callable[[int], str], rows: list[tuple[Any, ...]]) -> None:
    """Many rows with one statement: with each statement the driver gives the interpreter away and has to get it back
    from the threads that take new pushes in."""
    for first in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[first : first + ROWS_AT_ONCE]
        cursor.execute(statement(len(part)), list(chain.from_iterable(part)))


def _json(rows: list[Any]) -> str:
    return orjson.dumps(rows).decode()


def _sqlite_rows(rows: list[Row], columns: Mapping[str, str]) -> list[tuple[Any, ...]]:
    moments = [name for name, kind in columns.items() if kind == "timestamptz"]
    in_order = itemgetter(*columns)
    return [in_order(row | {name: _sqlite_moment(row[name]) for name in moments}) for row in rows]


@lru_cache(maxsize=1024)
def _sqlite_moment(value: dt.datetime | None) -> str | None:
    """As Django's backend writes a moment there: in UTC, as all of ours are, and without saying so.

    Kept, because the nine moments of a push are three different ones.
    """
    return None if value is None else value.isoformat(" ").removesuffix("+00:00")
