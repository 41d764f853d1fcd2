"""Erasing a caller: from every table and file, hidden at once, resumed after a crash, not restored by a late push."""

import base64
import datetime as dt
import json
import re
import subprocess
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.db.models import TextField
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils import timezone

from calllogs import tasks as periodic_tasks
from calllogs.intake import erased_callers, replay
from calllogs.intake.envelope import RawPush, parse_push, to_spool_record
from calllogs.intake.storage import store
from calllogs.models import (
    CallLog,
    CallNote,
    Erasure,
    Export,
    Listening,
    MissedCaller,
    Push,
    Recording,
    SavedView,
)
from calllogs.models.export import scope_digest
from calllogs.privacy import anonymise, erasure_jobs, file_erasure, late_pushes, table_scan, tasks
from calllogs.privacy.erasure_requests import ErasureRefused, clean_number, request_erasure
from calllogs.privacy.number_patterns import build_pattern, has_match, redact
from calllogs.recordings import archive, cache
from ivrportal.accounts import roles
from ivrportal.audit import audit_log
from settings_sync.models import Agent, AuditEntry
from tests.rows import make

CANARY, OTHER = "+919812377889", "+919812377880"
DIGITS = CANARY.removeprefix("+91")
PATTERN = build_pattern(CANARY)
PUSH = "calllogid={id}&callnumber={number}&date={today}&time=00:00:01&callstatus=MISSED"


@pytest.fixture(autouse=True)
def isolated_storage(settings, tmp_path, no_broker):
    settings.VAR_DIR = tmp_path
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    location = {"location": tmp_path / "recordings"}
    disk = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": location}
    settings.STORAGES = {**settings.STORAGES, "recordings": disk}


def push_query(call_id, number):
    return PUSH.format(id=call_id, number=number, today=timezone.localdate())


def received_push(call_id="E1", number=CANARY, *, uid=None, ago=dt.timedelta(0), more=""):
    raw = push_query(call_id, number.replace("+", "%2B")) + more
    return parse_push(RawPush(uid or f"uid{call_id}", timezone.now() - ago, "203.0.113.9", raw))


def erase(number=CANARY):
    erasure, _ = request_erasure(number)
    erasure_jobs.run(erasure.pk)
    erasure.refresh_from_db()
    return erasure


# --- completeness ---------------------------------------------------------------------------------------------


def fields_with_number():
    """Every field of every table that contains the number, found without naming any table."""
    found = []
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.managed or model._meta.proxy:
            continue
        for field in model._meta.concrete_fields:
            if field.is_relation:
                continue
            texts = model._base_manager.annotate(as_text=Cast(field.attname, TextField()))
            found += [
                f"{model._meta.label}.{field.name}"
                for value in texts.values_list("as_text", flat=True)
                if value and (DIGITS in re.sub("[^0-9]", "", value) or has_match(value, PATTERN))
            ]
    return found


def values_with_number(model):
    """Field values with the number in every text field that is long enough for it."""
    values = {}
    for name in table_scan.text_fields(model):
        field = model._meta.get_field(name)
        if isinstance(field, models.JSONField):
            values[name] = {"words": [f"98123 {DIGITS[5:]}", {CANARY: 1}]}
        elif not field.choices and (field.max_length or 100) >= 10:
            values[name] = (
                CANARY if (field.max_length or 100) < 30 or name == "caller" else f"ring 98123 {DIGITS[5:]}"
            )
            values[name] = values[name][-(field.max_length or 100) :]
    days_ago = timezone.now() - dt.timedelta(days=2)
    moments = [field.name for field in model._meta.concrete_fields if isinstance(field, models.DateTimeField)]
    return dict.fromkeys(moments, days_ago) | values


def plant_everywhere():
    """Creates a row with the number in every table, including future ones. Returns the models."""
    planted_models = []
    for model in table_scan.list_models():
        values = values_with_number(model)
        if model in (Agent, Session) or not set(values) & set(table_scan.text_fields(model)):
            continue  # agents' numbers are refused and sessions are encoded; both have their own tests
        make(model, **values)
        planted_models.append(model)
    return planted_models


@pytest.mark.django_db
def test_the_number_is_in_no_table_afterwards(client_for):
    client = client_for(roles.SUPERVISORS)
    session = SessionStore(client.session.session_key)
    session["note"] = f"98123 {DIGITS[5:]}"
    session.save()
    store([received_push(), received_push("E2"), received_push("E3", OTHER)])
    make(CallNote, call=CallLog.objects.get(call_id="E1"), text="call her again")
    planted_models = plant_everywhere()
    assert len(planted_models) > 30
    assert {found.rpartition(".")[0] for found in fields_with_number()} >= {
        model._meta.label for model in planted_models
    }
    audit_log.record(audit_log.Action.SAW_CALL, person="asha", callers=[CANARY])
    erasure = erase()
    assert erasure.state == Erasure.State.DONE
    assert fields_with_number() == []
    assert client.get("/admin/").status_code == 302  # the session with the number was deleted
    # What stays: calls without a caller, calls of others, and a digest for the access report.
    assert set(CallLog.objects.values_list("caller", flat=True)) >= {"", OTHER}
    assert AuditEntry.objects.about_caller(audit_log.caller_digests(CANARY)).count() == 2
    assert erasure.counts["calls"] >= 3
    assert erasure.counts["notes"] >= 1


@pytest.mark.django_db
def test_the_number_is_in_no_file_afterwards(tmp_path, settings):
    call = make_call("F1", recording_url=f"https://r.example/{DIGITS}.mp3")
    digest = cache.hash_url(call.recording_url)
    with cache.temporary_file() as file:
        file.write(DIGITS.encode())
        cache.store(file, digest, "audio/mpeg")
    name = archive.storage().save("2026/11/08/1.mp3", _file(DIGITS))
    Recording.objects.create(call=call, state="KEPT", file=name, url_digest=digest, fetched_at=timezone.now())
    replay.get_spool().append(to_spool_record(RawPush("s1", timezone.now(), "", push_query("S1", DIGITS))))
    line = {"offset": 0, "note": "damaged", "base64": base64.b64encode(f"x{DIGITS}".encode()).decode()}
    other = {**line, "base64": base64.b64encode(b"nobody").decode()}
    (tmp_path / "spool" / "1-1-a.bad").write_text(json.dumps(line) + "\n" + json.dumps(other) + "\n")
    whole, half = file_erasure.files.directory() / "a.csv", file_erasure.files.directory() / "b.csv.part"
    for path in (whole, half):
        path.write_text(CANARY)
    make_export(file="a.csv")
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "1.log").write_text(f"98123 {DIGITS[5:]}")
    erasure = erase()
    assert erasure.state == Erasure.State.DONE
    remaining = {
        str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert [
        name for name, content in remaining.items() if has_match(content.decode("latin-1"), PATTERN)
    ] == []
    assert [name for name in remaining if name.startswith(("exports/", "recordings"))] == []
    assert b"nobody" in b"".join(
        map(base64.b64decode, re.findall(rb'base64": "(\S+)"', remaining["spool/1-1-a.bad"]))
    )
    assert Export.objects.get().file == ""
    assert fields_with_number() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("run_by", ["the worker", "the sweep"])
def test_the_number_is_not_in_the_files_of_sqlite_afterwards(run_by, monkeypatch):
    if connection.vendor != "sqlite":
        return  # PostgreSQL manages its own files: docs/privacy.md
    store([received_push(), *[received_push(f"O{number}", OTHER) for number in range(50)]])
    assert DIGITS.encode() in read_database_files()
    if run_by == "the sweep":
        monkeypatch.setattr(
            erasure_jobs, "_truncate_wal", lambda: None
        )  # as if a reader had prevented the checkpoint
    assert erase().state == Erasure.State.DONE
    if run_by == "the sweep":
        assert DIGITS.encode() in read_database_files()
        monkeypatch.undo()
        erasure_jobs.run_due(budget_s=5)
    assert CallLog.objects.count() == 51
    assert DIGITS.encode() not in read_database_files()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (20000,)


def read_database_files():
    """Reads the files in another process, because closing such a file drops all locks this process holds on it."""
    path = Path(connection.settings_dict["NAME"])
    files = list(path.parent.glob(f"{path.name}*"))
    return subprocess.run(["/bin/cat", *files], capture_output=True, check=True).stdout


def _file(text):
    from django.core.files.base import ContentFile

    return ContentFile(text.encode())


def make_call(call_id, *, ago=dt.timedelta(hours=1), **more):
    at = timezone.now() - ago
    moments = dict.fromkeys(["started_at", "received_at", "told_at", "updated_at"], at)
    return CallLog.objects.create(
        **{"call_id": call_id, "caller": CANARY, "status": "MISSED", **moments, **more}
    )


def make_export(**more):
    known = {
        "who": "asha", "file_format": "csv", "way": "JOB", "zone": "Asia/Kolkata", "query": f"q=%2B91{DIGITS}",
        "words": f"“{CANARY}”", "scope": scope_digest("csv", f"q=%2B91{DIGITS}"), "state": "DONE",
        "asked_at": timezone.now() - dt.timedelta(minutes=1),
    }  # fmt: skip
    return Export.objects.create(**known | more)


@pytest.mark.parametrize(
    "text",
    [
        DIGITS, CANARY, "98123 77889", "0" + DIGITS, "+91 98123 77889", "0091-98123-77889", "%2B91" + DIGITS,
        "98123%2077889", "9812\u00a0377889", "(098123) 77889", "".join(f"%3{digit}" for digit in DIGITS), "9812_377889",
    ],
)  # fmt: skip
def test_a_number_is_found_in_every_notation(text):
    assert has_match(f"call={text}&x", PATTERN)
    assert redact(text, PATTERN) in ("", "([erased]")
    assert redact(f"call {text} back", PATTERN).replace("(", "") == "call [erased] back"
    assert not has_match(text.replace("77889", "77880").replace("%39", "%30"), PATTERN)


@pytest.mark.django_db
def test_both_databases_find_the_same_notations():
    for raw in (f"a={DIGITS}", "a=%2B91%2098123%2077889", "a=98123-77889", f"a={OTHER}"):
        Push.objects.create(uid=raw[:32], received_at=timezone.now(), raw_query=raw, outcome="REJECTED")
    assert Push.objects.filter(raw_query__regex=PATTERN).count() == 3


# --- hidden at once, and what stays-----------------------------------------------------------------------------


@pytest.mark.django_db
def test_from_the_request_on_no_page_shows_the_caller(client_for):
    client = client_for(None)
    store([received_push(), received_push("E9", OTHER)])
    unusable = f"callnumber={DIGITS}&date=never"
    store([parse_push(RawPush("u1", timezone.now(), "", unusable))])
    periodic_tasks.refresh_missed()
    assert MissedCaller.objects.filter(caller=CANARY).exists()
    shown = ["/admin/calllogs/calllog/", reverse("admin:calllogs_missed"), "/admin/calllogs/push/"]
    assert all(has_match(client.get(page).content.decode(), PATTERN) for page in shown)
    erasure, is_new = request_erasure(CANARY)
    assert is_new
    assert erasure.is_under_way
    assert [page for page in shown if has_match(client.get(page).content.decode(), PATTERN)] == []
    assert not has_match(client.get(f"/admin/calllogs/calllog/?q={DIGITS}").content.decode().replace(f'"{DIGITS}"', ""),
                     f"98123 {DIGITS[5:]}")  # fmt: skip
    periodic_tasks.refresh_missed()
    periodic_tasks.rebuild_missed()
    assert list(MissedCaller.objects.values_list("caller", flat=True)) == [OTHER]


@pytest.mark.django_db
def test_a_call_stays_without_its_caller():
    call = make_call("F1", department="Sales", talk_seconds=75, recording_url="https://r.example/1.mp3")
    user = make(User, username="asha")
    Listening.objects.record_play(call, user=user, play="a")
    erase()
    call.refresh_from_db()
    assert (call.caller, call.recording_url, call.department, call.talk_seconds) == ("", "", "Sales", 75)
    assert call.call_id == erased_callers.erased_call_id("F1") != "F1"
    assert Listening.objects.get().call_uid == call.call_id


@pytest.mark.django_db
def test_rows_about_others_stay_without_the_number():
    other = make_call(
        "X-" + DIGITS, caller=OTHER, agent_number=CANARY, recording_url=f"https://r.example/{DIGITS}"
    )
    make(CallNote, call=other, text="her sister is 98123 77889, call there", author_name="asha")
    SavedView.objects.create(name="mine", query=f"q=%2B91{DIGITS}&status=MISSED")
    export = make_export()
    erase()
    other.refresh_from_db()
    assert (other.caller, other.agent_number, other.recording_url) == (OTHER, "", "")
    assert CallNote.objects.get().text == "her sister is [erased], call there"
    assert SavedView.objects.get().query == "q=[erased]&status=MISSED"
    export.refresh_from_db()
    assert export.scope == scope_digest("csv", export.query) != scope_digest("csv", f"q=%2B91{DIGITS}")


@pytest.mark.django_db
def test_an_erasure_keeps_the_limits_of_an_export():
    limits = {"hides": "NUMBERS", "departments": ["Sales"]}
    export = make_export(**limits, scope=scope_digest("csv", f"q=%2B91{DIGITS}", **limits))
    erase()
    export.refresh_from_db()
    assert export.scope == scope_digest("csv", export.query, **limits)
    assert export.scope != scope_digest("csv", export.query)


@pytest.mark.django_db
def test_numbers_of_agents_office_and_users_are_refused():
    Agent.objects.create(name="Asha", number=CANARY)
    with pytest.raises(ErasureRefused, match="agent"):
        request_erasure(DIGITS)
    with pytest.raises(ErasureRefused, match="whole"):
        request_erasure("12345")
    make_call("F1", caller=OTHER, virtual_number="+918012345678")
    periodic_tasks.rebuild_rollups()
    with pytest.raises(ErasureRefused, match="office"):
        request_erasure("+918012345678")
    User.objects.create_user(OTHER)
    with pytest.raises(ErasureRefused, match="signs in"):
        clean_number(OTHER)
    assert not Erasure.objects.exists()


@pytest.mark.django_db
def test_a_repeated_request_returns_the_first_erasure():
    make_call("F1")
    first, is_new = request_erasure(CANARY)
    again, is_new_again = request_erasure(f"0{DIGITS}")
    assert (first.pk, is_new, is_new_again) == (again.pk, True, False)


# --- interrupted ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_erasure_interrupted_anywhere_continues_where_it_stopped(monkeypatch):
    monkeypatch.setattr(anonymise, "BATCH_SIZE", 2)
    monkeypatch.setattr(erasure_jobs, "CALLS_AT_START", 2)
    for number in range(5):
        make_call(f"F{number}")
    erasure, _ = request_erasure(CANARY)
    assert CallLog.objects.filter(caller=CANARY).count() == 3
    write, written = erasure_jobs._save_progress, []

    def killed(row):
        written.append(row.step)
        if len(written) % 2:
            raise KeyboardInterrupt  # like a kill: the transaction is rolled back, the lease still held
        write(row)

    monkeypatch.setattr(erasure_jobs, "_save_progress", killed)
    runs = 0
    while Erasure.objects.get().is_under_way:
        Erasure.objects.update(lease_until=None)  # the lease has expired
        with suppress(KeyboardInterrupt):
            erasure_jobs.run(erasure.pk)
        runs += 1
        assert runs < 200
    assert runs > 30
    erasure.refresh_from_db()
    assert erasure.counts["calls"] == 5
    assert (erasure.number, erasure.state) == ("", Erasure.State.DONE)
    assert fields_with_number() == []


@pytest.mark.django_db
def test_only_one_worker_runs_an_erasure_and_the_sweep_continues_abandoned_ones():
    make_call("F1")
    erasure, _ = request_erasure(CANARY)
    assert erasure_jobs._claim(erasure.pk)
    assert not erasure_jobs.run(erasure.pk)
    Erasure.objects.update(lease_until=timezone.now() - dt.timedelta(seconds=1))
    assert erasure_jobs.run_due(budget_s=5) == 0  # just requested: left to the enqueued task
    Erasure.objects.update(asked_at=timezone.now() - dt.timedelta(minutes=1))
    assert erasure_jobs.run_due(budget_s=60) == 1


@pytest.mark.django_db
def test_a_storage_that_does_not_delete_leaves_the_erasure_under_way(monkeypatch):
    call = make_call("F1", recording_url="https://r.example/1.mp3")
    Recording.objects.create(call=call, state="KEPT", file="1.mp3", url_digest="x", fetched_at=timezone.now())

    def broken(name):
        raise OSError

    monkeypatch.setattr(archive.storage().__class__, "delete", lambda self, name: broken(name))
    erasure = erase()
    assert erasure.is_under_way
    monkeypatch.undo()
    Erasure.objects.update(lease_until=None)
    assert erasure_jobs.run(erasure.pk)


# --- late pushes --------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_late_repeat_of_an_erased_call_brings_no_number_back():
    store([received_push()])
    erase()
    store([received_push(uid="late", more="&state=Kerala")])
    assert CallLog.objects.filter(caller=CANARY).exists()  # until the next task run
    tasks.continue_erasures()
    assert CallLog.objects.count() == 1
    assert not Push.objects.exists()
    periodic_tasks.refresh_missed()
    assert fields_with_number() == []


@pytest.mark.django_db
def test_a_push_received_before_the_erasure_is_anonymised_too():
    erase()
    store([received_push("E5", ago=dt.timedelta(minutes=1))])
    tasks.continue_erasures()
    assert list(CallLog.objects.values_list("call_id", "caller")) == [
        (erased_callers.erased_call_id("E5"), "")
    ]
    assert not Push.objects.exists()


@pytest.mark.django_db
def test_a_later_call_is_one_of_a_new_caller():
    store([received_push()])
    erase()
    store([received_push("E7")])
    tasks.continue_erasures()
    periodic_tasks.refresh_missed()
    assert CallLog.objects.filter(caller=CANARY).count() == 1
    Erasure.objects.update(state="RUNNING", number=CANARY, step="", after=None, lease_until=None)
    erasure_jobs.run(Erasure.objects.get().pk)  # even while an erasure is still under way
    assert CallLog.objects.filter(caller=CANARY).count() == 1
    assert Push.objects.filter(call__caller=CANARY).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("call_id", ["E1", "E8"])
def test_a_push_from_the_spool_brings_no_number_back(call_id):
    store([received_push()])
    before = received_push(call_id, uid="spooled", ago=dt.timedelta(minutes=1))
    erase()
    replay.get_spool().append(to_spool_record(RawPush(*before[:4])))
    replay.drain()
    assert fields_with_number() == []
    assert not Push.objects.exists()


@pytest.mark.django_db
def test_the_inbox_brings_no_number_back():
    """An unusable push of an erased call is corrected; the push itself does not contain the number."""
    store([received_push()])
    erase()
    raw = "calllogid=E1&callnumber=&date=&time=10:15:00"
    mends = {"caller": CANARY, "date": "2026-11-08"}
    Push.objects.create(uid="r", received_at=timezone.now(), raw_query=raw, outcome="REJECTED", mends=mends)
    assert replay.replay() == (0, 0)
    assert not Push.objects.exists()
    assert not CallLog.objects.filter(caller=CANARY).exists()


@pytest.mark.django_db
def test_a_late_push_is_recognised_after_the_secret_key_has_changed(settings):
    store([received_push()])
    erase()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another secret"
    store([received_push(uid="late")])
    tasks.continue_erasures()
    assert CallLog.objects.count() == 1
    assert not CallLog.objects.exclude(caller="").exists()


@pytest.mark.django_db
def test_without_erasures_the_task_runs_one_query(django_assert_num_queries):
    store([received_push()])
    with django_assert_num_queries(1):
        late_pushes.process_late_pushes()


@pytest.mark.django_db
def test_a_recording_that_is_fetched_while_its_caller_is_erased_is_not_kept(monkeypatch):
    call = make_call("F1", recording_url="https://r.example/1.mp3")
    Recording.objects.create(
        call=call, url_digest=cache.hash_url(call.recording_url), next_try_at=timezone.now()
    )

    def fetched(url, file, *, limits):
        erase()
        file.write(b"voice")
        from calllogs.recordings.fetch import FetchResult

        return FetchResult(start=0, size=5, total=5, content_type="audio/mpeg")

    monkeypatch.setattr(archive, "fetch", fetched)
    archive.fetch_due(until=float("inf"), limits=lambda: None)
    assert not Recording.objects.exists()
    assert [path for path in archive.storage().base_location.rglob("*") if path.is_file()] == []


# --- the command ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_command_erases_and_prints_the_counts():
    store([received_push()])
    out = StringIO()
    call_command("erase_caller", f"98123 {DIGITS[5:]}", stdout=out)
    assert out.getvalue().startswith("Erased: ")
    assert "1 calls" in out.getvalue()
    assert fields_with_number() == []
    entry = AuditEntry.objects.get(action="ERASED")
    assert (entry.person, entry.count) == ("command line", 1)
    assert "••••89" in entry.what
    with pytest.raises(CommandError, match="whole"):
        call_command("erase_caller", "123")
