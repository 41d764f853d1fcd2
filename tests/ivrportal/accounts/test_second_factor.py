"""The second factor: no access before it, codes work once, recovery codes, and who needs one."""

import re
import threading
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver
from django_otp.plugins.otp_totp.models import TOTPDevice

from ivrportal.accounts import roles, second_factor
from ivrportal.models import RecoveryCode
from settings_sync.models import AuditEntry
from tests.conftest import PASSWORD, make_user
from tests.ivrportal.accounts.signing_in import (
    HOME,
    KEY,
    LOGIN,
    SET_UP,
    STEP,
    code_of,
    give_password,
    give_phone,
    is_in,
    stranger,
)

pytestmark = pytest.mark.django_db
OWN_STEPS = {"login", "second_step", "second_step_again", "second_factor"}


@pytest.fixture
def asha():
    person = make_user("asha", roles.SUPERVISORS)
    give_phone(person)
    return person


@pytest.fixture
def required(settings):
    settings.SECOND_FACTOR_ROLES = [roles.SUPERVISORS, roles.AUDITORS, roles.ADMINISTRATORS]


def admin_pages():
    """Every URL below /admin/, with placeholder arguments."""

    def walk(patterns, prefix):
        for each in patterns:
            if isinstance(each, URLResolver):
                yield from walk(each.url_patterns, prefix + str(each.pattern))
            elif isinstance(each, URLPattern):
                address = prefix + str(each.pattern)
                address = re.sub(r"<path:[^>]+>|<int:[^>]+>|<str:[^>]+>|<[^>]+>", "1", address)
                yield each.name or "", "/" + re.sub(r"\(\?P.*$|[\^$\\]", "", address)

    for each in get_resolver().url_patterns:
        if isinstance(each, URLResolver) and str(each.pattern) == "admin/":
            yield from walk(each.url_patterns, "admin/")


def test_with_the_password_alone_no_page_gives_anything(asha):
    client = stranger()
    assert give_password(client, "asha").url == STEP
    pages = [(name, address) for name, address in admin_pages() if name not in OWN_STEPS]
    assert len(pages) > 80, "the search finds what there is"
    for name, address in pages:
        for asked in (client.get, client.post):
            for headers in ({}, {"HX-Request": "true"}, {"Accept": "application/json"}):
                answer = asked(address, headers=headers)
                if name in {"jsi18n", "logout"}:
                    assert answer.status_code in (200, 302, 405), (
                        address
                    )  # Django's JavaScript texts, and logout
                    continue
                is_board = name == "board" and "Signed out." in answer.text
                is_refused = answer.status_code in (404, 405)
                assert is_board or is_refused or answer.url.startswith(LOGIN), (address, answer.status_code)
        if name == "logout":
            give_password(client, "asha")
    assert client.get(LOGIN).url == STEP


def test_the_code_lets_in_once_under_a_new_session_key(asha):
    client = stranger()
    before = client.session.session_key
    give_password(client, "asha", to="/admin/heard/")
    between = client.session.session_key
    answer = client.post(STEP, {"code": " ".join(code_of())})
    assert answer.url == "/admin/heard/"
    assert is_in(client)
    assert len({before, between, client.session.session_key}) == 3
    other = stranger()
    give_password(other, "asha")
    answer = other.post(STEP, {"code": code_of()})
    assert "was used before" in answer.text
    assert not is_in(other)


@pytest.mark.parametrize("code", ["", "000000", "12345", "abcdef", "١٢٣٤٥٦", "1_0000", "x" * 41, "\0"])
def test_a_wrong_code_does_not(asha, code):
    client = stranger()
    give_password(client, "asha")
    assert client.post(STEP, {"code": code}).status_code == 200
    assert not is_in(client)


def test_an_old_code_does_not(asha):
    client = stranger()
    give_password(client, "asha")
    client.post(STEP, {"code": code_of(steps=-3)})
    assert not is_in(client)


def test_wrong_codes_are_throttled_as_passwords_are_and_the_right_password_does_not_help(asha):
    for _ in range(4):
        client = stranger()
        give_password(client, "asha")
        assert client.post(STEP, {"code": "000000"}).status_code == 200
    assert client.post(STEP, {"code": "000000"}).status_code == 429
    assert client.post(STEP, {"code": code_of()}).status_code == 429
    assert not is_in(client)
    assert give_password(stranger(), "asha").status_code == 429
    elsewhere = stranger("198.51.100.7")
    give_password(elsewhere, "asha")
    elsewhere.post(STEP, {"code": code_of()})
    assert is_in(elsewhere)


def test_a_recovery_code_works_once_in_any_spelling_and_only_its_digest_is_kept(asha, rf):
    request = rf.get("/")
    request.user = asha
    codes = second_factor.renew_codes(request, asha)
    assert len(set(codes)) == 10
    kept = "".join(RecoveryCode.objects.values_list("digest", flat=True))
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)
    for code, lets_in in ((codes[0].upper(), True), (codes[0], False), (codes[1].replace("-", " "), True)):
        client = stranger()
        give_password(client, "asha")
        client.post(STEP + "?recovery", {"code": code})
        assert is_in(client) == lets_in
    assert second_factor.count_codes_left(asha) == 8
    assert AuditEntry.objects.filter(action="SECOND_FACTOR", what__contains="8 left").exists()


def test_nobody_else_s_recovery_code_works(asha, rf):
    other = make_user("ravi", roles.SUPERVISORS)
    request = rf.get("/")
    request.user = other
    code = second_factor.renew_codes(request, other)[0]
    assert second_factor.verify_code(asha, code) == ""
    assert second_factor.verify_code(other, code) == second_factor.RECOVERY


@pytest.mark.django_db(transaction=True)
def test_a_code_that_is_sent_twice_at_the_same_moment_works_once():
    person = make_user("asha", roles.SUPERVISORS)
    give_phone(person)
    found, start = [], threading.Barrier(4)

    def use():
        start.wait()
        found.append(second_factor.verify_code(person, code_of()))
        connection.close()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["", "", "", second_factor.PHONE]


def test_the_second_step_is_for_ten_minutes_and_for_this_password(asha, monkeypatch):
    client = stranger()
    give_password(client, "asha")
    now = time.time()
    monkeypatch.setattr("ivrportal.accounts.pending_login.time.time", lambda: now + 601)
    assert client.post(STEP, {"code": code_of()}).url == LOGIN
    monkeypatch.undo()
    client = stranger()
    give_password(client, "asha")
    asha.set_password("another password than before")
    asha.save()
    assert client.post(STEP, {"code": code_of()}).url == LOGIN


@pytest.mark.parametrize(
    ("role", "must"),
    [
        (roles.SUPERVISORS, True),
        (roles.AUDITORS, True),
        (roles.ADMINISTRATORS, True),
        (None, True),
        (roles.OFFICE_MANAGERS, False),
    ],
)
def test_who_sees_personal_data_must_set_one_up_first(required, role, must):
    make_user("ravi", role)
    client = stranger()
    answer = give_password(client, "ravi")
    assert answer.url == (SET_UP if must else HOME)
    assert is_in(client) != must


def test_the_set_up_leads_in_and_shows_the_codes_once(required):
    person = make_user("ravi", roles.SUPERVISORS)
    client = stranger()
    give_password(client, "ravi", to="/admin/board/")
    page = client.get(SET_UP)
    assert page["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    key = client.session["pending_key"]
    assert second_factor.format_secret(key) in page.text
    assert "data:image/svg+xml;base64," in page.text
    assert "This code does not fit" in client.post(SET_UP, {"code": "000000"}).text
    assert not is_in(client)
    between = client.session.session_key
    done = client.post(SET_UP, {"code": code_of(key)})
    codes = re.findall(r"<code>([a-z2-9-]{19})</code>", done.text)
    assert len(codes) == 10
    assert 'href="/admin/board/"' in done.text
    assert client.session.session_key != between
    assert is_in(client)
    assert codes[0] not in client.get("/admin/account/").text
    assert "10 recovery codes are left" in client.get("/admin/account/").text
    entry = AuditEntry.objects.get(action="SECOND_FACTOR")
    assert (entry.person, entry.what, entry.subject) == ("ravi", "ravi: set up", f"auth.user:{person.pk}")
    other = stranger()
    give_password(other, "ravi")
    other.post(STEP, {"code": code_of(key)})
    assert not is_in(other), "the code of the set-up is used up"


def test_who_has_a_phone_does_not_replace_it_with_the_password_alone(asha):
    client = stranger()
    give_password(client, "asha")
    assert client.get(SET_UP).url == STEP
    assert client.post(SET_UP, {"code": "000000"}).url == STEP
    assert TOTPDevice.objects.get().key == KEY


def test_each_sign_in_has_a_secret_of_its_own(required):
    make_user("ravi", roles.SUPERVISORS)
    keys = set()
    for _ in range(2):
        client = stranger()
        give_password(client, "ravi")
        client.get(SET_UP)
        keys.add(client.session["pending_key"])
    assert len(keys) == 2
    assert not TOTPDevice.objects.exists()


def signed_in(person):
    client = stranger()
    give_password(client, person.username)
    client.post(STEP, {"code": code_of()})
    return client


def test_credentials_are_changed_with_the_password_only(asha):
    client = signed_in(asha)
    for address in (SET_UP, "/admin/account/recovery-codes/", "/admin/account/second-factor/remove/"):
        assert client.get(address).status_code == 200
        answer = client.post(address, {"password": "wrong", "code": "000000"})
        assert answer.status_code == 200
    assert TOTPDevice.objects.get().key == KEY
    codes = client.post("/admin/account/recovery-codes/", {"password": PASSWORD})
    assert len(re.findall(r"<code>([a-z2-9-]{19})</code>", codes.text)) == 10
    client.get(SET_UP)
    key = client.session["pending_key"]
    client.post(SET_UP, {"password": PASSWORD, "code": code_of(key)})
    assert TOTPDevice.objects.get().key == key
    assert is_in(client)
    assert "pending_key" not in client.session
    client.post("/admin/account/second-factor/remove/", {"password": PASSWORD})
    assert not TOTPDevice.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert is_in(client)


def test_wrong_passwords_there_lock_too(asha):
    client = signed_in(asha)
    for _ in range(4):
        client.post("/admin/account/recovery-codes/", {"password": "wrong"})
    assert client.post("/admin/account/recovery-codes/", {"password": "wrong"}).status_code == 429


def test_whose_role_asks_for_it_cannot_remove_it(asha, required):
    client = signed_in(asha)
    client.post("/admin/account/second-factor/remove/", {"password": PASSWORD})
    assert TOTPDevice.objects.exists()


def test_an_administrator_resets_the_factor_of_somebody_else_only(asha, client_for):
    admin = client_for(roles.ADMINISTRATORS)
    address = f"/admin/auth/user/{asha.pk}/reset-second-factor/"
    assert "Reset the second factor of asha?" in admin.get(address).text
    admin.post(address)
    assert not TOTPDevice.objects.exists()
    entry = AuditEntry.objects.get(action="SECOND_FACTOR")
    assert (entry.person, entry.what) == ("administrators", "asha: reset by an administrator")
    me = User.objects.get(username="administrators")
    assert admin.post(f"/admin/auth/user/{me.pk}/reset-second-factor/").url == "/admin/account/"
    boss = make_user("boss", None)
    give_phone(boss)
    assert admin.post(f"/admin/auth/user/{boss.pk}/reset-second-factor/").status_code == 403
    supervisor = client_for(roles.SUPERVISORS)
    assert supervisor.post(address).status_code == 403
    assert TOTPDevice.objects.count() == 1


def test_who_is_alone_resets_it_on_the_command_line(asha, capsys):
    call_command("reset_second_factor", "asha")
    assert capsys.readouterr().out == "Reset.\n"
    assert not TOTPDevice.objects.exists()
    assert AuditEntry.objects.get(action="SECOND_FACTOR").person == "portal"
    call_command("reset_second_factor", "asha")
    assert capsys.readouterr().out == "There was none.\n"
    with pytest.raises(CommandError, match="Nobody has the login 'uma'"):
        call_command("reset_second_factor", "uma")


def test_the_secrets_have_no_screen(client_for):
    admin = client_for(None)
    for path in ("otp_totp/totpdevice/", "axes/accessattempt/", "axes/accesslog/", "ivrportal/recoverycode/"):
        assert admin.get(f"/admin/{path}").status_code == 404


def test_the_demo_requires_no_factor_and_production_requires_it_of_three_roles(settings):
    assert settings.SECOND_FACTOR_ROLES == []
    listed = re.search(r"#SECOND_FACTOR_ROLES=(.*)", Path(".env.example").read_text(encoding="utf-8"))[1]
    assert listed.split(",") == [roles.SUPERVISORS, roles.AUDITORS, roles.ADMINISTRATORS]


def test_an_unknown_role_is_reported_at_the_start(settings):
    from ivrportal.checks import check_configuration

    settings.SECOND_FACTOR_ROLES = ["Supervisor"]
    assert "portal.E005" in {message.id for message in check_configuration()}
