"""Read and write holidays as CSV; `ical_files` does the same for calendars. Plain Python, no Django.

No line is dropped silently: a line without a holiday becomes an `ImportProblem` with its line number, a `RowProblem`
and the text in question. `import_messages` turns it into a message.
"""

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

MAX_BYTES = 512 * 1024
MAX_ROWS = 2000
NAME_LENGTH = 100
BOM = "\ufeff"
HEADER = ("date", "name")

# Always day before month. A file with the month first is reported at its first day after the 12th.
_DATE_FORMATS = (
    "%Y-%m-%d",
    "%d-%m-%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%d %B %Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d-%B-%Y",
)
_DATE_LIKE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")
# The first bytes of common wrong uploads: XLSX, XLS, PDF.
_BINARY_SIGNATURES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF")
# A spreadsheet evaluates a cell that starts with one of these; a leading apostrophe prevents that.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class RowProblem(StrEnum):
    """Why a line is not a holiday. The comments name the content of `ImportProblem.about`."""

    NOT_A_DATE = "not_a_date"  # the text
    NO_SUCH_DAY = "no_such_day"  # the text, e.g. 2026-02-30
    NO_DATE = "no_date"
    ENDS_BEFORE_IT_STARTS = "ends_before_it_starts"
    TOO_LONG = "too_long"  # the number of days
    NOT_ALL_DAY = "not_all_day"  # the event's name
    REPEATS = "repeats"  # the rule
    NO_DAY_AHEAD = "no_day_ahead"  # the name of a yearly event without a date in the period
    CANCELLED = "cancelled"  # the event's name
    NOT_READABLE = "not_readable"
    TOO_MANY_ROWS = "too_many_rows"  # the limit


class FileRejected(Exception):
    """The whole file is rejected; `reason` is one of the class constants."""

    EMPTY, TOO_BIG, NO_TEXT, NO_ENCODING, NO_CALENDAR = (
        "empty",
        "too_big",
        "no_text",
        "no_encoding",
        "no_calendar",
    )

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class HolidayRow:
    line: int
    date: dt.date
    name: str


@dataclass(frozen=True, slots=True)
class ImportProblem:
    line: int
    reason: RowProblem
    about: str = ""


@dataclass(slots=True)
class ParsedFile:
    """The content of a file in its order. `is_guessed`: not UTF-8, so names may have wrong characters."""

    rows: list[HolidayRow] = field(default_factory=list)
    problems: list[ImportProblem] = field(default_factory=list)
    is_guessed: bool = False

    def add_problem(self, line: int, reason: RowProblem, about: object = "") -> None:
        self.problems.append(ImportProblem(line, reason, str(about)[:80]))


def decode_text(content: bytes) -> tuple[str, bool]:
    """The text of a file, and whether its encoding was guessed. Raises FileRejected."""
    if len(content) > MAX_BYTES:
        raise FileRejected(FileRejected.TOO_BIG)
    if not content.strip():
        raise FileRejected(FileRejected.EMPTY)
    if content.startswith(_BINARY_SIGNATURES):
        raise FileRejected(FileRejected.NO_TEXT)
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):  # "Unicode text" of spreadsheets
            return content.decode("utf-16"), False
        return content.decode("utf-8-sig"), False
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("cp1252"), True
    except UnicodeDecodeError:
        raise FileRejected(FileRejected.NO_ENCODING) from None


def read_csv(content: bytes) -> ParsedFile:
    """Read the columns date and name, in this order or as in a header line; ignore others. Raises FileRejected."""
    text, is_guessed = decode_text(content)
    if "\x00" in text:
        raise FileRejected(FileRejected.NO_TEXT)
    parsed = ParsedFile(is_guessed=is_guessed)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_guess_delimiter(text))
    columns, line, rows = (0, 1), 1, 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            parsed.add_problem(line, RowProblem.NOT_READABLE)
            break
        if cells is None:
            break
        cells = [cell.strip() for cell in cells]
        if any(cells):
            rows += 1
            if rows > MAX_ROWS + 1:
                parsed.add_problem(line, RowProblem.TOO_MANY_ROWS, MAX_ROWS)
                break
            if rows == 1 and (header_columns := _find_columns(cells)):
                columns = header_columns
            else:
                _read_row(parsed, line, cells, columns)
        line = reader.line_num + 1
    return parsed


def _guess_delimiter(text: str) -> str:
    """The most frequent of , ; and tab in the first line that has one; some locales write semicolons."""
    for line in text.splitlines():
        found = max(",;\t", key=line.count)
        if found in line:
            return found
    return ","


def _find_columns(cells: list[str]) -> tuple[int, int] | None:
    """The indexes of date and name if this is a header line, else None."""
    lower = [cell.lower() for cell in cells]
    if "date" not in lower:
        return None
    others = [lower.index(word) for word in ("name", "holiday", "occasion", "description") if word in lower]
    return lower.index("date"), others[0] if others else len(cells)


def _read_row(parsed: ParsedFile, line: int, cells: list[str], columns: tuple[int, int]) -> None:
    text, name = (cells[column] if column < len(cells) else "" for column in columns)
    if not text:
        parsed.add_problem(line, RowProblem.NO_DATE)
        return
    date = parse_date(text)
    if date is None:
        is_date_like = _DATE_LIKE.fullmatch(text)
        parsed.add_problem(line, RowProblem.NO_SUCH_DAY if is_date_like else RowProblem.NOT_A_DATE, text)
    else:
        parsed.rows.append(HolidayRow(line, date, clean_name(name)))


def parse_date(text: str) -> dt.date | None:
    """Parse a date, ISO or day first; None if it is malformed or does not exist."""
    if not text.isascii():
        return None
    text = " ".join(text.split())
    for date_format in _DATE_FORMATS:
        try:
            return dt.datetime.strptime(text, date_format).date()  # noqa: DTZ007  (a day has no zone)
        except ValueError:
            continue
    return None


def clean_name(text: str) -> str:
    """One line without control characters, cut to NAME_LENGTH, without the apostrophe added by an export."""
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    if text[:1] == "'" and text[1:].startswith(_FORMULA_STARTS):
        text = text[1:]
    return text[:NAME_LENGTH]


def write_csv(holidays: Iterable[tuple[dt.date, str]]) -> str:
    """RFC 4180 with a byte order mark and a header; `read_csv` can read it."""
    buffer = io.StringIO()
    buffer.write(BOM)
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(HEADER)
    for date, name in holidays:
        writer.writerow([date.isoformat(), f"'{name}" if name.startswith(_FORMULA_STARTS) else name])
    return buffer.getvalue()
