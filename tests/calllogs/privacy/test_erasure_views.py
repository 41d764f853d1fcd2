"""The pages to erase a caller, and the report of who saw a number."""

import datetime as dt
import re

import pytest
from django.urls import reverse
from django.utils import timezone

from calllogs.models import CallLog, Erasure, Export
from calllogs.privacy import erasure_jobs
from ivrportal.accounts.roles import ADMINISTRATORS, AUDITORS, OFFICE_MANAGERS, SUPERVISORS
from ivrportal.audit import audit_log
from settings_sync.models import Agent, AuditEntry

pytestmark = pytest.mark.django_db
NUMBER, OTHER = "+919812377889", "+919812377880"
ERASE, ACCESS_REPORT = "/admin/calllogs/erasure/", "/admin/calllogs/who-saw/"


@pytest.fixture(autouse=True)
def isolated_storage(settings, tmp_path, no_broker):
    settings.VAR_DIR = tmp_path


@pytest.fixture
def call(db):
    return make_call("F1")


def make_call(call_id, caller=NUMBER, **more):
    at = timezone.now() - dt.timedelta(hours=1)
    moments = dict.fromkeys(["started_at", "received_at", "told_at", "updated_at"], at)
    return CallLog.objects.create(
        **{"call_id": call_id, "caller": caller, "status": "MISSED", **moments, **more}
    )


def make_export(query="", *, ago=dt.timedelta(minutes=5), **more):
    at = timezone.now() - ago
    known = {
        "who": "ravi",
        "file_format": "csv",
        "way": "SCREEN",
        "zone": "Asia/Kolkata",
        "words": "all calls",
    }
    return Export.objects.create(
        **{**known, "query": query, "state": "DONE", "asked_at": at, "ended_at": at, "rows": 3, **more}
    )


# --- erase -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [OFFICE_MANAGERS, SUPERVISORS, AUDITORS])
def test_only_administrators_erase(client_for, call, role):
    client = client_for(role)
    assert client.get(ERASE).status_code == 403
    assert client.post(ERASE, {"number": NUMBER, "sure": "yes"}).status_code == 403
    assert client.get(f"{ERASE}1/").status_code == 403
    assert client.get(f"{ERASE}1/progress/").status_code == 403
    assert CallLog.objects.get().caller == NUMBER
    assert ERASE not in client.get("/admin/").content.decode()


def test_the_page_asks_for_confirmation_and_shows_what_will_be_removed(client_for, call):
    client = client_for(ADMINISTRATORS)
    page = client.post(ERASE, {"number": "98123-77889"}).content.decode()
    assert "Erase 98123 77889 everywhere?" in page
    assert re.search(r"<strong class=\"number\">1</strong> calls, which stay", page)
    assert not Erasure.objects.exists()
    response = client.post(ERASE, {"number": NUMBER, "sure": "yes"})
    erasure = Erasure.objects.get()
    assert response["Location"] == f"{ERASE}{erasure.pk}/"
    assert erasure.who == "administrators"
    entry = AuditEntry.objects.get(action="ERASED")
    assert (entry.person, entry.subject, entry.count) == (
        "administrators",
        f"calllogs.erasure:{erasure.pk}",
        1,
    )
    assert NUMBER not in str(vars(entry))


def test_progress_is_polled_and_the_result_is_kept(client_for, call):
    client = client_for(ADMINISTRATORS)
    client.post(ERASE, {"number": NUMBER, "sure": "yes"})
    erasure = Erasure.objects.get()
    part = client.get(f"{ERASE}{erasure.pk}/progress/").content.decode()
    assert f'hx-get="{ERASE}{erasure.pk}/progress/"' in part
    assert "<progress" in part
    erasure_jobs.run(erasure.pk)
    part = client.get(f"{ERASE}{erasure.pk}/progress/").content.decode()
    assert "hx-get" not in part
    assert "Erased everywhere" in part
    page = client.get(f"{ERASE}{erasure.pk}/").content.decode()
    assert "••••89" in page
    assert "77889" not in page
    assert f"{ERASE}{erasure.pk}/" in client.get(ERASE).content.decode()


def test_a_call_links_to_the_page_without_its_number_in_the_url(client_for, call):
    client = client_for(ADMINISTRATORS)
    page = client.get(f"/admin/calllogs/calllog/{call.pk}/change/").content.decode()
    assert f'href="{ERASE}?call={call.pk}"' in page
    assert "Erase 98123 77889 everywhere?" in client.get(f"{ERASE}?call={call.pk}").content.decode()
    assert client.get(f"{ERASE}?call=99999").status_code == 404
    assert client.get(f"{ERASE}?call=x").status_code == 404


def test_an_agents_number_is_refused_with_a_message(client_for):
    Agent.objects.create(name="Asha", number=NUMBER)
    page = client_for(ADMINISTRATORS).post(ERASE, {"number": NUMBER, "sure": "yes"}).content.decode()
    assert "Delete the agent first" in page
    assert not Erasure.objects.exists()


# --- who saw -----------------------------------------------------------------------------------------------


def test_the_report_shows_who_saw_a_number_and_is_itself_recorded(client_for, call):
    audit_log.record(audit_log.Action.SAW_CALL, person="asha", what="a call's page", callers=[NUMBER])
    audit_log.record(audit_log.Action.SAW_CALL, person="other-person", callers=[OTHER])
    client = client_for(ADMINISTRATORS)
    page = client.post(ACCESS_REPORT, {"number": "098123 77889"}).content.decode()
    assert "asha" in page
    assert "other-person" not in page
    entry = AuditEntry.objects.get(action="ASKED_WHO")
    assert entry.person == "administrators"
    assert entry in AuditEntry.objects.about_caller(audit_log.caller_digests(NUMBER))


def test_the_report_lists_the_exports_that_contained_a_call(client_for, call):
    held = make_export("status=MISSED", words="missed ones")
    make_export("status=ANSWERED", words="answered ones")
    make_export("q=%2B919812377880", words="other number")
    make_export(ago=dt.timedelta(days=2), words="before the call")
    make_call("F2", OTHER)
    page = client_for(ADMINISTRATORS).post(ACCESS_REPORT, {"number": NUMBER}).content.decode()
    assert held.words in page
    assert [words for words in ("answered ones", "other number", "before the call") if words in page] == []


def test_many_exports_are_counted_in_one_query(client_for, call, django_assert_max_num_queries):
    for _ in range(30):
        make_export()
    client = client_for(ADMINISTRATORS)
    client.post(ACCESS_REPORT, {"number": NUMBER})
    with django_assert_max_num_queries(14):
        client.post(ACCESS_REPORT, {"number": NUMBER})


def test_users_without_whole_numbers_can_only_start_from_a_call(client_for, call):
    make_export("q=%2B919812377889", words="“+919812377889”")
    client = client_for(AUDITORS)
    assert client.post(ACCESS_REPORT, {"number": NUMBER}).status_code == 403
    page = client.get(f"{ACCESS_REPORT}?call={call.pk}").content.decode()
    assert "98••• ••889" in page
    assert "••••89" in page
    assert "9812377889" not in page
    assert 'name="number"' not in page


@pytest.mark.parametrize("role", [OFFICE_MANAGERS, SUPERVISORS])
def test_other_roles_cannot_open_the_report(client_for, call, role):
    client = client_for(role)
    assert client.get(f"{ACCESS_REPORT}?call={call.pk}").status_code == 403
    assert client.post(ACCESS_REPORT, {"number": NUMBER}).status_code == 403
    assert reverse("admin:calllogs_who_saw") not in client.get("/admin/").content.decode()


def test_the_report_still_works_after_an_erasure(client_for, call):
    audit_log.record(audit_log.Action.SAW_CALL, person="asha", callers=[NUMBER])
    client = client_for(ADMINISTRATORS)
    client.post(ERASE, {"number": NUMBER, "sure": "yes"})
    erasure_jobs.run(Erasure.objects.get().pk)
    page = client.post(ACCESS_REPORT, {"number": NUMBER}).content.decode()
    assert "asha" in page
    assert "Erased a caller" in page
