"""The workbook around the calls, built with XlsxWriter: styles, header rows, and the sheet "About this export"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, Any, NamedTuple
from zipfile import ZipFile

from django.utils.translation import gettext as _
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from calllogs.exports.columns import COLUMN_NAMES, COLUMNS
from calllogs.exports.metadata import ExportMetadata

MAX_ROWS = 1_048_576  # of a sheet, including the header row
OPTIONS = {
    "constant_memory": True,  # rows go to a temporary file; strings are stored in their cells
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
_WIDTHS = {"call_id": 24, "started_at": 27, "recording_url": 40}
_WIDTH = 18


@dataclass
class CallWorkbook:
    """A workbook with one or more sheets of calls. The sheet about the export is always the second."""

    file: IO[bytes]
    scratch: str | None = None  # directory of temporary files; default: the system's
    sheets: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._workbook = Workbook(self.file, {**OPTIONS, "tmpdir": self.scratch})
        self._header_format = self._workbook.add_format({"bold": True, "bottom": 1})
        # Format "text", so that a telephone number keeps its plus and zeros when a user edits the cell.
        self._text_format = self._workbook.add_format({"num_format": "@"})

    def add_sheet(self) -> Worksheet:
        """Adds a sheet for calls with its header row."""
        self.sheets += 1
        name = _("Calls") if self.sheets == 1 else _("Calls %(number)d") % {"number": self.sheets}
        sheet = self._workbook.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for column_index, column in enumerate(COLUMNS):
            style = None if column.is_number else self._text_format
            sheet.set_column(column_index, column_index, _WIDTHS.get(column.name, _WIDTH), style)
        sheet.write_row(0, 0, COLUMN_NAMES, self._header_format)
        if self.sheets == 1:
            self._about = self._workbook.add_worksheet(_("About this export"))
        return sheet

    def write_row(self, sheet: Worksheet, row: int, cells: list[str | int | None]) -> None:
        """Writes one row; leaves out empty cells."""
        for column_index, cell in enumerate(cells):
            if isinstance(cell, int):
                sheet.write_number(row, column_index, cell)
            elif cell:
                sheet.write_string(row, column_index, cell, self._text_format)

    def close(self, metadata: ExportMetadata, *, rows: int) -> None:
        self._about.set_column(0, 0, _WIDTH)
        self._about.set_column(1, 1, 80)
        for row, (name, value) in enumerate(metadata.labelled_values(rows=rows)):
            self._about.write_string(row, 0, name, self._header_format)
            write: Any = self._about.write_number if isinstance(value, int) else self._about.write_string
            write(row, 1, value, self._text_format)
        self._workbook.close()


# --- the files of a workbook without calls, for PostgreSQL, which writes the rows ---------------------------


class SheetTemplate(NamedTuple):
    """A sheet's XML before and after its rows of calls, and the index of the text style."""

    before: bytes
    after: bytes
    text_style: int


def build_parts(metadata: ExportMetadata, *, sheets: int, rows: int) -> dict[str, bytes]:
    """The files of a workbook with this many sheets for calls: {path: content}."""
    buffer = BytesIO()
    workbook = CallWorkbook(buffer)
    for _number in range(sheets):
        workbook.add_sheet()
    workbook.close(metadata, rows=rows)
    with ZipFile(buffer) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sheet_path(number: int) -> str:
    """The path of the sheet of calls with this number, counted from 1."""
    return f"xl/worksheets/sheet{number if number == 1 else number + 1}.xml"


def split_sheet(files: Mapping[str, bytes], number: int) -> SheetTemplate:
    """Leaves out the dimension element, which would need the number of rows in advance."""
    before, end, after = files[sheet_path(number)].partition(b"</sheetData>")
    style = re.search(rb'<col [^>]*style="([0-9]+)"', before)
    assert style is not None
    return SheetTemplate(re.sub(rb"<dimension [^>]*/>", b"", before), end + after, int(style[1]))
