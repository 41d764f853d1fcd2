"""The provider's door: its answers, to the contract's letter."""

import pytest

from calllogs.models import CallLog, Push, Refusals
from tests.conftest import PUSHES

SAMPLE = (PUSHES / "sample_url.query").read_bytes()
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_good_push_is_successful_and_becomes_a_call(push):
    response = push(SAMPLE)
    assert (response.status_code, response.content) == (200, b"Successful")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["Cache-Control"] == "no-store"
    call = CallLog.objects.get()
    assert (call.call_id, call.caller, call.status) == ("C-1001", "+919812345678", "ANSWERED")
    assert Push.objects.get().call == call


def test_the_key_is_not_kept(push):
    push(SAMPLE)
    assert "test-push-key" not in Push.objects.get().raw_query


@pytest.mark.parametrize("key", [None, "wrong", ""])
def test_without_the_key_nothing_is_stored_but_a_count_and_a_short_record(push, key):
    response = push(SAMPLE, key=key)
    assert (response.status_code, response.content) == (403, b"Failure")
    assert not CallLog.objects.exists()
    assert Refusals.objects.get().count == 1
    assert (Push.objects.get().outcome, Push.objects.get().call) == ("REFUSED", None)


def test_what_cannot_be_used_is_kept_with_its_reason(push):
    response = push((PUSHES / "no_date.query").read_bytes())
    assert (response.status_code, response.content) == (400, b"Invalid Data")
    kept = Push.objects.get()
    assert (kept.outcome, kept.reason, kept.field) == ("REJECTED", "no date", "date")
    assert not CallLog.objects.exists()


def test_a_form_is_a_push_too(push, client):
    response = client.generic(
        "POST", "/api/PostCallLogs/?key=test-push-key", SAMPLE, "application/x-www-form-urlencoded",
        headers={"host": "127.0.0.1"},
    )  # fmt: skip
    assert (response.status_code, response.content) == (200, b"Successful")


@pytest.mark.parametrize("path", ["/api/PostCallLogs", "/api/PostCallLogs/"])
@pytest.mark.parametrize("secure", [True, False])
def test_neither_the_slash_nor_http_is_answered_by_a_redirect(push_key, client, settings, path, secure):
    settings.SECURE_SSL_REDIRECT = True
    query = f"key={push_key}&{SAMPLE.decode()}"
    response = client.get(path, QUERY_STRING=query, secure=secure, headers={"host": "127.0.0.1"})
    assert response.status_code == 200


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_a_look_stores_nothing(push_key, client, method):
    response = client.generic(
        method,
        "/api/PostCallLogs",
        QUERY_STRING=f"key={push_key}&{SAMPLE.decode()}",
        headers={"host": "127.0.0.1"},
    )
    assert response.status_code == 200
    assert not Push.objects.exists()


def test_another_method_is_not_allowed(push_key, client):
    response = client.put("/api/PostCallLogs", headers={"host": "127.0.0.1"})
    assert response.status_code == 405


def test_errors_can_be_answered_with_200_for_senders_that_need_it(push, settings):
    settings.PUSH_ERROR_STATUS = "ok"
    response = push(SAMPLE, key="wrong")
    assert (response.status_code, response.content) == (200, b"Failure")


def test_the_door_does_not_ask_for_the_host_name(push_key):
    from calllogs.views import with_door

    seen = []
    environ = {
        "PATH_INFO": "/api/PostCallLogs", "REQUEST_METHOD": "GET", "HTTP_HOST": "unknown.example",
        "QUERY_STRING": f"key={push_key}&{SAMPLE.decode()}", "REMOTE_ADDR": "127.0.0.1", "wsgi.input": None,
    }  # fmt: skip
    environ["wsgi.input"] = __import__("io").BytesIO()
    body = with_door(lambda *_: [b"the portal"])(
        environ, lambda status, headers: seen.append((status, headers))
    )
    assert list(body) == [b"Successful"]
    assert seen[0][0] == "200 OK"
