"""`simulate_calls` against a small server that records its requests."""

import datetime as dt
import io
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command

from calllogs.management.commands import simulate_calls
from calllogs.management.commands.simulate_calls import Command

KEY = "push-key-canary-5521"


class Portal(ThreadingHTTPServer):
    """Answers push number N with `answers[N]`, else with `default`; None drops the connection."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.lines: list[str] = []
        self.connections = 0
        self.lock = threading.Lock()
        self.answers: dict[int, tuple[int, str] | None] = {}
        self.default: tuple[int, str] = (200, "Successful")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/PostCallLogs?key={KEY}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def queries(self) -> list[str]:
        return [line.partition("?")[2] for line in self.lines]


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Portal

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.lines.append(self.path)
            answer = self.server.answers.get(len(self.server.lines), self.server.default)
        if answer is None:
            self.close_connection = True
            return
        status, text = answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(autouse=True)
def _in_the_morning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample calls depend on the hour, so these tests use a fixed time."""
    monday = dt.datetime(2026, 11, 23, 11, tzinfo=ZoneInfo("Asia/Kolkata"))
    monkeypatch.setattr(simulate_calls, "_now", lambda: monday)


@pytest.fixture
def portal() -> Iterator[Portal]:
    server = Portal()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def simulate(url: str, count: int, **options: Any) -> str:
    out = io.StringIO()
    call_command(Command(), url=url, count=count, stdout=out, **options)
    return out.getvalue()


def ids(portal: Portal) -> Counter[str]:
    found = [parse_qs(query) for query in portal.queries()]
    return Counter((fields.get("calllogid") or fields["call_uuid"])[0] for fields in found)


def test_every_call_is_pushed_and_the_replies_are_counted_in_one_line(portal: Portal) -> None:
    out = simulate(portal.url, 300, seed=1)
    pushed = len(portal.lines)
    counts = f"Successful {pushed}, Accepted 0, Invalid Data 0, Failure 0, no reply 0"
    assert re.fullmatch(rf"{counts}; 300 calls, {pushed} pushes, \d+ pushes/s\n", out)
    assert len(ids(portal)) == 300
    assert all(urlsplit(line).path == "/api/PostCallLogs" for line in portal.lines)
    assert all(query.startswith(f"key={KEY}&") for query in portal.queries())


def test_connections_are_kept_open(portal: Portal) -> None:
    simulate(portal.url, 200, workers=3)
    assert portal.connections == 3


def test_calls_come_in_both_notations_encoded_and_raw(portal: Portal) -> None:
    simulate(portal.url, 400, seed=1)
    sent = "\n".join(portal.queries())
    for text in ("callnumber=+91", "callnumber=%2B91", "caller_number=+91", "caller_number=%2B91"):
        assert text in sent


def test_a_share_of_the_calls_is_pushed_twice_identically(portal: Portal) -> None:
    simulate(portal.url, 200, duplicates=1.0, seed=1, workers=1)
    assert all(times >= 2 for times in ids(portal).values())
    assert sum(times >= 2 for times in Counter(portal.queries()).values()) >= 200


def test_without_duplicates_only_late_recordings_come_as_a_second_push(portal: Portal) -> None:
    simulate(portal.url, 400, duplicates=0, seed=1, workers=1)
    assert set(Counter(portal.queries()).values()) == {1}
    twice = [call_id for call_id, times in ids(portal).items() if times == 2]
    assert twice
    for call_id in twice:
        first, second = (query for query in portal.queries() if call_id in query)
        assert re.search(r"recording_?url=(&|$)", first)
        assert re.search(r"recording_?url=https", second)


def test_the_same_seed_sends_the_same_number_of_pushes(portal: Portal) -> None:
    first, second = (simulate(portal.url, 100, seed=9).partition(";")[0] for _ in range(2))
    assert first == second


def test_the_rate_is_kept(portal: Portal) -> None:
    started = time.monotonic()
    simulate(portal.url, 30, rate=60, duplicates=0, seed=3)
    assert 0.4 < time.monotonic() - started < 10


def test_replies_that_are_not_2xx_are_counted_and_end_in_an_error(
    portal: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    portal.answers = {
        1: (400, "Invalid Data"),
        2: (503, "Failure"),
        3: None,
        4: (200, "Accepted"),
        5: (404, "<h1>No</h1>"),
    }
    out = io.StringIO()
    with pytest.raises(CommandError) as failed:
        call_command(Command(), url=portal.url, count=20, workers=1, duplicates=0, seed=4, stdout=out)
    assert "Accepted 1, Invalid Data 1, Failure 1, no reply 0, other 1;" in out.getvalue()
    assert re.match(r"3 of \d+ pushes", str(failed.value))
    captured = capsys.readouterr()
    assert KEY not in out.getvalue() + str(failed.value) + captured.out + captured.err


def test_a_redirect_is_not_followed_and_counts_as_refused(portal: Portal) -> None:
    portal.default = (301, "")
    with pytest.raises(CommandError, match="6 of 6"):
        simulate(portal.url, 5, duplicates=0, seed=2)
    assert len(portal.lines) == 6


def test_a_closed_port_is_no_reply_and_no_traceback() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api/PostCallLogs?key={KEY}"
        out = io.StringIO()
        with pytest.raises(CommandError) as failed:
            call_command(Command(), url=url, count=5, duplicates=0, seed=2, stdout=out)
    assert "Successful 0, Accepted 0, Invalid Data 0, Failure 0, no reply 6; 5 calls" in out.getvalue()
    assert KEY not in out.getvalue() + str(failed.value)


@pytest.mark.parametrize(
    "url",
    [
        f"ftp://127.0.0.1/?key={KEY}",
        f"127.0.0.1?key={KEY}",
        f"http:///x?key={KEY}",
        f"http://[/?key={KEY}",
        f"http://h:x/?key={KEY}",
    ],
)
def test_an_invalid_url_is_refused_without_repeating_its_key(url: str) -> None:
    with pytest.raises(CommandError) as refused:
        simulate(url, 1)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    "options", [{"duplicates": 1.5}, {"duplicates": float("nan")}, {"rate": -1.0}, {"workers": 0}]
)
def test_numbers_out_of_range_are_refused(portal: Portal, options: dict[str, Any]) -> None:
    with pytest.raises(CommandError, match="--"):
        simulate(portal.url, 1, **options)
    with pytest.raises(CommandError, match="--count"):
        simulate(portal.url, -1)
