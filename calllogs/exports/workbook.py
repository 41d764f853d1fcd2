"""The workbook around the calls, made by XlsxWriter: styles, header rows, and the sheet "About this export"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, Any, NamedTuple
from zipfile import ZipFile

from django.utils.translation import gettext as _
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from calllogs.exports.columns import COLUMNS, DEFINITIONS
from calllogs.exports.metadata import Facts

MOST_ROWS = 1_048_576  # of a sheet, with the header's
OPTIONS = {
    "constant_memory": True,  # rows go to a file, not into memory; and texts stand in their cells
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
_WIDTHS = {"call_id": 24, "started_at": 27, "recording_url": 40}
_WIDTH = 18


@dataclass
class Book:
    """A workbook that grows by sheets of calls. The sheet about the export is always the second."""

    file: IO[bytes]
    scratch: str | None = None  # directory for the rows so far; the system's if not given
    sheets: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._book = Workbook(self.file, {**OPTIONS, "tmpdir": self.scratch})
        self._head = self._book.add_format({"bold": True, "bottom": 1})
        # A text also after a person has edited the cell: a number keeps its plus and its zeros.
        self._text = self._book.add_format({"num_format": "@"})

    def add_sheet(self) -> Worksheet:
        """A sheet for calls, with its header row."""
        self.sheets += 1
        name = _("Calls") if self.sheets == 1 else _("Calls %(number)d") % {"number": self.sheets}
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(DEFINITIONS):
            style = None if column.is_number else self._text
            sheet.set_column(place, place, _WIDTHS.get(column.name, _WIDTH), style)
        sheet.write_row(0, 0, COLUMNS, self._head)
        if self.sheets == 1:
            self._about = self._book.add_worksheet(_("About this export"))
        return sheet

    def write(self, sheet: Worksheet, line: int, cells: list[str | int | None]) -> None:
        """One row; an empty cell is left out."""
        for place, cell in enumerate(cells):
            if isinstance(cell, int):
                sheet.write_number(line, place, cell)
            elif cell:
                sheet.write_string(line, place, cell, self._text)

    def close(self, facts: Facts, *, rows: int) -> None:
        self._about.set_column(0, 0, _WIDTH)
        self._about.set_column(1, 1, 80)
        for line, (name, value) in enumerate(facts.lines(rows=rows)):
            self._about.write_string(line, 0, name, self._head)
            write: Any = self._about.write_number if isinstance(value, int) else self._about.write_string
            write(line, 1, value, self._text)
        self._book.close()


# --- the parts of a workbook without calls, for those who write the calls themselves -----------------------


class Sheet(NamedTuple):
    """A sheet's XML before and after its rows of calls, and the number of the style of a text."""

    before: bytes
    after: bytes
    text_style: int


def parts(facts: Facts, *, sheets: int, rows: int) -> dict[str, bytes]:
    """The files of a workbook with so many sheets for calls, by their paths."""
    buffer = BytesIO()
    book = Book(buffer)
    for _number in range(sheets):
        book.add_sheet()
    book.close(facts, rows=rows)
    with ZipFile(buffer) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sheet_path(number: int) -> str:
    """Where the sheet of calls of this number lies, from 1 on."""
    return f"xl/worksheets/sheet{number if number == 1 else number + 1}.xml"


def sheet_of(files: Mapping[str, bytes], number: int) -> Sheet:
    """Without the dimension, which would have to tell how many rows will come."""
    before, end, after = files[sheet_path(number)].partition(b"</sheetData>")
    style = re.search(rb'<col [^>]*style="([0-9]+)"', before)
    assert style is not None
    return Sheet(re.sub(rb"<dimension [^>]*/>", b"", before), end + after, int(style[1]))
