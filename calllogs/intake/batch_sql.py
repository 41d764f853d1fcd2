"""The SQL that writes a batch: one statement in its own transaction, on each database.

For every statement the driver releases the interpreter lock and competes for it with the threads that receive pushes,
which costs more than the statement itself. The merge rule (`merge`) is part of the INSERT, so two processes that store
pushes of one call at the same time cannot lose a field.

- PostgreSQL: a prepared statement writes both tables from one JSON parameter, which is far cheaper than as many
  placeholders. One round trip, one commit, no planning.
- SQLite cannot insert into two tables in one statement: the rows go into a temporary view whose trigger does.
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

from calllogs.intake.merge import MERGE_SQL, NUMBER_FIELDS, TEXT_FIELDS

PushRow = dict[str, Any]

ROWS_PER_STATEMENT = 32  # SQLite only; the SQL text is cached for each number of rows

_PUSH_COLUMNS = {
    "uid": "text", "received_at": "timestamptz", "remote_addr": "text", "raw_query": "text", "outcome": "text",
    "reason": "text", "field": "text", "flags": "text",
}  # fmt: skip
_CALL_COLUMNS = {
    "call_id": "text", "started_at": "timestamptz", "status": "text", **dict.fromkeys(TEXT_FIELDS, "text"),
    **dict.fromkeys(NUMBER_FIELDS, "integer"), "has_conflict": "boolean", "received_at": "timestamptz",
    "told_at": "timestamptz", "updated_at": "timestamptz",
}  # fmt: skip
# A row is a push. The first row of each call also has the call's columns, with later pushes of the batch merged in. In
# the later rows `adds` says whether the push changed the call. `first_at` and `last_at` are `received_at` and `told_at`
# of the call as of this push, and `updated_at` identifies the batch. From these the SQL derives the push's outcome.
COLUMNS = (
    _PUSH_COLUMNS | _CALL_COLUMNS | {"first_at": "timestamptz", "last_at": "timestamptz", "adds": "boolean"}
)


def write_batch(rows: list[PushRow]) -> list[int]:
    """Write and commit the rows. Raises DatabaseError.

    Returns the ids of late calls: their newest push is not in this batch and the batch disagrees with it.
    """
    database = connections[DEFAULT_DB_ALIAS]  # `connection` would look it up again for each attribute
    database.ensure_connection()
    with database.wrap_database_errors:
        statement = _statements.get(database)
        if statement is None or statement.connection is not database.connection:
            statement = _statements[database] = _STATEMENT_BY_VENDOR[database.vendor](database.connection)
        return statement.write(rows, in_transaction=database.in_atomic_block)


class _BatchStatement(Protocol):
    """The statement of one driver connection. Refers to no Django object, which would then outlive its thread."""

    connection: Any

    def write(self, rows: list[PushRow], *, in_transaction: bool) -> list[int]:
        """`in_transaction`: the caller has opened a transaction. Without one, this commits."""


_statements: WeakKeyDictionary[BaseDatabaseWrapper, _BatchStatement] = WeakKeyDictionary()

_CALL_COLUMN_LIST = ", ".join(_CALL_COLUMNS)
_UPSERT_CALLS = f"""INSERT INTO calllogs_calllog ({_CALL_COLUMN_LIST})
    SELECT {{values}} {{source}} WHERE {{row}}.call_id IS NOT NULL AND {{row}}.adds IS NULL {{order}}
    ON CONFLICT (call_id) DO UPDATE SET {MERGE_SQL}"""
_PUSH_OUTCOME = """COALESCE({row}.outcome, CASE
    WHEN {row}.adds IS NULL AND stored.updated_at = {row}.updated_at AND stored.received_at = {row}.first_at
        THEN 'STORED'
    WHEN stored.updated_at = {row}.updated_at AND COALESCE({row}.adds, true) THEN 'MERGED'
    ELSE 'REPEAT' END)"""
# An unusable push may be stored again after it was corrected. A push that became a call never changes.
_UPSERT_PUSHES = f"""INSERT INTO calllogs_push
    (uid, received_at, remote_addr, raw_query, outcome, reason, field, flags, call_id)
    SELECT {{row}}.uid, {{row}}.received_at, {{row}}.remote_addr, {{row}}.raw_query, {_PUSH_OUTCOME},
    {{row}}.reason, {{row}}.field, {{row}}.flags, stored.id
    FROM {{source}} LEFT JOIN {{calls}} AS stored ON stored.call_id = {{row}}.call_id WHERE true
    ON CONFLICT (uid) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason, field = excluded.field,
    flags = excluded.flags, call_id = excluded.call_id, raw_query = excluded.raw_query
    WHERE calllogs_push.outcome = 'REJECTED'"""
_IS_LATE_CONDITION = (
    "stored.call_id = {row}.call_id AND stored.has_conflict AND stored.told_at > {row}.last_at"
)


class _PostgresqlStatement:
    """Calls libpq directly. With Django's cursor each batch is parsed and planned again, which takes three times as
    long as executing it. The driver's cursor costs as much interpreter time as the rest of storing a batch."""

    # Ordered, so that two batches with the same calls wait for each other instead of deadlocking.
    _UPSERT_CALLS_FIRST = _UPSERT_CALLS.format(
        row="batch", values=_CALL_COLUMN_LIST, source="FROM batch", order="ORDER BY call_id"
    )
    SQL = (
        "WITH batch AS MATERIALIZED (SELECT * FROM json_to_recordset($1::json)"
        f" AS record({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})),"
        f" stored_calls AS ({_UPSERT_CALLS_FIRST}"
        " RETURNING call_id, id, received_at, told_at, updated_at, has_conflict),"
        f" stored_pushes AS ({_UPSERT_PUSHES.format(row='batch', source='batch', calls='stored_calls')})"
        f" SELECT DISTINCT stored.id FROM stored_calls AS stored, batch WHERE {_IS_LATE_CONDITION.format(row='batch')}"
    )

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.connection, self._server = connection, connection.pgconn
        self._check_result(self._server.prepare(b"store", self.SQL.encode()))

    def write(self, rows: list[PushRow], *, in_transaction: bool) -> list[int]:
        if in_transaction:  # the driver opens the transaction with the first statement of its own
            self.connection.execute("SELECT")
        late = self._check_result(self._server.exec_prepared(b"store", [orjson.dumps(rows)]))
        return [int(late.get_value(row, 0) or 0) for row in range(late.ntuples)]

    def _check_result(self, result: PGresult) -> PGresult:
        """The result. Raises the same errors as the driver."""
        if self._server.status == ConnStatus.BAD:
            raise psycopg.OperationalError("the connection is lost")
        if result.status not in {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}:
            raise error_from_result(result)
        return result


class _SqliteStatement:
    """View, trigger and function are temporary: they exist in this connection only, not in the database file."""

    VIEW = f"CREATE TEMP VIEW IF NOT EXISTS incoming_push AS SELECT {', '.join(f'NULL AS {name}' for name in COLUMNS)}"
    _UPSERT_CALL_FIRST = _UPSERT_CALLS.format(
        row="new", values=", ".join(f"new.{name}" for name in _CALL_COLUMNS), source="", order=""
    )
    TRIGGER = f"""CREATE TEMP TRIGGER IF NOT EXISTS store_incoming_push INSTEAD OF INSERT ON incoming_push BEGIN
        {_UPSERT_CALL_FIRST};
        {_UPSERT_PUSHES.format(row="new", source="(SELECT 1)", calls="calllogs_calllog")};
        SELECT record_late_call(stored.id) FROM calllogs_calllog AS stored WHERE {_IS_LATE_CONDITION.format(row="new")};
        END"""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._late: set[int] = set()
        self._is_ready = False
        connection.create_function("record_late_call", 1, self._late.add)

    def write(self, rows: list[PushRow], *, in_transaction: bool) -> list[int]:
        if not self._is_ready:
            for text in (self.VIEW, self.TRIGGER):
                sqlite3.Cursor(self.connection).execute(text)
            self._is_ready = not in_transaction  # a rollback would drop them
        self._late.clear()
        with transaction.atomic() if len(rows) > ROWS_PER_STATEMENT else nullcontext():
            for start in range(0, len(rows), ROWS_PER_STATEMENT):
                chunk = rows[start : start + ROWS_PER_STATEMENT]
                # The driver's cursor: Django's would search the long SQL text for placeholders.
                sqlite3.Cursor(self.connection).execute(
                    self.insert_sql(len(chunk)),
                    [_to_sqlite_value(row.get(name)) for row in chunk for name in COLUMNS],
                )
        return list(self._late)

    @staticmethod
    @lru_cache(maxsize=ROWS_PER_STATEMENT)
    def insert_sql(rows: int) -> str:
        placeholders = f"({', '.join('?' * len(COLUMNS))})"
        return f"INSERT INTO incoming_push ({', '.join(COLUMNS)}) VALUES {', '.join([placeholders] * rows)}"


_STATEMENT_BY_VENDOR: dict[str, Callable[[Any], _BatchStatement]] = {
    "postgresql": _PostgresqlStatement,
    "sqlite": _SqliteStatement,
}


def _to_sqlite_value(value: Any) -> Any:
    """A datetime as Django's SQLite backend stores it: in UTC (ours always are) without the offset."""
    return value.isoformat(" ").removesuffix("+00:00") if isinstance(value, dt.datetime) else value
