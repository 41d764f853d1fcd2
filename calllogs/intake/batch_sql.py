"""How a batch is written: on each database by one statement in a transaction of its own.

With every statement the driver gives the interpreter away and has to get it back from the threads that take new pushes
in, which costs more than the statement. The rule of merging (`merging`) is in the INSERT itself, so that two processes
that store pushes of one call at the same time cannot lose a field.

- PostgreSQL takes the rows as one JSON parameter, which costs a fraction of what as many placeholders cost, in a
  prepared statement that writes both tables: one round trip, one commit, nothing to plan.
- SQLite, which cannot insert twice in one statement, takes them into a temporary view whose trigger does.
"""

import datetime as dt
import sqlite3
from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import orjson
import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

from calllogs.intake.merge import MERGE, NUMBERS, TEXTS

Row = dict[str, Any]

ROWS_AT_ONCE = 32  # in one statement of SQLite's: its text is kept for each number of rows

_PUSH = {
    "uid": "text", "received_at": "timestamptz", "remote_addr": "text", "raw_query": "text", "outcome": "text",
    "reason": "text", "field": "text", "flags": "text",
}  # fmt: skip
_CALL = {
    "call_id": "text", "started_at": "timestamptz", "status": "text", **dict.fromkeys(TEXTS, "text"),
    **dict.fromkeys(NUMBERS, "integer"), "has_conflict": "boolean", "received_at": "timestamptz",
    "told_at": "timestamptz", "updated_at": "timestamptz",
}  # fmt: skip
# A row is a push. The first of each call carries the call's row too, with the later ones of the batch laid over it; of
# the later ones, `adds` says whether they added to it. `first_at` and `last_at` are the moments of the call's row as
# it was with this push, and `updated_at` marks the batch: by these the database says what became of the push.
COLUMNS = _PUSH | _CALL | {"first_at": "timestamptz", "last_at": "timestamptz", "adds": "boolean"}


def write(rows: list[Row]) -> list[int]:
    """Write the rows; when it returns, they are committed. Raises DatabaseError.

    Gives the ids of calls that are late: their newest push is not of this batch, and the batch disagrees with it.
    """
    database = connections[DEFAULT_DB_ALIAS]  # once: `connection` looks it up again for each of its names
    database.ensure_connection()
    with database.wrap_database_errors:
        statement = _statements.get(database)
        if statement is None or statement.connection is not database.connection:
            statement = _statements[database] = _KINDS[database.vendor](database.connection)
        return statement.write(rows, is_inside=database.in_atomic_block)


class _Statement(Protocol):
    """What one connection of the driver's knows. Holds nothing of Django's, whose threads may end."""

    connection: Any

    def write(self, rows: list[Row], *, is_inside: bool) -> list[int]:
        """`is_inside`: within somebody's transaction, not by one of its own."""


_statements: WeakKeyDictionary[BaseDatabaseWrapper, _Statement] = WeakKeyDictionary()

_CALLS = ", ".join(_CALL)
_KEEP_CALLS = f"""INSERT INTO calllogs_calllog ({_CALLS})
    SELECT {{values}} {{source}} WHERE {{row}}.call_id IS NOT NULL AND {{row}}.adds IS NULL {{order}}
    ON CONFLICT (call_id) DO UPDATE SET {MERGE}"""
_BECAME = """COALESCE({row}.outcome, CASE
    WHEN {row}.adds IS NULL AND told.updated_at = {row}.updated_at AND told.received_at = {row}.first_at THEN 'STORED'
    WHEN told.updated_at = {row}.updated_at AND COALESCE({row}.adds, true) THEN 'MERGED'
    ELSE 'REPEAT' END)"""
# A push that was not usable may come again, mended; one that became a call stays what it is.
_KEEP_PUSHES = f"""INSERT INTO calllogs_push
    (uid, received_at, remote_addr, raw_query, outcome, reason, field, flags, call_id)
    SELECT {{row}}.uid, {{row}}.received_at, {{row}}.remote_addr, {{row}}.raw_query, {_BECAME},
    {{row}}.reason, {{row}}.field, {{row}}.flags, told.id
    FROM {{source}} LEFT JOIN {{told}} AS told ON told.call_id = {{row}}.call_id WHERE true
    ON CONFLICT (uid) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason, field = excluded.field,
    flags = excluded.flags, call_id = excluded.call_id, raw_query = excluded.raw_query
    WHERE calllogs_push.outcome = 'REJECTED'"""
_IS_LATE = "told.call_id = {row}.call_id AND told.has_conflict AND told.told_at > {row}.last_at"


class _OnPostgresql:
    """By libpq, below the cursors: Django's has each batch parsed and planned anew, which takes three times as long as
    to execute it; the driver's own costs the interpreter as much as all the rest of storing a batch."""

    # In one order, so that two batches with the same calls wait for each other instead of locking up.
    _CALLS_FIRST = _KEEP_CALLS.format(
        row="batch", values=_CALLS, source="FROM batch", order="ORDER BY call_id"
    )
    TEXT = (
        "WITH batch AS MATERIALIZED (SELECT * FROM json_to_recordset($1::json)"
        f" AS record({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})),"
        f" told AS ({_CALLS_FIRST} RETURNING call_id, id, received_at, told_at, updated_at, has_conflict),"
        f" kept AS ({_KEEP_PUSHES.format(row='batch', source='batch', told='told')})"
        f" SELECT DISTINCT told.id FROM told, batch WHERE {_IS_LATE.format(row='batch')}"
    )

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.connection, self._server = connection, connection.pgconn
        self._done(self._server.prepare(b"store", self.TEXT.encode()))

    def write(self, rows: list[Row], *, is_inside: bool) -> list[int]:
        if is_inside:  # the driver begins a transaction with the first statement that it sends itself
            self.connection.execute("SELECT")
        late = self._done(self._server.exec_prepared(b"store", [orjson.dumps(rows)]))
        return [int(late.get_value(row, 0) or 0) for row in range(late.ntuples)]

    def _done(self, result: PGresult) -> PGresult:
        """The result; what went wrong is raised as the driver would."""
        if self._server.status == ConnStatus.BAD:
            raise psycopg.OperationalError("the connection is lost")
        if result.status not in {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}:
            raise error_from_result(result)
        return result


class _OnSqlite:
    """View, trigger and function are this connection's alone: nothing of them is in the database's file."""

    VIEW = f"CREATE TEMP VIEW IF NOT EXISTS arriving AS SELECT {', '.join(f'NULL AS {name}' for name in COLUMNS)}"
    _CALL_FIRST = _KEEP_CALLS.format(
        row="new", values=", ".join(f"new.{name}" for name in _CALL), source="", order=""
    )
    TRIGGER = f"""CREATE TEMP TRIGGER IF NOT EXISTS arrive INSTEAD OF INSERT ON arriving BEGIN
        {_CALL_FIRST};
        {_KEEP_PUSHES.format(row="new", source="(SELECT 1)", told="calllogs_calllog")};
        SELECT note_late(told.id) FROM calllogs_calllog AS told WHERE {_IS_LATE.format(row="new")};
        END"""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._late: set[int] = set()
        self._is_ready = False
        connection.create_function("note_late", 1, self._late.add)

    def write(self, rows: list[Row], *, is_inside: bool) -> list[int]:
        if not self._is_ready:
            for text in (self.VIEW, self.TRIGGER):
                sqlite3.Cursor(self.connection).execute(text)
            self._is_ready = not is_inside  # a transaction that is rolled back takes them with it
        self._late.clear()
        with transaction.atomic() if len(rows) > ROWS_AT_ONCE else nullcontext():
            for first in range(0, len(rows), ROWS_AT_ONCE):
                part = rows[first : first + ROWS_AT_ONCE]
                # The driver's own cursor: Django's looks through the text, which is long, for its placeholders.
                sqlite3.Cursor(self.connection).execute(
                    self.text(len(part)), [_for_sqlite(row.get(name)) for row in part for name in COLUMNS]
                )
        return list(self._late)

    @staticmethod
    @lru_cache(maxsize=ROWS_AT_ONCE)
    def text(rows: int) -> str:
        one = f"({', '.join('?' * len(COLUMNS))})"
        return f"INSERT INTO arriving ({', '.join(COLUMNS)}) VALUES {', '.join([one] * rows)}"


_KINDS: dict[str, Callable[[Any], _Statement]] = {
    "postgresql": _OnPostgresql,
    "sqlite": _OnSqlite,
}


def _for_sqlite(value: Any) -> Any:
    """As Django's backend writes a moment there: in UTC, as all of ours are, and without saying so."""
    return value.isoformat(" ").removesuffix("+00:00") if isinstance(value, dt.datetime) else value
