"""The audit log: its entries, that it is append-only, and that tampering is detected."""

import threading

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.test import RequestFactory

from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from settings_sync.models import AuditEntry

NUMBER, OTHER = "+919812300001", "+919812300002"


@pytest.fixture
def request_of(db):
    def made(name):
        request = RequestFactory().get("/admin/", REMOTE_ADDR="203.0.113.5")
        request.user = User.objects.create_user(name)
        return request

    return made


def test_an_entry_names_person_address_and_scope_but_no_whole_number(request_of):
    audit_log.record(
        Action.SAW_LIST,
        request=request_of("asha"),
        what="98123 00001, missed; +919812300002\0",
        callers=[NUMBER, OTHER, NUMBER, ""],
        count=2,
        changes={"opens_at": [None, "09:30"]},
    )
    entry = AuditEntry.objects.get()
    assert (entry.number, entry.person, entry.address, entry.count) == (1, "asha", "203.0.113.5", 2)
    assert entry.what == "••••01, missed; ••••02"
    assert entry.changes == {"opens_at": [None, "09:30"]}
    assert len(entry.callers) == 2
    assert "98123" not in str(vars(entry))
    assert AuditEntry.objects.about_caller(audit_log.caller_digests(NUMBER)).get() == entry
    assert not AuditEntry.objects.about_caller(audit_log.caller_digests("+919812300003")).exists()


def test_numbers_of_the_office_may_stay_whole_in_changes(db):
    changes = {f"agent {NUMBER}": ["98123 00001", OTHER]}
    audit_log.record(Action.CHANGED, person="asha", changes=changes)
    audit_log.record(Action.CHANGED, person="asha", changes=changes, has_office_numbers=True)
    whole, hidden = AuditEntry.objects.all()
    assert whole.changes == changes
    assert hidden.changes == {"agent ••••01": ["••••01", "••••02"]}


def test_an_entry_is_one_statement_if_the_last_number_is_known(db, django_assert_num_queries, monkeypatch):
    audit_log.record(Action.SAW_LIST, person="asha")
    with django_assert_num_queries(1):
        audit_log.record(Action.SAW_LIST, person="asha")
    for remembered in ((1, AuditEntry.objects.last().digest), (2, "not its digest"), (9, "x"), (0, "")):
        monkeypatch.setattr(audit_log, "_last_written", remembered)
        audit_log.record(Action.SAW_LIST, person="asha")
    assert audit_log.verify()[0] == 6
    assert audit_log.verify()[2] is None


def test_an_entry_that_was_rolled_back_leaves_no_gap(transactional_db):
    audit_log.record(Action.SAW_LIST, person="asha")
    with transaction.atomic():
        audit_log.record(Action.CHANGED, person="asha")
        transaction.set_rollback(True)
    audit_log.record(Action.SAW_LIST, person="ravi")
    assert audit_log.verify()[0] == 2
    assert audit_log.verify()[2] is None


def test_a_number_is_found_after_the_secret_key_has_changed(db, settings):
    audit_log.record(Action.SAW_CALL, person="asha", callers=[NUMBER])
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another secret"
    audit_log.record(Action.SAW_CALL, person="ravi", callers=[NUMBER])
    assert AuditEntry.objects.about_caller(audit_log.caller_digests(NUMBER)).count() == 2
    assert audit_log.verify()[2] is None


def _raw(sql):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # as the table's owner could
            cursor.execute("ALTER TABLE settings_sync_auditentry DISABLE TRIGGER USER")
        cursor.execute(sql)
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE settings_sync_auditentry ENABLE TRIGGER USER")


@pytest.mark.parametrize(
    ("tampering", "number"),
    [
        ("UPDATE settings_sync_auditentry SET what = 'nothing' WHERE number = 2", 2),
        ("UPDATE settings_sync_auditentry SET count = 1 WHERE number = 3", 3),
        ("DELETE FROM settings_sync_auditentry WHERE number = 2", 2),
        ("UPDATE settings_sync_auditentry SET callers = '[]' WHERE number = 1", 1),
        ("DELETE FROM settings_sync_auditentry WHERE number = 1", 1),
    ],
)
def test_tampering_shows(db, tampering, number):
    for name in ("one", "two", "three"):
        audit_log.record(Action.SAW_CALL, person=name, callers=[NUMBER])
    assert audit_log.verify()[2] is None
    _raw(tampering)
    found = audit_log.verify()[2]
    assert found is not None
    assert found.number == number


def test_only_a_digest_that_was_noted_elsewhere_shows_a_lost_end(db):
    for name in ("one", "two"):
        audit_log.record(Action.SAW_CALL, person=name)
    last, digest, _ = audit_log.verify()
    _raw("DELETE FROM settings_sync_auditentry WHERE number = 2")
    assert audit_log.verify()[2] is None
    found = audit_log.verify(expected={last: digest})[2]
    assert found is not None
    assert found.number == 2


@pytest.mark.django_db
def test_postgresql_itself_refuses_to_change_or_delete():
    audit_log.record(Action.SIGNED_IN, person="asha")
    if connection.vendor != "postgresql":
        assert (
            AuditEntry.objects.update(what="x") == 1
        )  # in SQLite, everyone who can write the file owns the table
        return
    for change in (lambda: AuditEntry.objects.update(what="x"), lambda: AuditEntry.objects.all().delete()):
        with pytest.raises(DatabaseError, match="only ever added to"), transaction.atomic():
            change()


def test_entries_that_come_at_once_have_numbers_without_a_gap(transactional_db):
    def write():
        for _ in range(10):
            audit_log.record(Action.SAW_LIST, person=threading.current_thread().name)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert audit_log.verify()[0] == 40
    assert audit_log.verify()[2] is None
