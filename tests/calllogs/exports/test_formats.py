"""The content of export files: equal on both databases and in both formats, cell by cell."""

import datetime as dt
import io
import random
from urllib.parse import urlencode
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from django.db import connection
from django.http import QueryDict
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from calllogs.calls import filters
from calllogs.exports import csv_format, snapshot, workbook
from calllogs.exports.columns import COLUMN_NAMES
from calllogs.exports.metadata import RowCounter
from calllogs.models import CallLog, Export
from ivrportal.common.spreadsheet import escape_formula
from settings_sync.models import Agent
from tests.calllogs.exports.exporting import (
    DIFFICULT_TEXTS,
    expected_rows,
    make_calls,
    read_csv_rows,
    read_sheets,
    read_xlsx_rows,
    write_file,
)

pytestmark = pytest.mark.django_db(transaction=True)
KOLKATA = ZoneInfo("Asia/Kolkata")
NOVEMBER = dt.datetime(2026, 11, 10, tzinfo=KOLKATA)
READERS = {"csv": read_csv_rows, "xlsx": read_xlsx_rows}


@pytest.fixture
def difficult_calls():
    texts = [*DIFFICULT_TEXTS, "nul\x00"] if connection.vendor == "sqlite" else DIFFICULT_TEXTS
    make_calls(texts)
    names = {}
    for number, text in enumerate(text for text in texts if text):
        Agent.objects.create(name=text, number=f"+9198000{number:05}")
        CallLog.objects.filter(department=text).update(agent_number=f"+9198000{number:05}")
        names[f"+9198000{number:05}"] = escape_formula(text)
    return names


@pytest.mark.parametrize("hides", ["", *Export.Hides.values])
@pytest.mark.parametrize(
    ("file_format", "zone"), [("csv", "Asia/Kolkata"), ("csv", "America/New_York"), ("xlsx", "Asia/Kolkata")]
)
def test_every_cell_is_what_the_columns_define(difficult_calls, file_format, zone, hides):
    CallLog.objects.filter(caller="+919812345678").update(call_id="rec-919812345678.9812345678")
    CallLog.objects.filter(caller="'quoted").update(caller="+441632960961", call_id="441632960961@x")
    CallLog.objects.filter(caller="plain").update(call_id="derived-0123456789abcdef")
    content, rows = write_file("", file_format, zone=ZoneInfo(zone), hides=hides)
    wanted = expected_rows(CallLog.objects.all(), zone=ZoneInfo(zone), names=difficult_calls, hides=hides)
    unmasked = [row for row in wanted if "9812345678" in f"{row[0]} {row[2]}"]
    assert bool(unmasked) is (hides != Export.Hides.NUMBERS)
    assert READERS[file_format](content) == wanted
    assert rows == len(wanted) == CallLog.objects.count()


@pytest.mark.parametrize("many", [0, 1000])
def test_few_and_many_calls_come_newest_first(difficult_calls, monkeypatch, many):
    monkeypatch.setattr(snapshot, "SORT_LIMIT", many)
    calls = CallLog.objects.exclude(caller="plain")
    with snapshot.Snapshot(KOLKATA) as opened:
        assert opened.count(calls) == len(DIFFICULT_TEXTS) - (connection.vendor != "sqlite")
        assert read_csv_rows(b"".join(csv_format.chunks(opened, calls, RowCounter()))) == expected_rows(
            calls, zone=KOLKATA, names=difficult_calls
        )


def test_both_writers_of_a_workbook_leave_blanks_and_empty_cells_as_they_are(difficult_calls):
    content, _rows = write_file("", "xlsx", zone=KOLKATA)
    with ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert '<t xml:space="preserve"> leading</t>' in sheet
    assert "<t></t>" not in sheet
    assert sheet.count("<f>") == 0


@pytest.mark.parametrize("calls", [0, 1, 4, 5, 8, 9])
def test_a_full_sheet_is_followed_by_another(monkeypatch, calls):
    """Each sheet has a header and four calls. The sheet about the export stays the second."""
    monkeypatch.setattr(workbook, "MAX_ROWS", 5)
    make_calls([str(number) for number in range(calls)])
    found = read_sheets(write_file("", "xlsx", zone=KOLKATA)[0])
    more = max(0, (calls - 1) // 4)
    assert list(found) == ["Calls", "About this export", *(f"Calls {number + 2}" for number in range(more))]
    about = dict(found.pop("About this export"))
    rows = [row for sheet in found.values() for row in sheet[1:]]
    assert rows == expected_rows(CallLog.objects.all(), zone=KOLKATA)
    assert (len(rows), about["Rows"]) == (calls, calls)
    assert {tuple(sheet[0]) for sheet in found.values()} == {COLUMN_NAMES}


def test_a_workbook_can_be_read_row_by_row_as_large_ones_are():
    make_calls(["a", "b"])
    book = openpyxl.load_workbook(io.BytesIO(write_file("", "xlsx", zone=KOLKATA)[0]), read_only=True)
    assert [len(row) for row in book["Calls"].iter_rows()] == [len(COLUMN_NAMES)] * 3
    book.close()


# --- any filter ------------------------------------------------------------------------------------------

VALUES = ["Sales", "a&b", "café", "=x", "-"]
queries = st.fixed_dictionaries(
    {},
    optional={
        "period": st.sampled_from(["today", "7d", "30d", "month"]),
        "from": st.sampled_from(["2026-11-01", "2026-11-09"]),
        "to": st.sampled_from(["2026-11-08", "2026-11-10"]),
        "status": st.lists(st.sampled_from(CallLog.Status.values), max_size=3),
        "department": st.lists(st.sampled_from(VALUES), max_size=2),
        "circle": st.lists(st.sampled_from(VALUES), max_size=2),
        "agent": st.lists(st.sampled_from(["+919800012345", "-"]), max_size=2),
        "office": st.sampled_from(["in", "out"]),
        "recording": st.sampled_from(["with", "without"]),
        "talk_from": st.sampled_from(["0", "60"]),
        "talk_to": st.sampled_from(["59", "5:00"]),
        "q": st.sampled_from(["98", "98123 45678", "678", "id-3", "%", "'"]),
    },
)


@pytest.fixture
def many():
    """Two hundred calls of all kinds, around the periods of the filters."""
    rng = random.Random(6)
    now = timezone.now()
    for hours in range(200):
        make_calls(
            [rng.choice(["Sales", "a&b", "café", "=x", ""])],
            call_id=f"id-{hours}",
            caller=f"+9198{rng.choice(['1234', '0000'])}5{hours:03}",
            agent_number=rng.choice(["+919800012345", ""]),
            started_at=(now if hours % 2 else NOVEMBER) - dt.timedelta(hours=hours * 3),
            status=rng.choice(CallLog.Status.values),
            talk_seconds=rng.choice([None, 0, 59, 60, 300]),
            recording_url=rng.choice(["", "https://recordings.example/1"]),
        )


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_the_file_holds_the_rows_of_the_screen_for_any_filter(many, file_format):
    seen = set()

    @settings(max_examples=25, deadline=None, database=None)
    @given(query=queries)
    def check(query):
        text = urlencode(query, doseq=True)
        content, rows = write_file(text, file_format, zone=KOLKATA)
        screen = filters.from_query(QueryDict(text)).apply(CallLog.objects.all())
        assert READERS[file_format](content) == expected_rows(screen, zone=KOLKATA)
        assert rows == screen.count()
        seen.add(rows)

    check()
    assert len(seen) > 3, "the filters must find different numbers of rows"
