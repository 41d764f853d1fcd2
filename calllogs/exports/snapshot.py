"""A consistent snapshot of the database for the duration of one export.

It has its own connection, because the export keeps that busy to the last row while its record is updated on another.
The rows that were counted are the rows that are read, even if calls are stored meanwhile.
"""

import json
import select
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import QuerySet
from psycopg import pq
from psycopg.errors import error_from_result

from calllogs.calls.count_estimates import compile_sql
from calllogs.exports.columns import FIELDS, CallRow, CellContext
from calllogs.models import CallLog
from ivrportal.common.spreadsheet import escape_formula
from settings_sync.models import Agent

NEWEST_FIRST = ("-started_at", "-id")
# Above this many calls, rows are read in index order: with a sort, the first row would wait for the last.
SORT_LIMIT = 50_000


class Snapshot:
    """A context manager. Another thread than the one that opened it may continue reading."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._counted = 0
        self._connection = connection.copy()
        self._connection.inc_thread_sharing()
        try:
            self._begin()
            names = self._read(Agent.objects.values_list("number", "name"))
            self.cell_context = CellContext(zone, {number: escape_formula(name) for number, name in names})
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Snapshot":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @property
    def can_copy(self) -> bool:
        """True on PostgreSQL, which generates the rows of the file with COPY."""
        return self._connection.vendor == "postgresql"

    def count(self, calls: QuerySet[CallLog], *, at_most: int | None = None) -> int:
        """The number of calls, but no more than `at_most`."""
        rows, parameters = compile_sql(calls.order_by().values("pk")[:at_most], at=self._connection)
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM ({rows}) AS counted", parameters)
            (self._counted,) = cursor.fetchone()
        return self._counted

    def calls(self, calls: QuerySet[CallLog]) -> Iterator[CallRow]:
        """Yields the calls newest first, fetched in batches."""
        return map(CallRow._make, self._read(calls.order_by(*NEWEST_FIRST).values_list(*FIELDS)))

    def copy(self, calls: QuerySet[CallLog], cells: Iterable[str], *, options: str) -> Iterator[bytes]:
        """Yields one line of bytes for each call, newest first: the SQL expressions `cells` as COPY writes them.

        The expressions may use `call` and `agent`, see `ExportColumn`.
        """
        rows, parameters = compile_sql(calls.order_by().values("id", *FIELDS), at=self._connection)
        selected = (
            f"SELECT {', '.join(cells)} FROM ({rows}) AS call CROSS JOIN (SELECT %s::jsonb AS names) AS agent"
            " ORDER BY call.started_at DESC, call.id DESC"
        )
        # COPY accepts no parameters, so the driver interpolates them.
        with self._connection.wrap_database_errors, self._connection.connection.cursor() as cursor:
            # The session now uses the export's zone. Django expects UTC but reads no rows from it.
            cursor.execute("SELECT set_config('TimeZone', %s, true)", [self.cell_context.zone.key])
            if self._counted > SORT_LIMIT:
                cursor.execute("SET LOCAL enable_sort = off")
            statement = cursor.mogrify(
                f"COPY ({selected}) TO STDOUT WITH ({options})",
                [*parameters, json.dumps(self.cell_context.names)],
            )
            yield from _copy_rows(self._connection.connection.pgconn, statement.encode())

    def _begin(self) -> None:
        with self._connection.cursor() as cursor:
            if self.can_copy:
                cursor.execute("SET jit = off")  # compiling would only delay the first row
                cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            else:
                cursor.execute("BEGIN")  # not IMMEDIATE: a reader must not block writers

    def _read(self, rows: Any) -> Iterator[Any]:
        compiler = rows.query.get_compiler(connection=self._connection)
        return compiler.results_iter(tuple_expected=True, chunked_fetch=True, chunk_size=2000)


def _copy_rows(pgconn: pq.abc.PGconn, statement: bytes) -> Iterator[bytes]:
    """Yields the rows of a COPY. Raises psycopg.Error. A caller that stops early must close the connection.

    Uses libpq directly: psycopg's own Copy prepares to wait before each row, which costs more than the row.
    """
    ready = select.poll()
    ready.register(pgconn.socket, select.POLLIN)
    result = pgconn.exec_(statement)
    if result.status != pq.ExecStatus.COPY_OUT:
        raise error_from_result(result)
    while True:
        size, row = pgconn.get_copy_data(1)
        if size > 0:
            yield bytes(row)
        elif size == 0:  # no complete row has arrived yet
            ready.poll()
            pgconn.consume_input()
        else:
            break
    while (final := pgconn.get_result()) is not None:
        if final.status != pq.ExecStatus.COMMAND_OK:
            raise error_from_result(final)
