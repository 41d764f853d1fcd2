"""The page "Connect the provider": the address to hand over, the test push, the newest pushes."""

import re
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry

from calllogs.intake import connect_views, group_commit, push_auth
from calllogs.intake.waiters import PushResult
from calllogs.models import CallLog, Push, PushKey
from calllogs.models.push_key import hash_push_key
from calllogs.provider_fields import SAMPLE_URL_NAMES, TABLE_NAMES
from tests.conftest import PUSHES

pytestmark = pytest.mark.django_db(transaction=True)
CONNECT = "/admin/connect/"
SAMPLE = (PUSHES / "sample_url.query").read_bytes()
EXAMPLE_VALUES = {**connect_views.EXAMPLES, "call_id": "C-77"}


def addresses(page):
    return [unescape(found) for found in re.findall(r"<textarea[^>]*>([^<]*)</textarea>", page)]


@pytest.fixture
def admin(client_for):
    return client_for(None)


# --- the address ---


@pytest.mark.parametrize(("position", "names"), [(0, SAMPLE_URL_NAMES), (1, TABLE_NAMES)])
def test_the_shown_address_works_when_its_placeholders_are_replaced(push, admin, position, names):
    address = addresses(admin.get(CONNECT).text)[position]
    assert address.startswith("http://127.0.0.1/api/PostCallLogs?key=YOUR-KEY&")
    query = address.partition("YOUR-KEY&")[2]
    for field, name in names.items():
        query = query.replace(f"{{{name}}}", EXAMPLE_VALUES[field])
    assert push(query).content == b"Successful"
    call = CallLog.objects.get()
    assert (call.call_id, call.caller, call.status) == ("C-77", "+919800012345", "ANSWERED")
    assert (call.talk_seconds, call.department) == (75, "Sales")


def test_an_address_with_its_placeholders_is_rejected_with_that_reason(push, admin):
    query = addresses(admin.get(CONNECT).text)[0].partition("YOUR-KEY&")[2]
    assert push(query).status_code == 400
    assert Push.objects.get().reason == "template not filled in"


def test_the_address_has_the_host_and_scheme_of_the_page(admin, settings):
    settings.ALLOWED_HOSTS = ["portal.example.com"]
    page = admin.get(CONNECT, headers={"host": "portal.example.com"}, secure=True).text
    assert addresses(page)[0].startswith("https://portal.example.com/api/PostCallLogs?key=")
    assert "cannot reach" not in page
    assert "readable for others" not in page
    page = admin.get(CONNECT, headers={"host": "portal.example.com"}).text
    assert "readable for others" in page


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True), ("192.168.1.20", True), ("localhost", True), ("reception", True), ("pbx.local", True),
        ("8.8.8.8", False), ("portal.example.com", False),
    ],
)  # fmt: skip
def test_an_address_of_this_office_only_is_recognised(host, is_local):
    assert connect_views.is_local(host) is is_local


def test_a_key_with_special_characters_is_encoded_in_the_address():
    address = connect_views.build_template_url(
        "https://x.example/api/PostCallLogs", "a&b=c d", names=SAMPLE_URL_NAMES
    )
    assert push_auth.split_off_key(address.partition("?")[2].encode())[1] == hash_push_key("a&b=c d")


def test_the_page_says_who_may_push(admin, settings, push_key):
    assert "from any network" in admin.get(CONNECT).text
    settings.PUSH_ALLOWED_NETWORKS = ["203.0.113.0/24", "2001:db8::/32"]
    assert "203.0.113.0/24, 2001:db8::/32" in admin.get(CONNECT).text


# --- the test push ---


def test_a_test_push_is_stored_like_a_real_push(admin, push_key):
    page = admin.post(CONNECT + "test/").text
    call = CallLog.objects.get()
    assert call.call_id.startswith("test-")
    assert call.department == "Test push"
    assert "The portal replied: Successful" in page
    assert f'href="/admin/calllogs/calllog/{call.pk}/change/"' in page
    assert Push.objects.get().call == call
    assert LogEntry.objects.get().object_repr == call.call_id


def test_a_test_push_by_fetch_returns_a_fragment(admin, push_key):
    fragment = admin.post(CONNECT + "test/", headers={"x-requested-with": "fetch"}).text
    assert "The portal replied: Successful" in fragment
    assert "<html" not in fragment


def test_a_test_push_does_not_mark_a_key_as_used(admin, push_key):
    """Administrators revoke the old key once the new one is used, so a test push must not count as a use."""
    admin.post(CONNECT + "test/")
    assert PushKey.objects.get().last_used_at is None


def test_without_a_live_key_the_test_push_is_refused(admin):
    page = admin.post(CONNECT + "test/").text
    assert "The portal replied: Failure" in page
    assert "no push key is live" in page
    assert not CallLog.objects.exists()


@pytest.mark.parametrize("push_result", [PushResult.SPOOLED, PushResult.NOT_STORED])
def test_the_reply_is_the_one_that_the_provider_gets(admin, push, monkeypatch, push_result):
    monkeypatch.setattr(group_commit, "submit", lambda raw_push, digest: push_result)
    reply = push(SAMPLE)
    page = admin.post(CONNECT + "test/").text
    assert f"The portal replied: {reply.text}" in page
    assert f"(HTTP {reply.status_code})" in page


def test_the_special_digests_are_not_accepted_as_keys(push):
    assert push(SAMPLE, key=push_auth.PORTAL_TEST_KEY).status_code == 403
    assert push(SAMPLE, key=push_auth.NO_KEY).status_code == 403


# --- the newest pushes ---


def test_the_last_pushes_are_listed_with_masked_numbers(admin, push):
    push(SAMPLE)
    push("callnumber=9812345699&date=tomorrow")
    push("callnumber=9811111177", key="wrong")
    fragment = admin.get(CONNECT + "pushes/").text
    assert fragment.index("From a stranger") < fragment.index("Not usable") < fragment.index("New call")
    for number in ("••••78", "••••99", "••••77"):
        assert number in fragment
    assert "98123" not in fragment
    assert "9811111177" not in fragment
    assert "This is not a date" in fragment


def test_the_list_has_ten_rows_and_a_fixed_number_of_queries(admin, push, django_assert_max_num_queries):
    for number in range(12):
        push(f"calllogid=L{number}&callnumber=9812345678&date=2026-11-08&time=10:15")
    admin.get(CONNECT + "pushes/")
    with django_assert_max_num_queries(3):  # the session, the user, the pushes
        fragment = admin.get(CONNECT + "pushes/").text
    assert fragment.count("data-push=") == 10


def test_the_list_accepts_get_only_and_the_test_push_post_only(admin):
    assert admin.get(CONNECT + "test/").status_code == 405
    assert admin.post(CONNECT + "pushes/").status_code == 405


def test_the_pages_need_a_login(client, push_key):
    for path in ("", "pushes/"):
        assert client.get(CONNECT + path, headers={"host": "127.0.0.1"}).status_code == 302
    assert client.post(CONNECT + "test/", headers={"host": "127.0.0.1"}).status_code == 302
    assert not Push.objects.exists()
