"""Every POST leaves exactly one audit entry, or is listed here with the reason why not."""

import json
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, User
from django.core.management import call_command
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from calllogs.models import CallLog, Export, Push, PushKey
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.common import admin_mixins
from settings_sync.models import AuditEntry, Holiday
from tests.conftest import PASSWORD
from tests.ivrportal.audit.actions import ACTIVITIES, CALLER, SOON, World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

ONLY_DISPLAYS = "it only displays, whatever the method"
NOT_SAVED = "the form is saved, previewed and rolled back"
CONFIRMATION = "it leads to a confirmation page, which saves"
TESTED_ELSEWHERE = "it records itself; its own package has the tests"
EXCEPTIONS = {
    "second_step": "it goes on with a sign-in, which is an entry when it is complete or fails",
    "second_step_again": "it forgets a sign-in that is not complete",
    "second_factor": TESTED_ELSEWHERE,
    "recovery_codes": TESTED_ELSEWHERE,
    "second_factor_remove": TESTED_ELSEWHERE,
    "auth_user_reset_factor": TESTED_ELSEWHERE,
    "locks_lift": TESTED_ELSEWHERE,
    "calllogs_erasures": TESTED_ELSEWHERE,
    "calllogs_who_saw": TESTED_ELSEWHERE,
    "auth_user_changelist": "it has no actions and no fields to edit",
    "index": ONLY_DISPLAYS,
    "app_list": ONLY_DISPLAYS,
    "search": ONLY_DISPLAYS,
    "autocomplete": ONLY_DISPLAYS,
    "jsi18n": ONLY_DISPLAYS,
    "view_on_site": ONLY_DISPLAYS,
    "password_change_done": ONLY_DISPLAYS,
    "heard": ONLY_DISPLAYS,
    "changes": ONLY_DISPLAYS,
    "calllogs_recording": "refused: a recording is read by GET, which leaves an entry for each play",
    "calllogs_recording_look": "refused: the player asks by GET, and that plays nothing",
    "calllogs_calllog_changelist": ONLY_DISPLAYS + "; that it was seen is an entry",
    "calllogs_calllog_change": "refused: calls are only read",
    "calllogs_export_change": ONLY_DISPLAYS,
    "calllogs_pushkey_changelist": "it has no actions and no fields to edit",
    "calllogs_report_changelist": "it has no actions and no fields to edit",
    "settings_sync_officehours_delete": "refused to everybody: the provider knows no day without hours",
    "calllogs_pushkey_delete": "refused to everybody: revoked keys stay listed",
    "holiday_suggestions": CONFIRMATION,
    "holiday_import": CONFIRMATION,
    **{f"settings_sync_{kind}_preview{part}": NOT_SAVED
       for kind in ("agent", "holiday", "officehours") for part in ("", "_add", "_list")},
}  # fmt: skip


def addresses(patterns: list, path: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        here = path + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, here)
        else:
            yield here, pattern


def of_the_admin() -> list[tuple[str, URLPattern]]:
    return [
        (path, found) for path, found in addresses(get_resolver().url_patterns) if path.startswith("admin/")
    ]


def only_reads(name: str) -> bool:
    """Views of Django's admin that save nothing: those of read-only models, and history pages."""
    request = RequestFactory().post("/")
    request.user = User(username="root", is_superuser=True, is_active=True)
    for model, one in admin.site._registry.items():
        opts = model._meta
        views = ["add", "change", "delete", *([] if one.get_actions(request) else ["changelist"])]
        if isinstance(one, admin_mixins.ReadOnlyAdminMixin) and name in {
            f"{opts.app_label}_{opts.model_name}_{view}" for view in views
        }:
            return True
        if name == f"{opts.app_label}_{opts.model_name}_history":
            return True
    return False


@pytest.fixture
def world(client_for, push):
    client = client_for(None)
    User.objects.update(email="admin@office.example")
    return World(client, User.objects.get(), push)


def test_every_address_that_takes_a_post_is_recorded_or_named_as_an_exception(world):
    forgotten, seen = [], set()
    for path, pattern in of_the_admin():
        name = pattern.name or ""
        if not name:  # Django's redirects from old URLs, and its catch-all 404
            assert pattern.callback.__qualname__.split(".")[0] in {"View", "AdminSite"}, path
            continue
        seen.add(name)
        if name in ACTIVITIES or name in EXCEPTIONS or only_reads(name):
            continue
        concrete = "".join("1" if part.startswith("<") else part for part in _parts(path))
        if world.admin.post(f"/{concrete}").status_code != 405:
            forgotten.append(name)
    assert forgotten == []
    assert sorted({*ACTIVITIES, *EXCEPTIONS} - seen) == [], "what is gone is no exception"
    assert sorted(ACTIVITIES.keys() & EXCEPTIONS.keys()) == []
    assert len(seen) > 100, "the walk finds what there is"


def _parts(path: str) -> list[str]:
    found, rest = [], path
    while "<" in rest:
        before, _, rest = rest.partition("<")
        inside, _, rest = rest.partition(">")
        found += [before, f"<{inside}"]
    return [*found, rest]


@pytest.mark.parametrize("name", ACTIVITIES)
def test_an_activity_leaves_exactly_one_entry_with_person_address_and_scope(world, name):
    action, deed = ACTIVITIES[name]
    path, data = deed(world)
    client = Client(headers={"host": "127.0.0.1"}) if name == "login" else world.admin
    before = AuditEntry.objects.count()
    response = client.post(f"/admin/{path}", data, REMOTE_ADDR="203.0.113.9")
    assert response.status_code in {200, 302}
    response.close()  # the export of calls continues until its response is closed
    entry = AuditEntry.objects.get(number__gt=before)
    assert (entry.action, entry.person, entry.address) == (action, "admin", "203.0.113.9")
    assert entry.what or entry.subject
    if action in {Action.CHANGED, Action.ADDED, Action.DELETED, Action.ROLES, Action.MENDED}:
        is_told = entry.changes or name in {"holiday_feed_make", "holiday_feed_revoke", "provider_close"}
        assert is_told or name in {"connect_test", "calllogs_report_send"}
    kept = json.dumps([entry.what, entry.changes, entry.subject])
    assert CALLER[3:] not in kept
    assert "98123 45678" not in kept
    assert PASSWORD not in kept
    assert "another correct horse" not in kept
    assert audit_log.verify()[2] is None


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("settings_sync_agent_change", {
            "department": ["Sales", "Service"], "shift Monday 09:00–17:00": [None, "+"],
        }),
        ("settings_sync_holiday_change", {"name": ["Founder's day", "Another day"]}),
        ("settings_sync_officehours_changelist", {"opens_at": ["09:00:00", "08:00:00"]}),
        ("settings_sync_officehours_other_cancel", None),
        ("auth_user_change", {"roles": ["", "Supervisors"]}),
        ("auth_user_password_change", {"password": ["•••", "•••"]}),
        ("calllogs_push_mend", {"date": ["11/25/2026", "2026-11-25"]}),
        ("calllogs_pushkey_change", {"name": ["test", "another name"]}),
        ("calllogs_views", {"query": [None, "q=••••78"], "shared": [None, True]}),
        ("calllogs_callnote_write", {"note": [None, "•••"]}),
        ("calllogs_calltag_write", {"tag": [None, "••••78"]}),
        ("calllogs_export_cancel", {"state": ["WAITING", "CANCELLED"]}),
        ("settings_sync_agent_list", {"availability": ["AVAIL", "OFF"]}),
    ],
)  # fmt: skip
def test_a_change_is_kept_with_its_old_and_new_values(world, name, changes):
    path, data = ACTIVITIES[name][1](world)
    world.admin.post(f"/admin/{path}", data)
    entry = AuditEntry.objects.first()
    if changes is None:
        assert entry.changes["opens_at"] == ["10:00:00", None]
        assert entry.changes["closes_at"] == ["16:00:00", None]
    else:
        assert entry.changes == changes


def test_many_that_are_done_at_once_are_one_entry(world):
    agents = [world.agent(number=f"+91980010000{number}", name=f"Agent {number}") for number in range(3)]
    path = "/admin/settings_sync/agent/board/switch/"
    before = AuditEntry.objects.count()
    world.admin.post(path, {"bulk": "OFF", "agents": [agent.pk for agent in agents]})
    entry = AuditEntry.objects.get(number__gt=before)
    assert (entry.count, len(entry.changes), entry.subject) == (3, 3, "")
    assert entry.changes[f"agent {agents[0].pk} Agent 0"] == ["AVAIL", "OFF"]
    world.admin.post(path, {"bulk": "OFF", "agents": [agent.pk for agent in agents]})
    assert AuditEntry.objects.count() == before + 1, "it was so already"


def test_a_rejected_action_is_not_recorded(world):
    before = AuditEntry.objects.count()
    world.admin.post("/admin/settings_sync/agent/add/", {"name": "", "number": "x"})
    world.admin.post("/admin/settings_sync/providersetting/send-everything-again/", {})
    world.admin.post("/admin/calllogs/calllog/views/", {"do": "save", "name": ""})
    world.admin.post("/admin/calllogs/push/replay/", {})
    assert AuditEntry.objects.count() == before


def test_a_change_that_cannot_be_recorded_is_not_made(world, monkeypatch):
    world.admin.raise_request_exception = False
    monkeypatch.setattr(audit_log, "_insert", lambda *_: False)
    assert world.admin.post("/admin/settings_sync/holiday/add/", {"date": SOON}).status_code == 500
    assert not Holiday.objects.exists()


# --- people -----------------------------------------------------------------------------------------------


def test_a_failed_sign_in_keeps_the_typed_name_and_no_password(client):
    client.post("/admin/login/", {"username": "x" * 200, "password": "a secret"}, REMOTE_ADDR="203.0.113.9")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.person, entry.address) == (Action.SIGN_IN_FAILED, "x" * 150, "203.0.113.9")
    assert "a secret" not in str(vars(entry))


def test_an_anonymous_logout_is_not_recorded(rf):
    from django.contrib.auth import logout

    request = rf.get("/")
    request.session, request.user = Client().session, AnonymousUser()
    logout(request)
    assert not AuditEntry.objects.exists()


# --- views of personal data -------------------------------------------------------------------------------


@pytest.fixture
def seen(world):
    """Open a page and return the audit entries that it left."""

    def opened(path, **more):
        before = AuditEntry.objects.count()
        response = world.admin.get(f"/admin/{path}", **more)
        assert response.status_code in {200, 204}
        response.close()
        return list(AuditEntry.objects.filter(number__gt=before))

    return opened


@pytest.mark.parametrize(
    ("path", "action", "what"),
    [
        ("calllogs/calllog/?status=MISSED&q=9812345678", Action.SAW_LIST, "missed, “••••78”"),
        ("calllogs/calllog/{call}/change/", Action.SAW_CALL, "C1"),
        ("calllogs/missed/", Action.SAW_LIST, "Missed callers, Waiting"),
        ("calllogs/missed/?show=old&department=Sales", Action.SAW_LIST, "Missed callers, Older, Sales"),
        ("calllogs/missed/call/{call}/", Action.SAW_CALL, "Missed callers"),
        ("calllogs/push/?outcome__exact=STORED", Action.SAW_LIST, "pushes, outcome__exact=STORED"),
        ("calllogs/push/{push}/change/", Action.SAW_CALL, "Push of"),
    ],
)
def test_a_view_of_callers_is_recorded_with_their_digests(world, seen, path, action, what):
    call = world.call()
    world.missed = lambda: None
    entries = seen(path.format(call=call.pk, push=Push.objects.get().pk))
    assert [entry.action for entry in entries] == [action]
    assert what in entries[0].what
    is_shown = "missed/?show=old" not in path
    found = AuditEntry.objects.about_caller(audit_log.caller_digests(CALLER)).filter(number=entries[0].number)
    assert found.exists() == is_shown
    if action == Action.SAW_LIST:
        assert entries[0].count == len(entries[0].callers) == (1 if is_shown else 0)
    assert CALLER[3:] not in str(vars(entries[0]))


def test_polling_of_the_callback_queue_is_not_recorded(world, seen):
    world.missed()
    version = "0" * 16
    assert seen("calllogs/missed/", query_params={"seen": version}, headers={"HX-Request": "true"}) == []
    assert len(seen("calllogs/missed/?department=Sales", headers={"HX-Request": "true"})) == 1


def test_a_file_of_an_export_that_is_fetched_is_an_entry(world, seen, settings, tmp_path):
    from calllogs.exports import jobs

    settings.VAR_DIR = tmp_path
    world.call()
    export = world.job()
    assert jobs.run(export.pk)
    (entry,) = seen(f"calllogs/export/{export.pk}/file/")
    assert (entry.action, entry.count, entry.subject) == (Action.FETCHED, 1, f"calllogs.export:{export.pk}")


@pytest.mark.parametrize(
    "path", ["", "settings_sync/agent/", "calllogs/export/", "heard/", "board/", "alarms/", "changes/"]
)
def test_pages_without_callers_leave_no_entry(seen, path):
    assert seen(path) == []


# --- the command line -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "action"),
    [
        (("resend_all",), Action.SENT_AGAIN),
        (("create_push_key", "provider"), Action.KEY_MADE),
        (("replay_pushes",), Action.REPLAYED),
        (("export_calls", "--number", "9812345678"), Action.EXPORTED),
    ],
)
def test_a_command_that_acts_is_an_entry_of_the_command_line(command, action, capsys):
    call_command(*command)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.person, entry.address) == (action, "command line", "")
    assert CALLER[3:] not in str(vars(entry))
    made = PushKey.objects.first()
    assert made is None or capsys.readouterr().out.strip() not in str(vars(entry))
    assert CallLog.objects.count() == Export.objects.exclude(way="COMMAND").count() == 0


def test_a_push_writes_no_entry(push):
    push("calllogid=P1&callnumber=9812345678&date=2026-11-25&time=10:15&callstatus=ANSWER")
    push("nonsense", key="wrong")
    assert CallLog.objects.exists()
    assert not AuditEntry.objects.exists()
