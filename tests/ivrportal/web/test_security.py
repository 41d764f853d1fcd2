"""Security of all responses: hosts, redirects, cookies, error pages, and the production settings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.test import Client, RequestFactory

from calllogs.models import Alarm
from ivrportal.web import error_pages
from tests.conftest import PASSWORD, make_user
from tests.rows import make

ROOT = Path(__file__).parents[3]
EVIL = "evil.example"
ELSEWHERE = [
    f"https://{EVIL}/",
    f"//{EVIL}/",
    f"/\\{EVIL}/",
    f"http:{EVIL}",
    "javascript:alert(1)",
    f"https:///{EVIL}/",
]


# --- redirects ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("there", ELSEWHERE)
def test_no_address_leads_out_of_the_portal(client_for, there):
    make_user("asha", None)
    signed_out = Client(headers={"host": "127.0.0.1"})
    signed_in = client_for(None)
    alarm = make(Alarm, kind="SILENCE", closed_at=None)
    answers = [
        signed_out.post(
            f"/admin/login/?next={there}", {"username": "asha", "password": PASSWORD, "next": there}
        ),
        signed_in.get("/admin/login/", {"next": there}),
        signed_in.post("/language/setlang/", {"language": "hi", "next": there}),
        signed_in.post("/language/setlang/", {"language": "hi"}, headers={"referer": there}),
        signed_in.post(f"/admin/alarms/{alarm.pk}/", {"quiet": "1", "back": there}),
        signed_in.post("/admin/calllogs/calllog/views/", {"next": there, "back": there}),
        signed_in.post(
            "/admin/settings_sync/providersetting/stop/", {"next": there}, headers={"referer": there}
        ),
        signed_in.post(
            "/admin/settings_sync/providersetting/start/", {"next": there}, headers={"referer": there}
        ),
    ]
    for answer in answers:
        assert (
            not answer.get("Location", "")
            .removeprefix("http://127.0.0.1")
            .startswith(("http", "//", "/\\", "java"))
        )
        assert EVIL not in answer.get("Location", "").partition("?")[0]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/admin/", "/admin/login/", "/language/setlang/", "/readyz"])
def test_an_unknown_host_is_rejected_without_details(path):
    answer = Client(headers={"host": EVIL}).get(path)
    assert answer.status_code == (200 if path == "/readyz" else 400) or answer.status_code in {400, 503}
    assert EVIL not in answer.content.decode()
    assert EVIL not in str(answer.headers)


def test_links_of_mails_begin_with_the_portals_own_address(settings):
    """Links never use the request's host: workers write mails without a request."""
    source = "".join(
        path.read_text()
        for path in [*ROOT.glob("calllogs/mailed/*.py"), ROOT / "calllogs/notifications/outbox.py"]
    )
    assert "PORTAL_URL" in source
    assert "get_host" not in source
    assert "build_absolute_uri" not in source


# --- error pages -------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "path", "words"),
    [
        (404, "/admin/calllogs/nothing/<b>98123</b>/", "This page is not here"),
        (404, "/nowhere/9812377889/", "This page is not here"),
        (403, "/admin/calllogs/erasure/", "This is not for you"),
    ],
)
def test_an_error_page_has_our_text_and_nothing_of_the_request(client_for, status, path, words):
    answer = client_for("Office managers").get(path, {"canary": "9812377889"})
    page = answer.content.decode()
    assert answer.status_code == status
    assert words in page
    assert "98123" not in page
    assert "office-managers" not in page
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["Cache-Control"] == "no-store"


def test_a_form_that_was_open_too_long_is_explained(db):
    client = Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1"})
    answer = client.post("/admin/login/", {"username": "asha", "password": "secret-canary"})
    assert answer.status_code == 403
    assert "nothing was saved" in answer.content.decode()
    assert "canary" not in answer.content.decode()


@pytest.mark.django_db
def test_the_page_for_a_mistake_of_ours_needs_no_database(client_for, monkeypatch):
    """Also for a logged-in user while every query fails."""
    client = client_for(None)
    client.raise_request_exception = False

    def gone(*_, **__):
        raise DatabaseError("gone with 9812377889")

    monkeypatch.setattr("django.db.backends.utils.CursorWrapper.execute", gone)
    answer = client.get("/admin/")
    assert answer.status_code == 500
    assert "The portal made a mistake" in answer.content.decode()
    assert "9812377889" not in answer.content.decode()
    assert "default-src 'none'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize(
    "view", [error_pages.bad_request, error_pages.denied, error_pages.not_found, error_pages.server_error]
)
def test_error_pages_are_in_the_persons_language(view):
    page = view(RequestFactory().get("/")).content.decode()
    assert '<html lang="en">' in page
    assert "<script" not in page


# --- production --------------------------------------------------------------------------------------------

PRODUCTION = {
    "PORTAL_MODE": "production", "SECRET_KEY": "not-a-secret-only-for-tests-0123456789-abcdefgh", "DEBUG": "false",
    "ALLOWED_HOSTS": "portal.example", "CSRF_TRUSTED_ORIGINS": "https://portal.example", "TRUSTED_PROXIES": "127.0.0.1",
    "DATABASE_URL": "sqlite://:memory:", "REDIS_URL": "redis://127.0.0.1:1/0", "PUSH_KEYS": "made-up",
}  # fmt: skip
ASKED = """
import django; django.setup()
import json
from django.conf import settings
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.test import Client
client = Client(headers={"host": "portal.example"})
plain = client.get("/admin/login/")
page = client.get("/admin/login/", secure=True)
language = client.post("/language/setlang/", {"language": "hi"}, secure=True)
from django.contrib.auth.models import User
client.force_login(User.objects.create_superuser("a"))
chosen = client.get("/admin/calllogs/calllog/?remember=1&column=department", secure=True)
cookies = [cookie.OutputString() for answer in (page, language, chosen) for cookie in answer.cookies.values()]
print(json.dumps({"plain": [plain.status_code, plain["Location"]], "headers": dict(page.headers), "cookies": cookies}))
"""


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    """A production response, as a browser gets it."""
    known = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    place = {"VAR_DIR": str(tmp_path_factory.mktemp("var")), "DJANGO_SETTINGS_MODULE": "ivrportal.settings"}
    done = subprocess.run(
        [sys.executable, "-c", ASKED], cwd=ROOT, env={**known, **PRODUCTION, **place}, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def test_production_is_https_only(production):
    assert production["plain"] == [301, "https://portal.example/admin/login/"]
    assert (
        production["headers"]["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    )
    assert production["headers"]["X-Frame-Options"] == "DENY"


def test_cookies_are_bound_to_the_host(production):
    names = [cookie.partition("=")[0] for cookie in production["cookies"]]
    assert {"__Host-session", "__Host-csrf", "__Host-language"} <= set(names)
    for cookie in production["cookies"]:
        parts = [part.strip().casefold() for part in cookie.split(";")]
        assert "secure" in parts, cookie
        assert "path=/" in parts, cookie
        assert "samesite=lax" in parts, cookie
        assert not [part for part in parts if part.startswith("domain")], cookie
        if "__host-" in parts[0]:
            assert "httponly" in parts, cookie


def test_the_demo_without_https_has_plain_names(client_for):
    assert not [name for name in client_for(None).cookies if name.startswith("__Host-")]
    assert User.objects.count() == 1
