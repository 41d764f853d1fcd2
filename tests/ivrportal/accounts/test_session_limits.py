"""A session ends after twelve hours, after an hour without a click, or when its second factor changes."""

import datetime as dt
import re
import time
from pathlib import Path

import pytest
from django.utils import timezone

from ivrportal.accounts import roles, session_limits
from tests.conftest import PASSWORD, make_user
from tests.ivrportal.accounts.signing_in import (
    HOME,
    LOGIN,
    code_of,
    give_password,
    give_phone,
    is_in,
    stranger,
)

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "Sec-Fetch-Mode": "cors"}


@pytest.fixture
def after(monkeypatch):
    """Advance the clock by so many minutes."""
    gone = [0.0]
    real = time.time
    monkeypatch.setattr("ivrportal.accounts.session_limits.time.time", lambda: real() + gone[0] * 60)

    def go(minutes):
        gone[0] += minutes

    return go


@pytest.fixture
def asha():
    return make_user("asha", roles.SUPERVISORS)


@pytest.fixture
def client(asha, settings):
    settings.SESSION_IDLE_MINUTES = 60
    client = stranger()
    give_password(client, "asha")
    return client


def test_an_hour_without_a_click_ends_it_and_says_so(client, after):
    after(50)
    assert is_in(client)
    after(50)
    assert is_in(client)
    after(61)
    answer = client.get(HOME)
    assert answer.url == f"{LOGIN}?next={HOME}"
    assert "signed out after 60 minutes" in client.get(LOGIN).text


@pytest.mark.parametrize(
    "path",
    ["/admin/provider/live/", "/admin/calllogs/export/news/", "/admin/calllogs/missed/", "/admin/board/"],
)
def test_polling_does_not_extend_the_session(client, after, path):
    from django.urls import reverse

    path = reverse("admin:provider_live") if "live" in path else path
    for _ in range(7):
        after(10)
        client.get(path, headers=HTMX)
    assert not is_in(client)


def test_polling_ends_with_the_session(client, after):
    after(61)
    assert client.get("/admin/calllogs/missed/", headers=HTMX).status_code == 302


def test_the_board_on_the_wall_goes_on_but_revives_nothing(client, after):
    after(61)
    assert client.get("/admin/board/", headers=HTMX).status_code == 200
    assert client.get("/admin/board/", headers={"Sec-Fetch-Mode": "navigate"}).status_code == 200
    assert not is_in(client)


def test_twelve_hours_end_it_whatever_is_done(client, after, settings):
    left = client.session.get_expiry_date() - timezone.now()
    assert dt.timedelta(hours=11, minutes=59) < left <= dt.timedelta(hours=12)
    until = client.session.get_expiry_date()
    after(30)
    client.get(HOME)
    assert client.session.get_expiry_date() == until
    client.get("/admin/board/")
    assert client.cookies[settings.SESSION_COOKIE_NAME]["max-age"] <= 12 * 3600


def test_no_idle_limit_is_none(client, after, settings):
    settings.SESSION_IDLE_MINUTES = 0
    after(600)
    assert is_in(client)


def test_a_session_asks_the_database_nothing_of_its_own(client, django_assert_num_queries):
    client.get("/admin/account/")
    with django_assert_num_queries(2):  # session, person: as before
        client.get("/admin/second-step/again-and-nowhere/")


def test_a_factor_that_was_reset_ends_its_sessions_within_a_minute(asha, after, client_for):
    give_phone(asha)
    client = stranger()
    give_password(client, "asha")
    client.post("/admin/second-step/", {"code": code_of()})
    after(2)
    assert is_in(client)
    client_for(None).post(f"/admin/auth/user/{asha.pk}/reset-second-factor/")
    after(2)
    assert client.get("/admin/board/", headers=HTMX).status_code == 286
    assert not is_in(client)


def test_a_user_with_a_new_role_that_requires_a_factor_logs_in_again(settings, after):
    settings.SECOND_FACTOR_ROLES = [roles.SUPERVISORS]
    person = make_user("ravi", roles.OFFICE_MANAGERS)
    client = stranger()
    give_password(client, "ravi")
    from django.contrib.auth.models import Group

    person.groups.add(Group.objects.get(name=roles.SUPERVISORS))
    after(2)
    assert not is_in(client)
    assert give_password(client, "ravi").url == "/admin/second-factor/"


def test_a_phone_set_up_elsewhere_ends_the_other_sessions(client, asha, after):
    give_phone(asha)
    after(2)
    assert not is_in(client)


def test_a_changed_password_signs_out_everywhere_else_and_is_on_record(client, asha):
    from settings_sync.models import AuditEntry

    other = stranger()
    give_password(other, "asha")
    new = "five words are quite enough"
    typed = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/admin/password_change/", typed).status_code == 302
    assert is_in(client)
    assert not is_in(other)
    assert AuditEntry.objects.get(action="PASSWORD").person == "asha"


def test_a_wrong_old_password_counts_as_one_at_the_sign_in(client, asha):
    new = "five words are quite enough"
    typed = {"old_password": "wrong", "new_password1": new, "new_password2": new}
    answers = [client.post("/admin/password_change/", typed).status_code for _ in range(6)]
    assert answers == [200, 200, 200, 200, 429, 429]
    assert give_password(stranger(), "asha").status_code == 429
    asha.refresh_from_db()
    assert asha.check_password(PASSWORD)


def test_every_page_that_a_template_polls_is_known_as_polled():
    """Otherwise an open page would keep its session alive."""
    polled = set()
    for template in Path("templates").rglob("*.html"):
        for tag in re.findall(
            r"<[a-z]+[^<]*?hx-trigger=\"(?:every|load delay)[^<]*", template.read_text(encoding="utf-8")
        ):
            polled |= set(re.findall(r"hx-get=\"\{% url \"admin:(\w+)\"", tag))
    assert {"board", "calllogs_export_progress", "calllogs_erasure_progress"} <= polled
    assert polled <= session_limits.POLLING_URL_NAMES
