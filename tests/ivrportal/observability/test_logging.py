"""The fields of log lines, and what they must never contain."""

import http.client
import json
import logging
import signal
import subprocess
import sys
import time
from uuid import uuid4

import pytest
from django.conf import settings as portal
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory
from structlog.contextvars import get_contextvars

from ivrportal.common.ids import new_id, new_sortable_id, to_letters
from ivrportal.devserver.embedded_broker import HOST, free_port
from ivrportal.devserver.granian_command import web_server
from ivrportal.observability import request_ids
from ivrportal.observability.logging import RedactingFormatter, redact
from tests.bench.databases import environment
from tests.faults import canaries

SECRETS = {
    "IVR_API_KEY": canaries.KEY,
    "IVR_CUST_ID": canaries.CUSTOMER,
    "PUSH_KEYS": canaries.PUSH_KEY,
    "SECRET_KEY": "canary secret/key of+the portal, long enough for the checks of production",
    "EMAIL_HOST_PASSWORD": "canary mail=password",
}
NUMBER = "9812340000"
# Spellings by people, browsers, our own pages and libraries.
SPELLINGS = [
    *(
        f"+91{NUMBER}",
        NUMBER,
        f"91{NUMBER}",
        f"0{NUMBER}",
        "98123 40000",
        "+91 98123 40000",
        "+91-98123-40000",
    ),
    *(
        "98123-40000",
        "98123\u00a040000",
        f"%2B91{NUMBER}",
        "98123%2040000",
        "98123+40000",
        "%2B91%2098123%2040000",
    ),
    "".join(f"%{ord(sign):x}" for sign in NUMBER),
]
NEVER = [*SECRETS.values(), NUMBER, "hunter2222", "JBSWY3DPEHPK3PXP", "123456", *SPELLINGS]


def formatted(*, as_json: bool = True, **record) -> str:
    made = {"name": "x", "levelno": logging.WARNING, "levelname": "WARNING", "msg": "hello", "args": None}
    return RedactingFormatter(as_json=as_json).format(logging.makeLogRecord(made | record))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_a_number_stays_whole(spelling):
    told = redact(f"caller={spelling}, again ({spelling})")
    assert not canaries.find_canaries([("line", told.encode())], [NUMBER]), told
    assert spelling not in told
    assert "00" in told  # its last two digits, so that lines about one caller can be matched


@pytest.mark.parametrize(
    "text",
    ["2026-11-28 10:15:00", "export 12345678", "12345 pushes came, 67 were damaged", "a1b2c3 took 0.123 s"],
)
def test_other_digits_than_telephone_numbers_stay(text):
    assert redact(text) == text


@pytest.mark.parametrize("make", [new_id, new_sortable_id, lambda: to_letters(str(uuid4()))])
def test_an_id_of_ours_is_never_taken_for_a_number(make):
    made = [make() for _ in range(500)]
    assert [redact(each) for each in made] == made
    assert {len(each) for each in made} <= {32, 36}
    assert len(set(made)) == 500


def test_ids_in_time_are_in_order():
    made = [new_sortable_id()[:16] for _ in range(500)]
    assert made == sorted(made)


def test_long_texts_are_redacted_in_no_time():
    began = time.monotonic()
    redact("a-" * 50_000 + "token" * 1000 + "9" * 50_000 + "'" * 1000)
    assert time.monotonic() - began < 2


def test_a_line_has_moment_level_logger_and_event():
    line = json.loads(formatted(msg="%s came", args=("three",), extra_field=3))
    assert list(line) == ["moment", "level", "logger", "event", "extra_field"]
    assert (line["level"], line["logger"], line["event"], line["extra_field"]) == (
        "warning",
        "x",
        "three came",
        3,
    )
    assert formatted(as_json=False, n=3).endswith("WARNING x: hello n=3")


def test_a_number_in_a_field_leaves_the_line_json():
    assert json.loads(formatted(caller=9812340000, ids=[9812340000])) | {
        "caller": "••••00",
        "ids": ["••••00"],
    }


# --- every output ----------------------------------------------------------------------------------------


def environment_with_canaries(tmp_path) -> dict[str, str]:
    planted = [*SECRETS.values(), *SPELLINGS, "key=hunter2222", "a?otp_token=123456&x"]
    return {
        **environment(f"sqlite:///{tmp_path / 'x.sqlite3'}", tmp_path),
        **SECRETS,
        "IVR_API_URL": "https://provider.example",
        "EMAIL_HOST": "mail.example",
        "PLANTED": json.dumps(planted),
        "PYTHONWARNINGS": "default::UserWarning",
        "CSRF_TRUSTED_ORIGINS": "https://portal.example",
    }


@pytest.mark.whole
@pytest.mark.parametrize("mode", ["production", "demo"])
def test_no_canary_leaves_a_process_by_any_sink(tmp_path, mode):
    done = subprocess.run(
        [sys.executable, "-m", "tests.ivrportal.observability.canaries"],
        cwd=portal.BASE_DIR,
        env=environment_with_canaries(tmp_path) | {"PORTAL_MODE": mode, "LOG_LEVEL": "DEBUG"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert not canaries.find_canaries([("the output", said.encode())], NEVER), said
    if mode == "production":
        lines = [
            json.loads(line) for line in said.splitlines()
        ]  # every printed line, whatever library printed it
        events = " ".join(line["event"] for line in lines)
        assert {"py.warnings", "celery.app.trace", "django.request", "_granian"} <= {
            line["logger"] for line in lines
        }
        for word in ("the process ends", "the thread", "could not be written (TypeError)"):
            assert word in events
        failed = next(line for line in lines if line["event"].startswith("failed with"))
        assert failed["exception"].count("[secret]") >= 2
        assert "Stack" in failed["stack"]
        of_celery = next(
            line for line in lines if line["logger"] == "celery.app.trace" and "exception" in line
        )
        assert of_celery["task"] == "ivrportal.failing"
        assert of_celery["task_id"]


@pytest.mark.whole
def test_a_request_that_fails_is_one_line_of_the_server_with_its_id_and_without_its_query(tmp_path):
    port = free_port()
    command = web_server("tests.ivrportal.observability.canaries:application", port, workers=1)
    env = environment_with_canaries(tmp_path) | {"TRUSTED_PROXIES": "127.0.0.0/8"}
    server = subprocess.Popen(
        command,
        cwd=portal.BASE_DIR,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        inside = request_until_up(port, "/readyz?name=canary-query", {"X-Request-ID": "from-the-proxy.1"})
        before = request_until_up(port, f"/boom?caller={NUMBER}&name=canary-query", {})
    finally:
        server.send_signal(signal.SIGTERM)
        said = server.communicate(timeout=30)[0]
    assert (inside.status, before.status) == (500, 500)
    assert inside.getheader("X-Request-ID") == "from-the-proxy.1"
    assert not canaries.find_canaries([("the output", said.encode())], [*NEVER, "canary-query"]), said
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    errors = [line for line in lines if line["level"] == "error"]
    assert [line["logger"] for line in errors] == ["django.request", "_granian.utils"]
    assert errors[0]["request_id"] == "from-the-proxy.1"
    assert errors[0]["event"] == "Internal Server Error: /readyz"
    assert "ValueError" in errors[0]["exception"]


def request_until_up(port: int, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    until = time.monotonic() + 30
    while True:
        connection = http.client.HTTPConnection(HOST, port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": HOST, "X-Forwarded-Proto": "https", **headers})
            response = connection.getresponse()
            response.read()
            return response
        except OSError:
            assert time.monotonic() < until, "the web server does not start"
            time.sleep(0.2)
        finally:
            connection.close()


# --- ids of requests -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "proxies", "is_taken"),
    [
        ("abc-1.2_3", ["127.0.0.0/8"], True),
        ("a" * 64, ["127.0.0.0/8"], True),
        ("a" * 65, ["127.0.0.0/8"], False),
        ("a b", ["127.0.0.0/8"], False),
        ("a\nb", ["127.0.0.0/8"], False),
        ("%0a", ["127.0.0.0/8"], False),
        ("", ["127.0.0.0/8"], False),
        ("abc-1.2_3", [], False),
        ("abc-1.2_3", ["10.0.0.0/8"], False),
    ],
)
def test_only_a_trusted_proxys_sane_id_is_taken_over(settings, given, proxies, is_taken):
    settings.TRUSTED_PROXIES = proxies
    answered = Client().get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"]
    assert (answered == given) is is_taken
    assert len(answered) >= 9


def test_two_requests_have_two_ids():
    assert len({Client().get("/healthz")["X-Request-ID"] for _ in range(3)}) == 3


def test_lines_of_a_request_have_its_id_also_while_its_body_is_sent():
    seen = []

    def pieces():
        for _ in range(2):
            seen.append(json.loads(formatted()).get("request_id"))
            yield b"x"

    def view(_):
        seen.append(json.loads(formatted()).get("request_id"))
        return StreamingHttpResponse(pieces())

    response = request_ids.request_id_middleware(view)(RequestFactory().get("/"))
    between = get_contextvars()
    assert b"".join(response) == b"xx"
    assert seen == [response["X-Request-ID"]] * 3
    assert between == get_contextvars() == {}


def test_a_view_that_raises_leaves_no_id_behind():
    def view(_) -> HttpResponse:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        request_ids.request_id_middleware(view)(RequestFactory().get("/"))
    assert get_contextvars() == {}
