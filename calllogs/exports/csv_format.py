"""Calls as CSV in chunks: UTF-8 with BOM, RFC 4180, header first."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from calllogs.exports.columns import COLUMN_NAMES, COLUMNS, ExportColumn, build_cells
from calllogs.exports.metadata import RowCounter
from calllogs.exports.snapshot import Snapshot
from calllogs.models import CallLog

BOM = "\ufeff"
ROWS_PER_CHUNK = 1000


def chunks(
    snapshot: Snapshot,
    calls: QuerySet[CallLog],
    counter: RowCounter,
    columns: tuple[ExportColumn, ...] = COLUMNS,
) -> Iterator[bytes]:
    """Yields the file in whole lines; memory does not grow with its length. Updates `counter`."""
    generate = _copy_chunks if snapshot.can_copy else _python_chunks
    lines = generate(snapshot, calls, counter, columns)
    header = (BOM + _to_csv([COLUMN_NAMES])).encode()
    for batch in lines:
        yield header + batch
        header = b""
    if header:
        yield header


def message_row(text: str) -> bytes:
    """An extra last line, for a file that had to end early."""
    return _to_csv([[text]]).encode()


def _copy_chunks(
    snapshot: Snapshot, calls: QuerySet[CallLog], counter: RowCounter, columns: tuple[ExportColumn, ...]
) -> Iterator[bytes]:
    """COPY yields one line at a time, ending in LF; this makes it CRLF. Newlines inside a cell stay as they are."""
    lines = snapshot.copy(calls, (column.sql for column in columns), options="FORMAT csv")
    while batch := list(islice(lines, ROWS_PER_CHUNK)):
        counter.rows += len(batch)
        joined = b"".join(batch)
        if joined.count(b"\n") > len(batch):
            yield b"".join(line[:-1] + b"\r\n" for line in batch)
        else:
            yield joined.replace(b"\n", b"\r\n")


def _python_chunks(
    snapshot: Snapshot, calls: QuerySet[CallLog], counter: RowCounter, columns: tuple[ExportColumn, ...]
) -> Iterator[bytes]:
    rows = (build_cells(call, snapshot.cell_context, columns) for call in snapshot.calls(calls))
    while batch := list(islice(rows, ROWS_PER_CHUNK)):
        counter.rows += len(batch)
        yield _to_csv(batch).encode()


def _to_csv(rows: Iterable[Iterable[Any]]) -> str:
    buffer = StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()
