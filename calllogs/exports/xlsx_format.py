"""Calls as a workbook (XLSX) in chunks.

PostgreSQL generates the rows of a sheet as XML, and they are compressed as they arrive. With SQLite, XlsxWriter writes
a temporary file, and the first chunk follows after the last row is written.
"""

from collections.abc import Iterator
from io import RawIOBase
from itertools import chain, count, groupby, islice
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from django.db.models import QuerySet

from calllogs.exports import workbook
from calllogs.exports.columns import COLUMNS, ExportColumn, build_cells
from calllogs.exports.metadata import ExportMetadata, RowCounter
from calllogs.exports.snapshot import Snapshot
from calllogs.models import CallLog

Columns = tuple[ExportColumn, ...]

ROWS_PER_CHUNK = 1000
BYTES_PER_CHUNK = 1 << 18
# A file of over 2 GiB in a ZIP needs an extension that Excel offers to repair, so a new sheet starts before.
MAX_SHEET_BYTES = 2_000_000_000
# The fastest level: the file becomes about a tenth larger.
COMPRESSION = 1


def chunks(
    snapshot: Snapshot,
    calls: QuerySet[CallLog],
    counter: RowCounter,
    metadata: ExportMetadata,
    columns: Columns = COLUMNS,
) -> Iterator[bytes]:
    """Yields the file. An empty chunk means that none is ready yet. Updates `counter`."""
    generate = _copy_chunks if snapshot.can_copy else _python_chunks
    return generate(snapshot, calls, counter, metadata, columns)


# --- SQLite: XlsxWriter writes the file ------------------------------------------------------------------


def _python_chunks(
    snapshot: Snapshot,
    calls: QuerySet[CallLog],
    counter: RowCounter,
    metadata: ExportMetadata,
    columns: Columns,
) -> Iterator[bytes]:
    with TemporaryDirectory() as scratch, TemporaryFile(dir=scratch) as file:
        call_workbook = workbook.CallWorkbook(file, scratch)
        rows = (build_cells(call, snapshot.cell_context, columns) for call in snapshot.calls(calls))
        for row in chain([next(rows, None)], rows):
            row_number = counter.rows % (workbook.MAX_ROWS - 1) + 1
            if row_number == 1:
                sheet = call_workbook.add_sheet()
            if row is not None:
                call_workbook.write_row(sheet, row_number, row)
                counter.rows += 1
            if row_number % ROWS_PER_CHUNK == 0:
                yield b""
        call_workbook.close(metadata, rows=counter.rows)
        file.seek(0)
        yield from iter(lambda: file.read(BYTES_PER_CHUNK), b"")


# --- PostgreSQL: the database writes the rows ------------------------------------------------------------


class _ChunkBuffer(RawIOBase):
    """The write-only output of the ZIP archive. Not seekable, so the archive stores sizes after their contents."""

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


def _copy_chunks(
    snapshot: Snapshot,
    calls: QuerySet[CallLog],
    counter: RowCounter,
    metadata: ExportMetadata,
    columns: Columns,
) -> Iterator[bytes]:
    template_files = workbook.build_parts(metadata, sheets=2, rows=0)
    style = workbook.split_sheet(template_files, 1).text_style
    lines: Iterator[bytes] = snapshot.copy(calls, [_row_sql(style, columns)], options=_COPY_OPTIONS)
    buffer = _ChunkBuffer()
    with ZipFile(buffer, "w", ZIP_DEFLATED, compresslevel=COMPRESSION) as archive:
        for sheets in count(1):
            sheet = workbook.split_sheet(template_files, min(sheets, 2))
            with archive.open(workbook.sheet_path(sheets), "w") as file:
                file.write(sheet.before)
                for xml in _take_sheet_rows(lines, counter):
                    file.write(xml)
                    yield buffer.take()
                file.write(sheet.after)
            first_of_next = list(islice(lines, 1))
            if not first_of_next:
                break
            lines = chain(first_of_next, lines)
        # The files that list the sheets come last, when the number of sheets is known.
        final_files = workbook.build_parts(metadata, sheets=sheets, rows=counter.rows)
        written = set(archive.namelist())
        for path, content in final_files.items():
            if path not in written:
                archive.writestr(path, content)
    yield buffer.take()


def _take_sheet_rows(lines: Iterator[bytes], counter: RowCounter) -> Iterator[bytes]:
    rows_left, size = workbook.MAX_ROWS - 1, 0
    while size < MAX_SHEET_BYTES and (batch := list(islice(lines, min(rows_left, ROWS_PER_CHUNK)))):
        xml = b"".join(batch)
        rows_left -= len(batch)
        size += len(xml)
        counter.rows += len(batch)
        yield xml


# COPY writes the XML unchanged, because it contains neither of these characters.
_COPY_OPTIONS = "FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02'"
_SEPARATOR = "E'\\x1f'"
_CELL_END = "</t></is></c>"
# What XML or Excel would not keep unchanged: control characters, text that looks like Excel's encoding of one
# (`_x000D_`), and whitespace at either end. Rare and slow to encode, so each row is tested once.
_CONTROL = "[\\u0001-\\u0008\\u000b-\\u001f\\ufffe\\uffff]"
_LOOKS_LIKE_CONTROL = "_(?=x[0-9a-fA-F]{4}_)"
_IS_SPECIAL = f"{_CONTROL}|\\n|{_LOOKS_LIKE_CONTROL}|(^|\\|)\\s|\\s(\\||$)"


def _row_sql(style: int, columns: Columns) -> str:
    """SQL expression for the XML of a row. Rows and cells carry no references: their order defines their position."""
    raw = ", ".join(column.raw_sql for column in columns if column.raw_sql)
    plain = _cells_sql(f'<c s="{style}" t="inlineStr"><is><t>', columns, special=False)
    special = _cells_sql(f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">', columns, special=True)
    return f"CASE WHEN concat_ws('|', {raw}) ~ '{_IS_SPECIAL}' THEN {special} ELSE {plain} END"


def _cells_sql(start: str, columns: Columns, *, special: bool) -> str:
    """SQL expression for the cells. Adjacent texts are joined and escaped together, which is much faster."""
    groups = []
    for is_number, group in groupby(columns, key=lambda column: column.is_number):
        if is_number:
            groups += [f"coalesce('<c><v>' || {column.sql} || '</v></c>', '<c/>')" for column in group]
        else:
            texts = [_encode_control_sql(column.sql) if special else column.sql for column in group]
            joined = _escape_sql(f"concat_ws({_SEPARATOR}, {', '.join(texts)})", special=special)
            groups.append(
                f"'{start}' || replace({joined}, {_SEPARATOR}, '{_CELL_END}{start}') || '{_CELL_END}'"
            )
    return f"replace('<row>' || {' || '.join(groups)} || '</row>', '{start}{_CELL_END}', '<c/>')"


def _escape_sql(text: str, *, special: bool) -> str:
    entities = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | ({"\n": "&#10;"} if special else {})
    for character, entity in entities.items():
        text = f"replace({text}, '{character}', '{entity}')"
    return text


def _encode_control_sql(text: str) -> str:
    """Encodes control characters as Excel does and escapes text that only looks encoded, as XlsxWriter does."""
    escaped = f"regexp_replace({text}, '{_LOOKS_LIKE_CONTROL}', '_x005F_', 'g')"
    encoded = "'_x' || lpad(upper(to_hex(ascii(one_char))), 4, '0') || '_'"
    each = f"CASE WHEN one_char ~ '{_CONTROL}' THEN {encoded} ELSE one_char END"
    characters = f"regexp_split_to_table({escaped}, '') WITH ORDINALITY AS characters (one_char, char_index)"
    return f"(SELECT coalesce(string_agg({each}, '' ORDER BY char_index), '') FROM {characters})"
