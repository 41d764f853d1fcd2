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
from weakref import WeakSet

import orjson
import psycopg
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    OperationalError,
    connections,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.utils import timezone
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

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
    database = connections[DEFAULT_DB_ALIAS]  # once: `connection` looks it up again for each of its names
    database.ensure_connection()
    on_this = _write_on_postgresql if database.vendor == "postgresql" else _write_on_sqlite
    return on_this(database, calls, pushes)


_prepared: WeakSet[psycopg.Connection[Any]] = WeakSet()  # the connections that know the statement


def _write_on_postgresql(database: BaseDatabaseWrapper, calls: list[Row], pushes: list[Row]) -> list[int]:
    """Below the cursors: Django's has each batch parsed and planned anew, which takes three times as long as to execute
    it; the driver's own costs the interpreter as much as all the rest here."""
    if database.in_atomic_block:
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT"
            )  # the driver begins a transaction with the first statement that it sends itself
    server: PGconn = database.connection.pgconn
    with database.wrap_database_errors:
        if database.connection not in _prepared:
            _done(server, server.prepare(b"store", POSTGRESQL.encode()))
            _prepared.add(database.connection)
        late = _done(server, server.exec_prepared(b"store", [orjson.dumps(pushes), orjson.dumps(calls)]))
    return [int(late.get_value(row, 0) or 0) for row in range(late.ntuples)]


def _done(server: PGconn, result: PGresult) -> PGresult:
    """The result; what went wrong is raised as the driver would."""
    if server.status == ConnStatus.BAD:
        raise psycopg.OperationalError("the connection is lost")
    if result.status not in {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}:
        raise error_from_result(result)
    return result


def _write_on_sqlite(database: BaseDatabaseWrapper, calls: list[Row], pushes: list[Row]) -> list[int]:
    # The driver's own cursor here too: Django's looks through the statements, which are long, for its placeholders.
    with transaction.atomic(), CursorWrapper(sqlite3.Cursor(database.connection), database) as cursor:
        _insert(cursor, _calls_on_sqlite, _sqlite_rows(calls, CALL_COLUMNS))
        _insert(cursor, _pushes_on_sqlite, _sqlite_rows(pushes, PUSH_COLUMNS))
        told = [[push["told"], _sqlite_moment(push["last_at"])] for push in pushes if push["told"]]
        cursor.execute(LATE_ON_SQLITE, [orjson.dumps(told).decode()])
        return [pk for (pk,) in cursor.fetchall()]


def _insert(cursor: CursorWrapper, statement: Callable[[int], str], rows: list[list[Any]]) -> None:
    """Many rows with one statement: with each statement the driver gives the interpreter away and has to get it back
    from the threads that take new pushes in."""
    for first in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[first : first + ROWS_AT_ONCE]
        cursor.execute(statement(len(part)), list(chain.from_iterable(part)))


def _sqlite_rows(rows: list[Row], columns: Iterable[str]) -> list[list[Any]]:
    in_order = itemgetter(*columns)
    return [
        [_sqlite_moment(value) if isinstance(value, dt.datetime) else value for value in in_order(row)]
        for row in rows
    ]


@lru_cache(maxsize=1024)
def _sqlite_moment(value: dt.datetime) -> str:
    """As Django's backend writes a moment there: in UTC, as all of ours are, and without saying so.

    Kept, because the nine moments of a push are three different ones.
    """
    return value.isoformat(" ").removesuffix("+00:00")
