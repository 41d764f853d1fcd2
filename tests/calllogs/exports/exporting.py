"""Calls with difficult texts, and readers of the files as a customer's programs read them."""

import csv
import datetime as dt
import io
from zipfile import ZipFile

import openpyxl
from django.http import QueryDict
from django.utils import timezone
from openpyxl.utils.escape import unescape

from calllogs.calls import filters
from calllogs.exports.columns import COLUMN_NAMES, CallRow, CellContext, build_cells, columns_for
from calllogs.exports.metadata import RowCounter
from calllogs.exports.render import chunks
from calllogs.exports.requests import ExportRequest
from calllogs.exports.snapshot import Snapshot
from calllogs.models import CallLog, Export

DIFFICULT_TEXTS = [
    "", " ", "plain", "=1+1", "+1+1", "-1", "@SUM(A1)", "+", "+919812345678", "+91 98", "\t=1", "\r=1", "\n=1", "＝1",
    "'quoted", 'a "quoted" word', "a,b;c", "line\nbreak", "dos\r\nbreak", "tab\there", " leading", "trailing ", "a  b",
    "<b>&amp;</b>", "]]>", "_x000D_", "_x0041_ _x0042_", "_X000D_", "x_x005F_x", "bell\x07", "\x1f\x1e\x1d", "\x7f\x85",
    "नमस्ते", "日本", "🙂👩‍👩‍👧", "e\u0301", "\u200b\u202e", "\ufeffbom", "\ufffe\uffff", "\\", "\\.", "\\N",
    "%s %% %(a)s", "{}", "NULL", "0012", "1e5", "2026-11-08", "|", " |", "\u00a0", "\u2028",
]  # fmt: skip


def make_calls(texts=DIFFICULT_TEXTS, **fixed):
    """Creates one call for each text, with the text in every field that can contain it."""
    now = timezone.now()
    start = dt.datetime(2026, 11, 8, 4, 45, 0, 999_999, tzinfo=dt.UTC)
    return CallLog.objects.bulk_create(
        CallLog(**{
            "call_id": f"{number}:{text}"[-128:] if number % 2 else f"{text}{number}", "caller": text[:40],
            "started_at": start + dt.timedelta(hours=number), "agent_number": text[:40], "virtual_number": text,
            "department": text, "circle": text, "recording_url": (text * 2000)[:2000] if number % 3 else text,
            "status": CallLog.Status.values[number % 4], "ivr_seconds": None if number % 2 else number,
            "talk_seconds": 2**31 - 1 if number % 3 else None, "received_at": now, "told_at": now, "updated_at": now,
            **fixed,
        })
        for number, text in enumerate(texts)
    )  # fmt: skip


def make_request(user=None, query="", file_format="csv"):
    return ExportRequest(user, filters.from_query(QueryDict(query)), file_format)


def write_file(calls_query, file_format, *, zone, hides=""):
    """(content, counted rows) of the export of a filter."""
    export = make_request(query=calls_query, file_format=file_format).record(
        Export.Way.COMMAND, Export.State.RUNNING
    )
    export.hides = hides
    counter = RowCounter()
    with Snapshot(zone) as snapshot:
        return b"".join(chunks(export, snapshot, counter)), counter.rows


def expected_rows(calls, *, zone, names=None, hides=""):
    """The rows of these calls as the columns define them in Python."""
    context = CellContext(zone, names or {})
    rows = calls.order_by("-started_at", "-id").values_list(*CallRow._fields)
    columns = columns_for(hides)
    return [
        [_empty_to_none(cell) for cell in build_cells(CallRow._make(row), context, columns)] for row in rows
    ]


def read_csv_rows(content):
    text = content.decode("utf-8")
    assert text.startswith("\ufeff")
    header, *rows = csv.reader(io.StringIO(text[1:], newline=""), strict=True)
    assert tuple(header) == COLUMN_NAMES
    numbers = {COLUMN_NAMES.index("ivr_seconds"), COLUMN_NAMES.index("talk_seconds")}
    return [
        [int(cell) if index in numbers and cell else _empty_to_none(cell) for index, cell in enumerate(row)]
        for row in rows
    ]


def read_sheets(content):
    """{sheet name: rows} of a workbook as openpyxl reads it. No cell may be a formula."""
    assert ZipFile(io.BytesIO(content)).testzip() is None
    book = openpyxl.load_workbook(io.BytesIO(content))
    for sheet in book:
        assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    return {
        sheet.title: [[_decode_cell(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
        for sheet in book
    }


def read_xlsx_rows(content):
    header, *rows = read_sheets(content)["Calls"]
    assert tuple(header) == COLUMN_NAMES
    return rows


def _decode_cell(cell):
    """Decodes Excel's encoding of control characters, which openpyxl leaves as it is."""
    return _empty_to_none(unescape(cell)) if isinstance(cell, str) else cell


def _empty_to_none(cell):
    return None if cell == "" else cell
