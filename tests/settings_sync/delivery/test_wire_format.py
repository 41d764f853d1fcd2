"""The wire format: spaces as `%20`, AM and PM independent of the locale."""

import locale
import socket
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from settings_sync.delivery import client, wire_format
from tests.settings_sync.delivery.raw_server import answer, read_request, serving
from tests.settings_sync.delivery.test_client import CUSTOMER, KEY, account


@pytest.mark.parametrize("name", ["C.UTF-8", "C", "POSIX"])
def test_a_space_is_percent_20_and_a_time_has_am_or_pm_in_any_locale(name: str) -> None:
    seen: list[bytes] = []

    def act(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(answer(b"Success"))

    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, name)
        with serving(act) as url:
            client.send(account(url), wire_format.build_parameters("hours:Monday", "00:05-12:30"))
    finally:
        locale.setlocale(locale.LC_ALL, before)
    path = seen[0].split(b" ")[1].decode()
    assert "st_time=12%3A05%20AM&en_time=12%3A30%20PM" in path
    assert "+" not in path
    assert "apikey=canary%2Fkey%2B31&custid=canary%20customer&" in path
    assert parse_qs(urlsplit(path).query) == {
        "apikey": [KEY], "custid": [CUSTOMER], "action": ["OfficeTime"], "day": ["Monday"],
        "st_time": ["12:05 AM"], "en_time": ["12:30 PM"],
    }  # fmt: skip


def test_am_and_pm_do_not_depend_on_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    """German has no AM and PM; the locale must not be used, whether it is installed or not."""
    monkeypatch.setattr(time, "strftime", lambda *_: pytest.fail("strftime depends on the locale"))
    assert [wire_format.format_time(text) for text in ("00:00", "09:05", "12:00", "23:59")] == [
        "12:00 AM", "09:05 AM", "12:00 PM", "11:59 PM"
    ]  # fmt: skip
