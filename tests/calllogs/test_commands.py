"""The management commands of calllogs."""

import csv
import io

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import timezone

from calllogs.exports.columns import COLUMN_NAMES
from calllogs.models import CallLog, PushKey
from settings_sync.models import Agent, Holiday, OfficeHours, ProviderSetting
from tests.conftest import PUSHES

pytestmark = pytest.mark.django_db(transaction=True)


def export(**options):
    out = io.StringIO()
    call_command("export_calls", stdout=out, **options)
    text = out.getvalue()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


def test_an_export_has_the_contract_s_columns_and_the_portal_s_zone(push):
    Agent.objects.create(name="Asha Nair", number="+919800012345")
    push((PUSHES / "sample_url.query").read_bytes())
    (row,) = export()
    assert tuple(row) == COLUMN_NAMES
    assert row == {
        "call_id": "C-1001", "started_at": "2026-11-08T10:15:00+05:30", "caller": "+919812345678",
        "virtual_number": "+912261234567", "department": "Sales", "agent": "Asha Nair",
        "agent_number": "+919800012345", "status": "ANSWERED", "ivr_seconds": "12", "talk_seconds": "75",
        "circle": "Maharashtra", "recording_url": "https://recordings.example/r/1001.mp3",
    }  # fmt: skip


def test_an_export_is_filtered_by_inclusive_days_status_agent_department_and_number(push):
    for number, (day, status) in enumerate([("07", "ANSWER"), ("08", "MISSED"), ("09", "ANSWER")]):
        push(
            f"calllogid=C{number}&callnumber=981234567{number}&date=2026-11-{day}&time=00:00:00&callstatus={status}"
            f"&agentnumber=980001234{number}&department=D{number}"
        )
    ids = lambda **options: sorted(row["call_id"] for row in export(**options))  # noqa: E731
    assert ids(first="2026-11-07", last="2026-11-08") == ["C0", "C1"]
    assert ids(status="missed") == ["C1"]
    assert ids(agent="98000 12342") == ["C2"]
    assert ids(department="D0") == ["C0"]
    assert ids(number="09812345671") == ["C1"]


@pytest.mark.parametrize(
    "options", [{"first": "08/11/2026"}, {"status": "NO"}, {"first": "2026-11-09", "last": "2026-11-08"}]
)
def test_an_invalid_filter_is_an_error(options):
    with pytest.raises(CommandError):
        export(**options)


def test_no_cell_runs_as_a_formula(push):
    push("calllogid==1%2B1&callnumber=9812345678&date=2026-11-08&time=10:00&department=@SUM(A1)&state=-2%2B3")
    (row,) = export()
    assert (row["call_id"], row["department"], row["circle"]) == ("'=1+1", "'@SUM(A1)", "'-2+3")
    assert row["caller"] == "+919812345678"


def test_an_export_to_a_file_is_complete_or_absent(push, tmp_path):
    push((PUSHES / "sample_url.query").read_bytes())
    call_command("export_calls", output=str(tmp_path / "calls.csv"))
    assert (tmp_path / "calls.csv").read_bytes().startswith(b"\xef\xbb\xbfcall_id,")
    assert [path.name for path in tmp_path.iterdir()] == ["calls.csv"]
    with pytest.raises(CommandError, match="Cannot write"):
        call_command("export_calls", output=str(tmp_path / "nowhere" / "calls.csv"))


def test_sample_data_has_an_office_with_calls_and_settings_to_deliver(settings):
    call_command("load_sample_data", calls=500, verbosity=0)
    assert CallLog.objects.count() == 500
    assert set(CallLog.objects.values_list("status", flat=True)) >= {"ANSWERED", "MISSED", "DROPPED"}
    assert (Agent.objects.count(), OfficeHours.objects.count()) == (40, 7)
    assert ProviderSetting.objects.count() == 40 + 7 + Holiday.objects.count()
    late = CallLog.objects.filter(told_at__gt=F("received_at"))  # their recordings came in a later push
    assert late.exists()
    assert not late.filter(recording_url="").exists()
    assert not late.filter(told_at__gt=timezone.now()).exists()
    call_command("load_sample_data", calls=100, verbosity=0)
    assert CallLog.objects.count() == 600


def test_a_push_key_is_printed_once(push):
    out = io.StringIO()
    call_command("create_push_key", "Provider", stdout=out)
    assert push("calllogid=1&date=2026-11-08&time=10:00", key=out.getvalue().strip()).status_code == 200
    assert out.getvalue().strip() not in str(PushKey.objects.values())
    with pytest.raises(CommandError, match="exists"):
        call_command("create_push_key", "Provider")
