"""Push keys in the admin: made, shown once, rotated, revoked, with a history."""

import datetime as dt
import re
import time

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from calllogs.intake import push_auth
from calllogs.models import PushKey
from calllogs.models.push_key import hash_push_key
from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS

pytestmark = pytest.mark.django_db(transaction=True)
KEYS = "/admin/calllogs/pushkey/"
CALL = "calllogid=K-1&callnumber=9812345678&date=2026-11-08&time=10:15"


def make_key(client, name="Provider"):
    """Make a key through the form. Returns its text and the page that shows it."""
    reply = client.post(f"{KEYS}add/", {"name": name})
    return re.search(r'id="new-key"[^>]*value="([^"]+)"', reply.text)[1], reply


def set_last_use(key, *, ago):
    PushKey.objects.filter(name=key).update(last_used_at=timezone.now() - ago)


def test_a_new_key_is_shown_once_with_its_address_and_kept_as_a_digest(client_for, push):
    admin = client_for(None)
    key, reply = make_key(admin)
    assert PushKey.objects.get(name="Provider").digest == hash_push_key(key)
    assert f"/api/PostCallLogs?key={key}&amp;calllogid={{calllogid}}" in reply.text
    assert "no-store" in reply["Cache-Control"]
    for page in (KEYS, "/admin/connect/", "/admin/"):
        assert key not in admin.get(page).text
    assert push(CALL, key=key).content == b"Successful"


def test_the_key_is_kept_in_no_session_and_no_cookie(client_for):
    admin = client_for(None)
    key, reply = make_key(admin)
    assert key not in str(dict(admin.session))
    assert key not in str(reply.cookies)
    assert key not in "".join(LogEntry.objects.values_list("change_message", flat=True))


def test_a_second_key_of_the_same_name_is_refused(client_for):
    admin = client_for(None)
    make_key(admin)
    assert "already exists" in admin.post(f"{KEYS}add/", {"name": "Provider"}).text
    assert PushKey.objects.count() == 1


def test_a_key_is_renamed_without_being_changed(client_for, push_key):
    key = PushKey.objects.get()
    client_for(None).post(f"{KEYS}{key.pk}/change/", {"name": "Telephone people"})
    key.refresh_from_db()
    assert (key.name, key.digest) == ("Telephone people", hash_push_key(push_key))


def test_revoking_asks_first_and_then_refuses_pushes(client_for, push):
    admin = client_for(None)
    key = PushKey.objects.get()
    page = admin.get(f"{KEYS}{key.pk}/revoke/").text
    assert "It is the only live key." in page
    assert push(CALL).status_code == 200
    page = admin.post(f"{KEYS}{key.pk}/revoke/", follow=True).text
    assert "The key “test” is revoked." in page
    time.sleep(push_auth.KEYS_FRESH_S)
    assert push(CALL).status_code == 403


def test_a_revoked_key_stays_listed_and_cannot_be_revoked_again(client_for, push_key):
    admin = client_for(None)
    key = PushKey.objects.get()
    admin.post(f"{KEYS}{key.pk}/revoke/")
    before = PushKey.objects.get().revoked_at
    page = admin.post(f"{KEYS}{key.pk}/revoke/", follow=True).text
    assert "was revoked before" in page
    assert 'class="in-link in-muted"' in page
    assert f"{key.pk}/revoke/" not in page
    assert PushKey.objects.get().revoked_at == before


def test_the_history_shows_who_made_and_who_revoked_a_key(client_for):
    admin = client_for(None)
    make_key(admin)
    key = PushKey.objects.get()
    admin.post(f"{KEYS}{key.pk}/revoke/")
    entries = LogEntry.objects.order_by("pk").values_list("user__username", "object_repr", "action_flag")
    assert list(entries) == [("admin", "Provider", 1), ("admin", "Provider", 2)]
    assert "Revoked." in admin.get(f"{KEYS}{key.pk}/history/").text


def test_the_list_shows_the_last_use(client_for, push_key):
    admin = client_for(None)
    assert "never used" in admin.get(KEYS).text
    set_last_use("test", ago=dt.timedelta(minutes=2, seconds=5))
    assert "used 2\xa0minutes ago" in admin.get(KEYS).text


def test_a_key_that_is_in_use_is_not_revoked_without_a_warning(client_for, push_key):
    PushKey.make("new")
    set_last_use("test", ago=dt.timedelta(hours=2))
    page = client_for(None).get(f"{KEYS}{PushKey.objects.get(name='test').pk}/revoke/").text
    assert "Somebody still pushes with it." in page
    assert "“new”" in page


def test_replacing_a_key_is_guided_step_by_step(client_for, push_key):
    admin = client_for(None)
    old = PushKey.objects.get()
    form = admin.get(f"{KEYS}add/", {"in_place_of": old.pk}).text
    assert "A new key in the place of “test”" in form
    assert f'value="test, {timezone.localdate():%B %Y}"' in form
    make_key(admin, "new")
    set_last_use("test", ago=dt.timedelta(minutes=1))
    assert "give the provider the address with “new”" in admin.get(KEYS).text
    set_last_use("new", ago=dt.timedelta(minutes=1))
    assert "wait until “test” was not used for a day" in admin.get(KEYS).text
    set_last_use("test", ago=dt.timedelta(days=2))
    assert "revoke “test” now" in admin.get(KEYS).text
    admin.post(f"{KEYS}{old.pk}/revoke/")
    assert "Two keys are live" not in admin.get(KEYS).text


@pytest.mark.parametrize("value", ["", "x", "²", "9" * 40, "4711"])
def test_an_invalid_in_place_of_is_ignored(client_for, value):
    assert client_for(None).get(f"{KEYS}add/", {"in_place_of": value}).status_code == 200


def test_two_live_keys_are_both_accepted(client_for, push):
    key, _page = make_key(client_for(None), "second")
    assert push(CALL).status_code == 200
    assert push(CALL.replace("K-1", "K-2"), key=key).status_code == 200


@pytest.mark.parametrize("role", [SUPERVISORS, OFFICE_MANAGERS])
def test_keys_need_permission(client_for, role, push_key):
    client = client_for(role)
    key = PushKey.objects.get()
    for path in (KEYS, f"{KEYS}add/", f"{KEYS}{key.pk}/revoke/", "/admin/connect/"):
        assert client.get(path).status_code == 403, path
    assert client.post(f"{KEYS}{key.pk}/revoke/").status_code == 403
    assert PushKey.objects.live().count() == 1


def test_the_number_of_queries_does_not_depend_on_the_number_of_keys(
    client_for, django_assert_max_num_queries
):
    for number in range(20):
        PushKey.make(f"key {number}")
    admin = client_for(None)
    admin.get(KEYS)
    with django_assert_max_num_queries(9):
        admin.get(KEYS)


@pytest.mark.parametrize(
    ("raw", "bare", "key"),
    [
        (b"key=a&date=1", b"date=1", "a"),
        (b"key=a", b"", "a"),
        (b"key=a%2Bb&knumber=1", b"knumber=1", "a+b"),
        (b"key=a&b=1&KEY=c", b"b=1", "a"),
        (b"key=a&k_ey=c&b=1", b"b=1", "a"),
        (b"key=&b=1", b"b=1", ""),
        (b"b=1&key=a&&c", b"b=1&&c", "a"),
        (b"b=1&c", b"b=1&c", ""),
    ],
)
def test_every_key_parameter_is_removed_from_the_push(raw, bare, key):
    assert push_auth.split_off_key(raw) == (bare, hash_push_key(key))
