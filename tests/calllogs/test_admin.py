"""The screens of calls, through Django's test client."""

import pytest

from calllogs.models import CallLog, Push
from ivrportal.accounts.roles import SUPERVISORS
from tests.conftest import PUSHES

pytestmark = pytest.mark.django_db(transaction=True)
CALLS = "/admin/calllogs/calllog/"


@pytest.fixture
def call(push):
    push((PUSHES / "sample_url.query").read_bytes())
    return CallLog.objects.get()


def test_a_call_is_listed_with_its_status(client_for, call):
    page = client_for(SUPERVISORS).get(CALLS).text
    assert "98123 45678" in page
    assert "Answered" in page
    assert "8 Nov 2026, 10:15" in page


@pytest.mark.parametrize("spelling", ["9812345678", "+91 98123 45678", "C-1001"])
def test_a_call_is_found_by_number_in_any_spelling_and_by_id(client_for, call, spelling):
    supervisor = client_for(SUPERVISORS)
    assert "98123 45678" in supervisor.get(CALLS, {"q": spelling}).text
    assert "98123 45678" not in supervisor.get(CALLS, {"q": "9999999999"}).text


def test_calls_and_pushes_are_read_only(client_for, call):
    supervisor = client_for(None)
    assert supervisor.get(f"{CALLS}{call.pk}/change/").status_code == 200
    assert supervisor.post(f"{CALLS}{call.pk}/change/", {"caller": "x"}).status_code == 403
    assert supervisor.get(CALLS + "add/").status_code == 403
    push = Push.objects.get()
    assert supervisor.get(f"/admin/calllogs/push/{push.pk}/change/").status_code == 200


def test_the_detail_page_shows_both_conflicting_pushes(client_for, push):
    push("calllogid=C9&date=2026-11-08&time=10:00&callstatus=MISSED")
    push("calllogid=C9&date=2026-11-08&time=10:00&callstatus=ANSWER")
    call = CallLog.objects.get()
    page = client_for(SUPERVISORS).get(f"{CALLS}{call.pk}/change/").text
    assert call.has_conflict
    assert "callstatus=MISSED" in page
    assert "callstatus=ANSWER" in page
