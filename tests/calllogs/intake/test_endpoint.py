"""The push endpoint: its replies, exactly as in the contract."""

import asyncio

import pytest

from calllogs.intake import endpoint
from calllogs.models import CallLog, Push, RefusedPushCount
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
    assert RefusedPushCount.objects.get().count == 1
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
def test_head_and_options_store_nothing(push_key, client, method):
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


def send_asgi(method, query, *, form=(), path="/api/PostCallLogs", headers=(), client=("127.0.0.1", 1)):
    """One request to the ASGI middleware: status, headers and body; None if it passed the request on."""
    pieces = list(form) or [b""]
    messages = []

    async def receive():
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message):
        messages.append(message)

    async def portal(scope, receive, send):
        messages.append(None)

    scope = {
        "type": "http", "method": method, "path": path, "query_string": query, "client": client,
        "headers": [(b"host", b"unknown.example"), *headers],
    }  # fmt: skip
    asyncio.run(endpoint.push_endpoint_middleware(portal)(scope, receive, send))
    if messages == [None]:
        return None
    start, body = messages
    return start["status"], dict(start["headers"]), body["body"]


def test_the_middleware_accepts_any_host_name(push_key):
    status, headers, body = send_asgi("GET", b"key=%s&%s" % (push_key.encode(), SAMPLE))
    assert (status, body) == (200, b"Successful")
    assert headers[b"content-type"] == b"text/plain; charset=utf-8"
    assert (headers[b"cache-control"], headers[b"content-length"]) == (b"no-store", b"10")
    assert Push.objects.get().remote_addr == "127.0.0.1"


def test_the_middleware_reads_a_form_that_comes_in_pieces(push_key):
    status, _, body = send_asgi("POST", b"key=" + push_key.encode(), form=[SAMPLE[:50], SAMPLE[50:]])
    assert (status, body) == (200, b"Successful")
    assert CallLog.objects.get().call_id == "C-1001"


def test_the_middleware_reads_at_most_max_body_bytes_of_a_form(push_key):
    endless = [SAMPLE + b"&x=" + b"x" * endpoint.MAX_BODY, *[b"x" * 1000] * 10]
    assert send_asgi("POST", b"key=" + push_key.encode(), form=endless)[0] == 200
    assert len(Push.objects.get().raw_query) <= endpoint.MAX_BODY


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("OPTIONS", 200), ("PUT", 405)])
def test_the_middleware_stores_nothing_for_other_methods(push_key, method, status):
    assert send_asgi(method, b"key=%s&%s" % (push_key.encode(), SAMPLE))[0] == status
    assert not Push.objects.exists()


def test_the_middleware_passes_other_paths_on():
    assert send_asgi("GET", b"", path="/api/PostCallLog") is None


def test_the_middleware_stores_the_address_behind_a_trusted_proxy(push_key, settings):
    settings.TRUSTED_PROXIES = ["127.0.0.0/8"]
    hops = [(b"x-forwarded-for", b"198.51.100.9, 203.0.113.7")]
    send_asgi("GET", b"key=%s&%s" % (push_key.encode(), SAMPLE), headers=hops)
    assert Push.objects.get().remote_addr == "203.0.113.7"


def test_the_middleware_sends_errors_as_200_if_configured(push_key, settings):
    assert send_asgi("GET", b"key=wrong")[0] == 403
    settings.PUSH_ERROR_STATUS = "ok"
    assert send_asgi("GET", b"key=wrong")[::2] == (200, b"Failure")
