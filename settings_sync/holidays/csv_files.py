"""Holidays out of a file and into one: CSV here, calendars in `holiday_calendars`. Plain Python.

Reading loses nothing silently: what becomes no holiday becomes a `Problem` with its line. Words are the caller's:
a problem has a `Why` and the piece of text that it is about.
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

# Day first, always: a file from elsewhere that has the month first fails at its first day after the 12th, and says so.
_DATES = (
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
_LOOKS_LIKE_A_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")
# The first bytes of what people upload by mistake: a workbook, an old workbook, a PDF.
_NO_TEXT = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF")
# A spreadsheet runs a cell that begins so; an apostrophe before it stops that.
_RUNS_AS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class RowProblem(StrEnum):
    """Why a line of a file is no holiday. The piece of text, where there is one, follows after the dash."""

    NOT_A_DATE = "not_a_date"  # what stands there
    NO_SUCH_DAY = "no_such_day"  # 2026-02-30
    NO_DATE = "no_date"
    ENDS_BEFORE_IT_STARTS = "ends_before_it_starts"
    TOO_LONG = "too_long"  # its days
    NOT_ALL_DAY = "not_all_day"  # the event's name
    REPEATS = "repeats"  # the rule
    NO_DAY_AHEAD = "no_day_ahead"  # the name of a yearly event that has ended, or begins far ahead
    CANCELLED = "cancelled"  # the event's name
    NOT_READABLE = "not_readable"
    TOO_MANY_ROWS = "too_many_rows"  # the limit


class Refused(Exception):
    """The whole file: `why` is one of the class's words."""

    EMPTY, TOO_BIG, NO_TEXT, NO_ENCODING, NO_CALENDAR = (
        "empty",
        "too_big",
        "no_text",
        "no_encoding",
        "no_calendar",
    )

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    date: dt.date
    name: str


@dataclass(frozen=True, slots=True)
class Problem:
    line: int
    why: RowProblem
    about: str = ""


@dataclass(slots=True)
class ParsedFile:
    """What a file holds, in its order. `is_guessed`: it was not UTF-8, so names may have wrong letters."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    is_guessed: bool = False

    def problem(self, line: int, why: RowProblem, about: object = "") -> None:
        self.problems.append(Problem(line, why, str(about)[:80]))


def text_of(content: bytes) -> tuple[str, bool]:
    """The text of a file, and whether its encoding was guessed. Raises Refused."""
    if len(content) > MAX_BYTES:
        raise Refused(Refused.TOO_BIG)
    if not content.strip():
        raise Refused(Refused.EMPTY)
    if content.startswith(_NO_TEXT):
        raise Refused(Refused.NO_TEXT)
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):  # a spreadsheet's "Unicode text"
            return content.decode("utf-16"), False
        return content.decode("utf-8-sig"), False
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("cp1252"), True
    except UnicodeDecodeError:
        raise Refused(Refused.NO_ENCODING) from None


def read_csv(content: bytes) -> ParsedFile:
    """Columns date and name, in this order or as a first line names them; others are left out. Raises Refused."""
    text, is_guessed = text_of(content)
    if "\x00" in text:
        raise Refused(Refused.NO_TEXT)
    reading = ParsedFile(is_guessed=is_guessed)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    columns, line, rows = (0, 1), 1, 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            reading.problem(line, RowProblem.NOT_READABLE)
            break
        if cells is None:
            break
        cells = [cell.strip() for cell in cells]
        if any(cells):
            rows += 1
            if rows > MAX_ROWS + 1:
                reading.problem(line, RowProblem.TOO_MANY_ROWS, MAX_ROWS)
                break
            if rows == 1 and (named := _columns(cells)):
                columns = named
            else:
                _read_row(reading, line, cells, columns)
        line = reader.line_num + 1
    return reading


def _delimiter(text: str) -> str:
    """Whichever the first line with any has most of; spreadsheets write semicolons in some countries."""
    for line in text.splitlines():
        found = max(",;\t", key=line.count)
        if found in line:
            return found
    return ","


def _columns(cells: list[str]) -> tuple[int, int] | None:
    """The places of date and name, if this is a line of headings."""
    lower = [cell.lower() for cell in cells]
    if "date" not in lower:
        return None
    others = [lower.index(word) for word in ("name", "holiday", "occasion", "description") if word in lower]
    return lower.index("date"), others[0] if others else len(cells)


def _read_row(reading: ParsedFile, line: int, cells: list[str], columns: tuple[int, int]) -> None:
    text, name = (cells[column] if column < len(cells) else "" for column in columns)
    if not text:
        reading.problem(line, RowProblem.NO_DATE)
        return
    date = date_of(text)
    if date is None:
        looks_like_one = _LOOKS_LIKE_A_DATE.fullmatch(text)
        reading.problem(line, RowProblem.NO_SUCH_DAY if looks_like_one else RowProblem.NOT_A_DATE, text)
    else:
        reading.rows.append(Row(line, date, clean_name(name)))


def date_of(text: str) -> dt.date | None:
    """A date as people and spreadsheets write it, day first or ISO; None if there is no such day."""
    if not text.isascii():
        return None
    text = " ".join(text.split())
    for form in _DATES:
        try:
            return dt.datetime.strptime(text, form).date()  # noqa: DTZ007  (a day has no zone)
        except ValueError:
            continue
    return None


def clean_name(text: str) -> str:
    """One line, no control signs, as long as a name may be; without the apostrophe that an export put before it."""
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    if text[:1] == "'" and text[1:].startswith(_RUNS_AS_FORMULA):
        text = text[1:]
    return text[:NAME_LENGTH]


def write_csv(holidays: Iterable[tuple[dt.date, str]]) -> str:
    """UTF-8 with BOM once it is encoded, RFC 4180, header first: what `read_csv` reads."""
    buffer = io.StringIO()
    buffer.write(BOM)
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(HEADER)
    for date, name in holidays:
        writer.writerow([date.isoformat(), f"'{name}" if name.startswith(_RUNS_AS_FORMULA) else name])
    return buffer.getvalue()
