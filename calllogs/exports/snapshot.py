"""One moment of the database, held for as long as an export reads it, on a connection of its own.

A connection of its own, because an export keeps it busy to the last row, while the export's record is written beside.
What was counted is what is read, whatever is stored meanwhile.
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

from calllogs.calls.count_estimates import sql_of
from calllogs.exports.columns import FIELDS, Call, Setting
from calllogs.models import CallLog
from ivrportal.common.spreadsheet import safe
from settings_sync.models import Agent

NEWEST_FIRST = ("-started_at", "-id")
MANY = 50_000  # calls that are taken from the index as they come: sorted, the first would wait for the last


class Snapshot:
    """Use as a context, or close it; a thread other than the one that opened it may read on."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._counted = 0
        self._own = connection.copy()
        self._own.inc_thread_sharing()
        try:
            self._begin()
            names = self._read(Agent.objects.values_list("number", "name"))
            self.setting = Setting(zone, {number: safe(name) for number, name in names})
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
        self._own.close()

    @property
    def can_copy(self) -> bool:
        """PostgreSQL writes the file's rows itself; of SQLite, calls are read."""
        return self._own.vendor == "postgresql"

    def count(self, calls: QuerySet[CallLog], *, at_most: int | None = None) -> int:
        """How many they are; `at_most` if there are more."""
        rows, parameters = sql_of(calls.order_by().values("pk")[:at_most], at=self._own)
        with self._own.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM ({rows}) AS counted", parameters)
            (self._counted,) = cursor.fetchone()
        return self._counted

    def calls(self, calls: QuerySet[CallLog]) -> Iterator[Call]:
        """The calls, newest first, a few at a time."""
        return map(Call._make, self._read(calls.order_by(*NEWEST_FIRST).values_list(*FIELDS)))

    def copy(self, calls: QuerySet[CallLog], cells: Iterable[str], *, options: str) -> Iterator[bytes]:
        """A line of bytes for each call, newest first, as PostgreSQL's COPY writes these expressions.

        They may name `call` and `agent`, as those of the columns do.
        """
        rows, parameters = sql_of(calls.order_by().values("id", *FIELDS), at=self._own)
        chosen = (
            f"SELECT {', '.join(cells)} FROM ({rows}) AS call CROSS JOIN (SELECT %s::jsonb AS names) AS agent"
            " ORDER BY call.started_at DESC, call.id DESC"
        )
        # The driver writes the parameters into the text: COPY itself takes none.
        with self._own.wrap_database_errors, self._own.connection.cursor() as cursor:
            # From here on this session tells moments in the zone; Django, which expects UTC, reads none of them.
            cursor.execute("SELECT set_config('TimeZone', %s, true)", [self.setting.zone.key])
            if self._counted > MANY:
                cursor.execute("SET LOCAL enable_sort = off")
            statement = cursor.mogrify(
                f"COPY ({chosen}) TO STDOUT WITH ({options})", [*parameters, json.dumps(self.setting.names)]
            )
            yield from _copied(self._own.connection.pgconn, statement.encode())

    def _begin(self) -> None:
        with self._own.cursor() as cursor:
            if self.can_copy:
                cursor.execute("SET jit = off")  # compiling would only delay the first row
                cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            else:
                cursor.execute("BEGIN")  # not IMMEDIATE: whoever only reads locks nobody out

    def _read(self, rows: Any) -> Iterator[Any]:
        compiler = rows.query.get_compiler(connection=self._own)
        return compiler.results_iter(tuple_expected=True, chunked_fetch=True, chunk_size=2000)


def _copied(pgconn: pq.abc.PGconn, statement: bytes) -> Iterator[bytes]:
    """The rows of a COPY. Raises psycopg.Error; whoever does not read to the end closes the connection.

    From the driver's lower floor: the upper one prepares for a wait before each row, which costs more than the row.
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
        elif size == 0:  # no whole row has come yet
            ready.poll()
            pgconn.consume_input()
        else:
            break
    while (end := pgconn.get_result()) is not None:
        if end.status != pq.ExecStatus.COMMAND_OK:
            raise error_from_result(end)
