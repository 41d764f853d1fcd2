"""Too many failures lock an account, the owner can log in from elsewhere, and every lock ends automatically."""

import datetime as dt
import logging

import pytest
from axes.models import AccessAttempt, AccessLog
from django.utils import timezone

from ivrportal.accounts import login_throttle, roles
from settings_sync.models import AuditEntry
from tests.conftest import PASSWORD, make_user
from tests.ivrportal.accounts.signing_in import LOGIN, give_password, is_in, stranger

pytestmark = pytest.mark.django_db
WRONG = "not the password"


@pytest.fixture
def asha():
    return make_user("asha", roles.OFFICE_MANAGERS)


def fail(address, name="asha", times=1, **extra):
    client = stranger(address)
    return [give_password(client, name, WRONG, **extra) for _ in range(times)]


def age(minutes):
    """Move all failures back in time."""
    for attempt in AccessAttempt.objects.all():
        AccessAttempt.objects.filter(pk=attempt.pk).update(
            attempt_time=attempt.attempt_time - dt.timedelta(minutes=minutes)
        )


def test_five_failures_lock_the_account_at_this_address_with_a_sentence(asha):
    began = timezone.localtime()
    answers = fail("203.0.113.5", times=5)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    # The minute may change during the test.
    said = [moment + dt.timedelta(minutes=15) for moment in (began, timezone.localtime())]
    assert any(f"Try again after {at:%H:%M}" in answers[-1].text for at in said)
    assert 0 < int(answers[-1]["Retry-After"]) <= 900
    client = stranger()
    refused = give_password(client, "asha")
    assert refused.status_code == 429
    assert not is_in(client)
    assert give_password(stranger("198.51.100.7"), "asha").status_code == 302


def test_a_lock_ends_automatically_despite_further_failures(asha):
    fail("203.0.113.5", times=5)
    age(10)
    assert fail("203.0.113.5", times=3)[-1].status_code == 429
    age(5.1)
    client = stranger()
    assert give_password(client, "asha").status_code == 302
    assert is_in(client)


def test_a_forged_header_is_no_other_address(asha, settings):
    for n in range(5):
        fail("203.0.113.5", headers={"x-forwarded-for": f"192.0.2.{n}"})
    assert give_password(stranger(), "asha").status_code == 429
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    for n in range(5):
        fail("10.0.0.1", "ravi", headers={"x-forwarded-for": f"192.0.2.{n}, 198.51.100.9"})
    assert AccessAttempt.objects.filter(username="ravi").get().ip_address == "198.51.100.9"


def test_one_address_that_tries_many_accounts_is_locked_and_others_are_not(asha):
    for n in range(login_throttle.ADDRESS_LIMIT):
        fail("203.0.113.5", f"nobody{n}")
    assert give_password(stranger(), "asha").status_code == 429
    assert give_password(stranger("198.51.100.7"), "asha").status_code == 302


def test_an_own_login_does_not_clear_the_failures_of_the_address(asha):
    for n in range(login_throttle.ADDRESS_LIMIT - 1):
        fail("203.0.113.5", f"nobody{n}")
    give_password(stranger(), "asha")
    assert fail("203.0.113.5", "nobody")[-1].status_code == 429


def test_an_account_tried_from_everywhere_is_still_open_to_its_owner(asha):
    home = stranger("198.51.100.7")
    give_password(home, "asha")
    for n in range(login_throttle.ACCOUNT_LIMIT):
        fail(f"192.0.2.{n + 1}")
    assert give_password(stranger("192.0.2.200"), "asha").status_code == 429
    assert give_password(stranger("198.51.100.7"), "asha").status_code == 302


def test_a_login_address_is_known_for_thirty_days_and_then_deleted(asha):
    give_password(stranger("198.51.100.7"), "asha")
    assert login_throttle.is_known_address("asha", "198.51.100.7")
    assert not login_throttle.is_known_address("asha", "198.51.100.8")
    AccessLog.objects.update(attempt_time=timezone.now() - dt.timedelta(days=31))
    assert not login_throttle.is_known_address("asha", "198.51.100.7")
    give_password(stranger("198.51.100.8"), "asha")
    assert AccessLog.objects.get().ip_address == "198.51.100.8"


def test_a_login_clears_the_failures(asha):
    fail("203.0.113.5", times=4)
    give_password(stranger(), "asha")
    assert fail("203.0.113.5", times=4)[-1].status_code == 200


def test_another_browser_is_no_new_beginning(asha):
    for n in range(5):
        answer = fail("203.0.113.5", headers={"user-agent": f"browser {n}"})[-1]
    assert answer.status_code == 429


@pytest.mark.parametrize("address", ["", "unix:", "fe80::1%eth0", "999.1.1.1"])
def test_an_address_that_is_none_breaks_nothing(asha, address):
    assert fail(address, times=5)[-1].status_code == 429


def test_the_beginning_of_a_lock_is_on_record_once(asha):
    fail("203.0.113.5", times=8)
    entry = AuditEntry.objects.get(action="LOCKED")
    assert (entry.person, entry.address) == ("asha", "203.0.113.5")


def test_neither_rows_nor_log_lines_hold_a_password_or_a_number(asha, caplog):
    with caplog.at_level(logging.DEBUG):
        client = stranger()
        for _ in range(6):
            give_password(client, "asha", "canary-secret", to="/admin/calllogs/calllog/%3Fq=9812345678")
    kept = "".join(str(vars(row)) for row in AccessAttempt.objects.all())
    assert kept
    for secret in ("canary-secret", "9812345678"):
        assert secret not in kept
        assert secret not in caplog.text


def test_an_administrator_sees_and_lifts_a_lock(asha, client_for, django_assert_max_num_queries):
    fail("203.0.113.5", times=5)
    admin = client_for(roles.ADMINISTRATORS)
    admin.get("/admin/locks/")
    with django_assert_max_num_queries(12):
        page = admin.get("/admin/locks/").text
    assert "asha" in page
    assert "203.0.113.5" in page
    person = admin.get(f"/admin/auth/user/{asha.pk}/change/").text
    assert "Locked until" in person
    admin.post("/admin/locks/lift/", {"username": "asha", "address": "203.0.113.5"})
    assert give_password(stranger(), "asha").status_code == 302
    assert AuditEntry.objects.filter(action="LOCKED", what="lifted: asha from 203.0.113.5").exists()
    assert "Nobody is locked out." in admin.get("/admin/locks/").text


def test_nobody_else_lifts_a_lock(asha, client_for):
    fail("203.0.113.5", times=5)
    supervisor = client_for(roles.SUPERVISORS)
    assert supervisor.get("/admin/locks/").status_code == 403
    assert supervisor.post("/admin/locks/lift/", {"username": "asha"}).status_code == 403
    assert supervisor.post("/admin/locks/lift/", {}).status_code == 403
    assert give_password(stranger(), "asha").status_code == 429


def test_an_empty_lift_lifts_nothing(asha, client_for):
    fail("203.0.113.5", times=5)
    client_for(None).post("/admin/locks/lift/", {})
    assert give_password(stranger(), "asha").status_code == 429


def test_login_redirects_to_the_requested_page_of_this_site_only(asha):
    assert give_password(stranger(), "asha", to="/admin/heard/").url == "/admin/heard/"
    assert give_password(stranger(), "asha", to="//evil.example/").url == "/admin/"
    assert "password" in stranger().get(LOGIN).text
    assert PASSWORD not in stranger().get(LOGIN).text
