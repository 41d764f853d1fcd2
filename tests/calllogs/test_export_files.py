"""What stands in the files: the same at every database, in both formats, cell by cell."""

from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from calllogs.exports.columns import safe
from calllogs.models import CallLog
from settings_sync.models import Agent
from tests.calllogs.exporting import NASTY, csv_rows, expected, make_calls, written, xlsx_rows

pytestmark = pytest.mark.django_db(transaction=True)
KOLKATA = ZoneInfo("Asia/Kolkata")
READ = {"csv": csv_rows, "xlsx": xlsx_rows}


@pytest.fixture
def nasty():
    texts = [*NASTY, "nul\x00"] if connection.vendor == "sqlite" else NASTY
    make_calls(texts)
    names = {}
    for number, text in enumerate(text for text in texts if text):
        Agent.objects.create(name=text, number=f"+9198000{number:05}")
        CallLog.objects.filter(department=text).update(agent_number=f"+9198000{number:05}")
        names[f"+9198000{number:05}"] = safe(text)
    return names


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", "UTC"])
@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_every_cell_is_what_the_columns_say(nasty, file_format, zone):
    content, rows = written("", file_format, zone=ZoneInfo(zone))
    wanted = expected(CallLog.objects.all(), zone=ZoneInfo(zone), names=nasty)
    assert READ[file_format](content) == wanted
    assert rows == len(wanted) == CallLog.objects.count()
