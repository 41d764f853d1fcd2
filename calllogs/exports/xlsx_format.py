"""Calls as a workbook (XLSX), piece by piece.

PostgreSQL writes the rows of a sheet itself, as XML, and they are packed as they come. Of SQLite, calls are read, and
XlsxWriter writes the file, which begins to come when its last row is written.
"""

from collections.abc import Iterator
from io import RawIOBase
from itertools import chain, count, groupby, islice
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from django.db.models import QuerySet

from calllogs.exports import workbook
from calllogs.exports.columns import DEFINITIONS, Column, cells
from calllogs.exports.metadata import Facts, Tally
from calllogs.exports.snapshot import Snapshot
from calllogs.models import CallLog

Columns = tuple[Column, ...]

ROWS_IN_A_PIECE = 1000
BYTES_IN_A_PIECE = 1 << 18
# Beyond 2 GiB a file in a ZIP needs an extension that Excel offers to repair: a sheet ends before.
MOST_BYTES = 2_000_000_000
# Speed matters more than the last tenth of the size.
COMPRESSION = 1


def chunks(
    snapshot: Snapshot, calls: QuerySet[CallLog], tally: Tally, facts: Facts, columns: Columns = DEFINITIONS
) -> Iterator[bytes]:
    """The file. An empty piece means that there is none yet."""
    write = _streamed if snapshot.can_copy else _written
    return write(snapshot, calls, tally, facts, columns)


# --- SQLite: a library writes it -------------------------------------------------------------------------


def _written(
    snapshot: Snapshot, calls: QuerySet[CallLog], tally: Tally, facts: Facts, columns: Columns
) -> Iterator[bytes]:
    with TemporaryDirectory() as scratch, TemporaryFile(dir=scratch) as file:
        book = workbook.Book(file, scratch)
        rows = (cells(call, snapshot.setting, columns) for call in snapshot.calls(calls))
        for row in chain([next(rows, None)], rows):
            line = tally.rows % (workbook.MOST_ROWS - 1) + 1
            if line == 1:
                sheet = book.add_sheet()
            if row is not None:
                book.write(sheet, line, row)
                tally.rows += 1
            if line % ROWS_IN_A_PIECE == 0:
                yield b""
        book.close(facts, rows=tally.rows)
        file.seek(0)
        yield from iter(lambda: file.read(BYTES_IN_A_PIECE), b"")


# --- PostgreSQL: the database writes the rows ------------------------------------------------------------


class _ChunkBuffer(RawIOBase):
    """Where the archive is written to. It cannot go back, so sizes come behind their contents."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken


def _streamed(
    snapshot: Snapshot, calls: QuerySet[CallLog], tally: Tally, facts: Facts, columns: Columns
) -> Iterator[bytes]:
    around = workbook.parts(facts, sheets=2, rows=0)
    style = workbook.sheet_of(around, 1).text_style
    lines: Iterator[bytes] = snapshot.copy(calls, [_row_sql(style, columns)], options=_BARE)
    outlet = _ChunkBuffer()
    with ZipFile(outlet, "w", ZIP_DEFLATED, compresslevel=COMPRESSION) as archive:
        for sheets in count(1):
            sheet = workbook.sheet_of(around, min(sheets, 2))
            with archive.open(workbook.sheet_path(sheets), "w") as file:
                file.write(sheet.before)
                for xml in _of_one_sheet(lines, tally):
                    file.write(xml)
                    yield outlet.take()
                file.write(sheet.after)
            first_of_next = list(islice(lines, 1))
            if not first_of_next:
                break
            lines = chain(first_of_next, lines)
        # What names the sheets comes last, when their number is known.
        whole = workbook.parts(facts, sheets=sheets, rows=tally.rows)
        written = set(archive.namelist())
        for path, content in whole.items():
            if path not in written:
                archive.writestr(path, content)
    yield outlet.take()


def _of_one_sheet(lines: Iterator[bytes], tally: Tally) -> Iterator[bytes]:
    room, size = workbook.MOST_ROWS - 1, 0
    while size < MOST_BYTES and (piece := list(islice(lines, min(room, ROWS_IN_A_PIECE)))):
        xml = b"".join(piece)
        room -= len(piece)
        size += len(xml)
        tally.rows += len(piece)
        yield xml


# One column of XML, which holds none of these signs: so COPY writes it as it is.
_BARE = "FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02'"
_BETWEEN = "E'\\x1f'"
_END = "</t></is></c>"
# What XML, or Excel's reading of it, does not take as it is: control signs, what looks like Excel's own spelling of
# one (`_x000D_`), and blanks at either end. Rare, and slow to put right: so it is looked for once in a row.
_CONTROL = "[\\u0001-\\u0008\\u000b-\\u001f\\ufffe\\uffff]"
_LOOKS_LIKE_CONTROL = "_(?=x[0-9a-fA-F]{4}_)"
_IS_SPECIAL = f"{_CONTROL}|\\n|{_LOOKS_LIKE_CONTROL}|(^|\\|)\\s|\\s(\\||$)"


def _row_sql(style: int, columns: Columns) -> str:
    """The XML of a row, as an expression. Neither row nor cells say where they are: they follow one another."""
    written = ", ".join(column.written_sql for column in columns if column.written_sql)
    plain = _cells_sql(f'<c s="{style}" t="inlineStr"><is><t>', columns, special=False)
    special = _cells_sql(f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">', columns, special=True)
    return f"CASE WHEN concat_ws('|', {written}) ~ '{_IS_SPECIAL}' THEN {special} ELSE {plain} END"


def _cells_sql(start: str, columns: Columns, *, special: bool) -> str:
    """Neighbouring texts are put together first and escaped at once, which is much faster than one by one."""
    groups = []
    for is_number, these in groupby(columns, key=lambda column: column.is_number):
        if is_number:
            groups += [f"coalesce('<c><v>' || {column.sql} || '</v></c>', '<c/>')" for column in these]
        else:
            texts = [_spelled_sql(column.sql) if special else column.sql for column in these]
            joined = _escaped_sql(f"concat_ws({_BETWEEN}, {', '.join(texts)})", special=special)
            groups.append(f"'{start}' || replace({joined}, {_BETWEEN}, '{_END}{start}') || '{_END}'")
    return f"replace('<row>' || {' || '.join(groups)} || '</row>', '{start}{_END}', '<c/>')"


def _escaped_sql(text: str, *, special: bool) -> str:
    names = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | ({"\n": "&#10;"} if special else {})
    for sign, name in names.items():
        text = f"replace({text}, '{sign}', '{name}')"
    return text


def _spelled_sql(text: str) -> str:
    """Control signs in Excel's spelling, and what only looks so marked as a text: as XlsxWriter does it."""
    marked = f"regexp_replace({text}, '{_LOOKS_LIKE_CONTROL}', '_x005F_', 'g')"
    spelled = "'_x' || lpad(upper(to_hex(ascii(sign))), 4, '0') || '_'"
    each = f"CASE WHEN sign ~ '{_CONTROL}' THEN {spelled} ELSE sign END"
    signs = f"regexp_split_to_table({marked}, '') WITH ORDINALITY AS signs (sign, place)"
    return f"(SELECT coalesce(string_agg({each}, '' ORDER BY place), '') FROM {signs})"
