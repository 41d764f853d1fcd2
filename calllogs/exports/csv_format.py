"""Calls as CSV: UTF-8 with BOM, RFC 4180, header first, piece by piece."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from calllogs.exports.columns import COLUMNS, DEFINITIONS, Column, cells
from calllogs.exports.metadata import Tally
from calllogs.exports.snapshot import Snapshot
from calllogs.models import CallLog

BOM = "\ufeff"
ROWS_IN_A_PIECE = 1000


def chunks(
    snapshot: Snapshot, calls: QuerySet[CallLog], tally: Tally, columns: tuple[Column, ...] = DEFINITIONS
) -> Iterator[bytes]:
    """The file in whole lines; memory does not grow with its length."""
    write = _copied if snapshot.can_copy else _written
    lines = write(snapshot, calls, tally, columns)
    head = (BOM + _text([COLUMNS])).encode()
    for piece in lines:
        yield head + piece
        head = b""
    if head:
        yield head


def message_row(text: str) -> bytes:
    """One more line, that says so where the file had to end early."""
    return _text([[text]]).encode()


def _copied(
    snapshot: Snapshot, calls: QuerySet[CallLog], tally: Tally, columns: tuple[Column, ...]
) -> Iterator[bytes]:
    """Every line comes by itself and ends in a bare newline; one inside of a cell stays what it is."""
    lines = snapshot.copy(calls, (column.sql for column in columns), options="FORMAT csv")
    while piece := list(islice(lines, ROWS_IN_A_PIECE)):
        tally.rows += len(piece)
        whole = b"".join(piece)
        if whole.count(b"\n") > len(piece):
            yield b"".join(line[:-1] + b"\r\n" for line in piece)
        else:
            yield whole.replace(b"\n", b"\r\n")


def _written(
    snapshot: Snapshot, calls: QuerySet[CallLog], tally: Tally, columns: tuple[Column, ...]
) -> Iterator[bytes]:
    rows = (cells(call, snapshot.setting, columns) for call in snapshot.calls(calls))
    while piece := list(islice(rows, ROWS_IN_A_PIECE)):
        tally.rows += len(piece)
        yield _text(piece).encode()


def _text(rows: Iterable[Iterable[Any]]) -> str:
    buffer = StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()
