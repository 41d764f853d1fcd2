"""The audit log's screen: list, search, export and permissions; and the command that verifies the log."""

import csv
import datetime as dt
import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from ivrportal.accounts.roles import ADMINISTRATORS, AUDITORS, OFFICE_MANAGERS, SUPERVISORS
from ivrportal.audit import admin as audit_admin
from ivrportal.audit import audit_log, export
from ivrportal.audit import models as entries
from ivrportal.audit.audit_log import Action
from ivrportal.common import pagination
from settings_sync.models import AuditEntry
from tests.ivrportal.audit.test_audit_log import _raw as tamper

pytestmark = pytest.mark.django_db(transaction=True)
AUDIT_LOG_URL = "/admin/settings_sync/auditentry/"
EXPORT = AUDIT_LOG_URL + "export.csv"


@pytest.fixture
def auditor(client_for):
    return client_for(AUDITORS)


def written(person, action=Action.SAW_LIST, what="all calls", **facts):
    audit_log.record(action, person=person, what=what, **facts)


def listed(page):
    return [(entry.person, entry.action) for entry in page.context["cl"].result_list]


def rows(response):
    return list(csv.DictReader(io.StringIO(response.getvalue().decode("utf-8-sig"))))


def test_the_newest_entry_comes_first(auditor):
    written("asha")
    written("ravi", Action.EXPORTED, "missed, CSV", count=1234)
    page = auditor.get(AUDIT_LOG_URL)
    assert listed(page)[:2] == [("ravi", "EXPORTED"), ("asha", "SAW_LIST")]
    assert "1,234" in page.text
    assert "Audit trail" in auditor.get("/admin/").text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"person": "asha"}, ["asha"]),
        ({"person": "nobody"}, []),
        ({"action__exact": "EXPORTED"}, ["ravi"]),
        ({"q": "ravi"}, ["ravi"]),
        ({"q": "all calls"}, ["asha"]),
        ({"q": "calllogs.export:7"}, ["ravi"]),
        ({"q": "missed", "person": "asha"}, []),
        ({"at_from": "2026-11-08", "at_to": "2026-11-08"}, ["old"]),
        ({"at_to": "2026-11-07"}, []),
        ({"at_from": "nonsense", "person": "asha"}, ["asha"]),
        ({"at_from": "2999-01-01"}, []),
    ],
)
def test_the_audit_log_is_filtered_by_person_action_days_and_search(auditor, monkeypatch, query, found):
    # Just before midnight in India: days are those of the portal's time zone.
    monkeypatch.setattr(audit_log.timezone, "now", lambda: dt.datetime(2026, 11, 8, 18, 29, tzinfo=dt.UTC))
    written("old", Action.SIGNED_OUT, "")
    monkeypatch.undo()
    written("asha")
    written("ravi", Action.EXPORTED, "missed, CSV", subject="calllogs.export:7")
    page = auditor.get(AUDIT_LOG_URL, query)
    assert [person for person, _ in listed(page)] == found


def test_an_entry_shows_its_changes_old_and_new(auditor):
    number = "+919812300001"
    audit_log.record(
        Action.CHANGED, person="asha", what="agent Ravi", subject="settings_sync.agent:7", callers=[number],
        changes={"opens_at": ["09:00", "<b>09:30</b>"], "off_until": [None, "x"]},
    )  # fmt: skip
    entry = AuditEntry.objects.first()
    text = auditor.get(f"{AUDIT_LOG_URL}{entry.pk}/change/").text
    assert "Opens at" in text
    assert ">09:00<" in text
    assert "&lt;b&gt;09:30&lt;/b&gt;" in text
    assert "1 number, kept as a digest" in text
    assert "?q=settings_sync.agent%3A7" in text
    assert entry.digest in text
    assert number[3:] not in text


def test_nobody_changes_an_entry(client_for):
    written("asha")
    admin = client_for(None)
    pk = AuditEntry.objects.get(person="asha").pk
    for path in ("add/", f"{pk}/change/", f"{pk}/delete/"):
        assert admin.post(AUDIT_LOG_URL + path, {"what": "x"}).status_code == 403
    assert AuditEntry.objects.get(pk=pk).what == "all calls"


@pytest.mark.parametrize(
    ("role", "sees"),
    [(AUDITORS, True), (ADMINISTRATORS, True), (SUPERVISORS, False), (OFFICE_MANAGERS, False)],
)
def test_who_sees_it_and_takes_it_out(client_for, role, sees):
    client = client_for(role)
    assert client.get(AUDIT_LOG_URL).status_code == (200 if sees else 403)
    assert client.post(EXPORT).status_code == (200 if sees else 403)
    assert client.get(EXPORT).status_code == 405
    assert (AUDIT_LOG_URL in client.get("/admin/").text) == sees


def test_a_page_asks_little_and_counts_no_further_than_it_lists(
    auditor, monkeypatch, django_assert_max_num_queries
):
    for number in range(12):
        written(f"p{number}")
    monkeypatch.setattr(pagination.CappedPaginator, "max_count", 3)
    with django_assert_max_num_queries(12):
        page = auditor.get(AUDIT_LOG_URL)
    assert page.context["cl"].result_count == 3
    assert "Only the newest 3 are listed" in page.text


def test_a_search_in_scopes_reads_the_newest_only(auditor, monkeypatch):
    written("asha", what="the old one")
    for _ in range(3):
        written("ravi")
    monkeypatch.setattr(entries, "SEARCH_WINDOW", 2)
    assert listed(auditor.get(AUDIT_LOG_URL, {"q": "old one"})) == []
    assert listed(auditor.get(AUDIT_LOG_URL, {"q": "asha"})) == [("asha", "SAW_LIST")]


def test_a_search_lists_some_and_an_export_has_all_that_it_finds(auditor, monkeypatch):
    for number in range(4):
        written("asha", what=f"missed {number}")
    monkeypatch.setattr(audit_admin, "MAX_RESULTS", 2)
    page = auditor.get(AUDIT_LOG_URL, {"q": "missed"})
    assert [entry.what for entry in page.context["cl"].result_list] == ["missed 3", "missed 2"]
    assert "Only the newest 2 are listed" in page.text
    assert len(rows(auditor.post(EXPORT + "?q=missed&person=asha"))) == 4


# --- out as CSV -------------------------------------------------------------------------------------------


def test_the_export_has_the_found_entries_and_is_recorded(auditor, monkeypatch):
    monkeypatch.setattr(export, "CHUNK_ROWS", 2)
    for number in range(5):
        written("asha", what=f'=1+1, "{number}"', count=number, changes={"a": ["=x", 'y"']})
    written("ravi")
    response = auditor.post(EXPORT + "?person=asha")
    entry = AuditEntry.objects.first()
    assert (entry.action, entry.person, entry.count) == (Action.EXPORTED, "auditors", 5)
    assert entry.what == "audit trail: person=asha"
    found = rows(response)
    assert [row["count"] for row in found] == ["4", "3", "2", "1", "0"]
    assert found[0]["scope"] == '\'=1+1, "4"'
    assert found[0]["changes"] == '{"a": ["=x", "y\\""]}'
    assert found[0]["at"].endswith("+05:30")
    assert {row["person"] for row in found} == {"asha"}
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Cache-Control"].startswith("private, no-store")


def test_an_export_is_an_entry_before_its_first_byte(auditor, monkeypatch):
    monkeypatch.setattr(export.audit_log, "record", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        auditor.post(EXPORT)


def test_nothing_that_comes_meanwhile_is_exported(auditor):
    written("asha")
    response = auditor.post(EXPORT)
    written("late")
    assert "late" not in {row["person"] for row in rows(response)}


def test_a_query_that_makes_no_sense_exports_nothing(auditor):
    before = AuditEntry.objects.count()
    assert auditor.post(EXPORT + "?nonsense=1").status_code == 302
    assert AuditEntry.objects.count() == before


# --- verifying --------------------------------------------------------------------------------------------


def test_the_command_prints_the_digest_to_keep_and_the_screen_shows_the_last_run(auditor, capsys):
    assert "never verified" in auditor.get(AUDIT_LOG_URL).text
    written("asha")
    last = AuditEntry.objects.first()
    call_command("verify_audit")
    line = capsys.readouterr().out
    assert line == f"{last.pk} entries hold; keep this elsewhere: {last.pk}:{last.digest}\n"
    entry = AuditEntry.objects.first()
    assert (entry.action, entry.person, entry.count) == (Action.VERIFIED, "command line", last.pk)
    assert f"all {last.pk} entries hold" in auditor.get(AUDIT_LOG_URL).text
    call_command("verify_audit", "--expect", line.rsplit(" ", 1)[1].strip())


@pytest.mark.parametrize(
    ("tampering", "message"),
    [
        ("UPDATE settings_sync_auditentry SET what = 'x' WHERE number = 2", "Entry 2 does not hold: changed"),
        ("DELETE FROM settings_sync_auditentry WHERE number = 1", "Entry 1 does not hold: missing"),
    ],
)
def test_the_command_fails_at_the_first_invalid_entry(client_for, tampering, message):
    for _ in range(3):
        written("asha")
    tamper(tampering)
    with pytest.raises(CommandError, match=message) as failed:
        call_command("verify_audit")
    assert failed.value.returncode == 1
    assert AuditEntry.objects.first().what.startswith(message[0].lower() + message[1:])
    assert message[0].lower() + message[1:] in client_for(AUDITORS).get(AUDIT_LOG_URL).text


def test_a_digest_that_was_kept_elsewhere_shows_a_lost_end():
    written("asha")
    written("ravi")
    last = AuditEntry.objects.first()
    tamper("DELETE FROM settings_sync_auditentry WHERE number = 2")
    call_command("verify_audit")  # another entry has its number now, and the chain is valid
    with pytest.raises(CommandError, match="Entry 2 does not hold: not the entry that was noted elsewhere"):
        call_command("verify_audit", expect=[f"{last.pk}:{last.digest}"])


@pytest.mark.parametrize("nonsense", ["x", "1", "1:", ":x", "٣:abc"])
def test_an_expectation_that_is_none_is_refused(nonsense):
    with pytest.raises(CommandError, match="NUMBER:DIGEST"):
        call_command("verify_audit", expect=[nonsense])


def test_a_million_entries_are_no_hurdle(auditor):
    """With a hundred thousand entries, no query of a page may read them all to count or sort."""
    values = "'2026-01-01 00:00+00', 'SAW_LIST', NULL, 'asha', '', 'all calls', '', NULL, '{}', '[]', 'x'"
    numbers = (
        "SELECT number FROM generate_series(1, 100000) AS number"
        if connection.vendor == "postgresql"
        else "WITH RECURSIVE n(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM n WHERE number < 100000)"
        " SELECT number FROM n"
    )
    columns = "number, at, action, person_id, person, address, what, subject, count, changes, callers, digest"
    AuditEntry.objects.count()
    start = (AuditEntry.objects.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO settings_sync_auditentry ({columns})"
            f" SELECT number + {start}, {values} FROM ({numbers}) AS made WHERE true"
        )
    began = timezone.now()
    for query in ({}, {"person": "asha"}, {"q": "nothing of the kind"}, {"at_from": "2026-01-01"}):
        assert auditor.get(AUDIT_LOG_URL, query).status_code == 200
    assert (timezone.now() - began).total_seconds() < 8
