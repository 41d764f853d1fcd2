"""Every URL of the portal × method × role: each response is compared with `role_matrix.txt`.

The table is for review. `python -m tests.ivrportal.test_role_matrix --write` writes it from what the portal
replies now; changes in it are then reviewed like code. POSTs are empty, and come from a client that needs
no CSRF token: a form shown again with errors, or a 4xx, is a valid response, a 500 never.
"""

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest

WRITE = "MATRIX_WRITE"  # in the environment: write the table instead of comparing with it
if __name__ == "__main__":  # before the portal is imported, which needs the settings that pytest makes
    assert sys.argv[1:] == ["--write"], __doc__
    os.environ[WRITE] = "1"
    sys.exit(pytest.main([__file__, "--db", "sqlite"]))

from django.db import transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import URLResolver, get_resolver  # noqa: E402

from tests.ivrportal import role_matrix_data  # noqa: E402
from tests.ivrportal.role_matrix_data import WHO, World  # noqa: E402

# About seven hundred requests per role: eleven seconds, a minute on a busy machine.
# "whole": permissions do not depend on the database, so one database is enough.
pytestmark = [pytest.mark.usefixtures("no_broker"), pytest.mark.timeout(600), pytest.mark.whole]
TABLE = Path(__file__).parent / "role_matrix.txt"
METHODS = ("GET", "POST", "PUT", "DELETE")
HEAD = """\
Who is answered what. One line for each address, one column for each role; in a cell the answers to GET, POST, PUT and
DELETE, or one answer to all four. login: to the sign-in page. home: to the home screen, as Django's admin answers for
what a person may not see or what does not exist. 302: elsewhere. The rest are HTTP's own numbers. Where a thing
belongs to a department, the first line is about one of Sales, which the limited supervisor sees, and the second about
one of Billing. Made by `python -m tests.ivrportal.test_role_matrix --write`.
"""
OF_BILLING = " (of Billing)"
ASK_AGAIN = 20  # the push endpoint replies 503 until its writer has loaded the keys
# Replies that need the writer thread, which SQLite would block behind the test's transaction.
BY_THE_WRITER = ("/api/", "/admin/connect/test/")

# The model of a URL argument, where the URL does not name it.
PARTS = {
    "admin:alarm": {"pk": "calllogs.alarm"},
    "admin:calllogs_missed_caller": {"pk": "calllogs.calllog"},
    "admin:calllogs_missed_open_again": {"pk": "calllogs.callbackentry"},
    "admin:calllogs_missed_take": {"pk": "calllogs.missedcaller"},
    "admin:calllogs_missed_give_back": {"pk": "calllogs.missedcaller"},
    "admin:calllogs_missed_close": {"pk": "calllogs.missedcaller"},
    "admin:calllogs_report_calls": {"pk": "calllogs.reportrun"},
    "admin:settings_sync_officehours_other_cancel": {"object_id": "settings_sync.otherhours"},
    "admin:view_on_site": {"content_type_id": "content type", "object_id": "settings_sync.agent"},
}
KEYS = {
    "note": "calllogs.callnote",
    "tag": "calllogs.calltag",
    "feed_id": "settings_sync.calendarfeed",
    "history_id": "history of an agent",
    "token": "token",
}
WORDS = {"how": "called-back", "kind": "agent", "app_label": "calllogs", "url": "nowhere/"}
_PART = re.compile(r"<(?:\w+:)?(\w+)>")
_REGEX = re.compile(r"\(\?P<(\w+)>[^)]*\)")


@pytest.fixture
def world(transactional_db: Any, settings: Any) -> World:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    return role_matrix_data.make()


def addresses() -> Iterator[tuple[str, str]]:
    """The name and the route of every URL; a URL without a name is named by its route."""
    yield from _below(get_resolver(), "", "")


def _below(resolver: Any, space: str, before: str) -> Iterator[tuple[str, str]]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _below(pattern, inner, route)
        else:
            yield (f"{space}{pattern.name}" if pattern.name else f"/{route}"), route


def paths(world: World) -> Iterator[tuple[str, str]]:
    """The lines of the table, each with the requested path."""
    for name, route in addresses():
        of_sales = _path(name, route, world.sales)
        of_billing = _path(name, route, world.sales | world.billing)
        yield name, of_sales
        if of_billing != of_sales:
            yield f"{name}{OF_BILLING}", of_billing


def _path(name: str, route: str, keys: dict[str, Any]) -> str:
    """A model without a record is requested with the key 1; its line then shows the reply to that."""
    place = re.match(r"admin/(\w+)/(\w+)/", route)
    model = f"{place[1]}.{place[2]}" if place else ""

    def value(part: re.Match[str]) -> str:
        if part[1] in WORDS:
            return WORDS[part[1]]
        key = PARTS.get(name, {}).get(part[1]) or KEYS.get(part[1]) or model
        return str(keys.get(key, 1))

    return "/" + _PART.sub(value, _REGEX.sub(value, route)).replace("^", "").replace("$", "")


def answers(world: World, who: str) -> dict[str, str]:
    """The cells of one column. The changes of each request are rolled back."""
    client = Client(headers={"host": "127.0.0.1"}, raise_request_exception=False)
    if who in world.users:
        client.force_login(world.users[who])
    cookies = client.cookies.output(header="", sep=";")
    found = {}
    for line, path in paths(world):
        told = []
        for method in METHODS:
            client.cookies = SimpleCookie(cookies)
            told.append(_answer(client, method, path))
        found[line] = told[0] if len(set(told)) == 1 else "/".join(told)
    return found


def _answer(client: Client, method: str, path: str) -> str:
    told = ""
    for _ in range(ASK_AGAIN):
        is_ours = not path.startswith(BY_THE_WRITER)
        with transaction.atomic() if is_ours else nullcontext():
            response = client.generic(method, path, content_type="application/x-www-form-urlencoded")
            told = _class(response)
            b"".join(response)  # an unread stream stays open
            if is_ours:
                transaction.set_rollback(True)
        if not response.has_header("Retry-After"):
            break
    return told


def _class(response: Any) -> str:
    if response.status_code not in (301, 302):
        return str(response.status_code)
    if response.url.startswith("/admin/login/"):
        return "login"
    return "home" if response.url == "/admin/" else "302"


# --- the table -------------------------------------------------------------------------------------------


def read() -> dict[str, dict[str, str]]:
    """Cells by column and by line."""
    lines = [line.split("|") for line in TABLE.read_text().splitlines() if "|" in line]
    head, *rows = [[cell.strip() for cell in line] for line in lines]
    return {who: {row[0]: row[place] for row in rows} for place, who in enumerate(head) if place}


def write(found: dict[str, dict[str, str]]) -> None:
    lines = list(found["nobody"])
    rows = [["", *WHO], *([line, *(found[who][line] for who in WHO)] for line in lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    text = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    TABLE.write_text(HEAD + "\n" + "".join(f"{line.rstrip()}\n" for line in text))


_written: dict[str, dict[str, str]] = {}


@pytest.mark.parametrize("who", WHO)
def test_every_address_answers_each_role_as_the_table_says(world: World, who: str, caplog: Any) -> None:
    caplog.set_level(logging.CRITICAL)
    found = answers(world, who)
    assert not [line for line, cell in found.items() if "500" in cell.split("/")]
    if os.environ.get(WRITE):
        _written[who] = found
        if len(_written) == len(WHO):
            write(_written)
        return
    told = read()[who]
    assert found.keys() == told.keys(), "write the table anew, and read what is new in it"
    assert {line: cell for line, cell in found.items() if cell != told[line]} == {}


def test_names_are_unique_or_lines_would_hide_each_other() -> None:
    names = [name for name, _route in addresses()]
    assert len(names) == len(set(names))
