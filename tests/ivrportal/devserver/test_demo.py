"""`make run` from outside: starting and stopping the whole portal."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivrportal.devserver import demo as devserver
from ivrportal.devserver.embedded_broker import HOST, free_port, is_answering, is_free
from tests.plugins.demo import Demo, launch_demo, start_demo

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.whole


# The demo starts whatever the user's shell exports.
UNUSUAL = {
    "LC_ALL": "POSIX",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONWARNINGS": "error",
    "TZ": "Asia/Kathmandu",
    "HOME": "/nonexistent",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = start_demo(tmp_path_factory.mktemp("demo") / "va r", **UNUSUAL)
    yield running
    running.stop()


def fetch(url: str) -> int:
    with urllib.request.urlopen(url, timeout=5) as reply:
        status: int = reply.status
    return status


def wait_until(question: str, answer: object, *, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not answer():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {question}"
        time.sleep(0.1)


def test_the_last_line_of_the_start_is_the_address(demo: Demo) -> None:
    ready = demo.lines.index(f"Ready: {demo.url}/")
    before = "\n".join(demo.lines[:ready])
    for word in ("Logins: admin", f"Push URL: {demo.url}/api/PostCallLogs?key=", demo.simulator_url):
        assert word in before
    assert not [line for line in demo.lines if "Traceback" in line or "Warning" in line]


def test_everything_answers_once_it_is_ready(demo: Demo) -> None:
    assert fetch(f"{demo.url}/healthz") == 200
    assert fetch(f"{demo.url}/readyz") == 200
    assert fetch(f"{demo.simulator_url}/state") == 200
    assert is_answering((demo.var / "broker" / "url").read_text().strip())


def test_a_request_line_of_16_kib_passes_and_a_monstrous_one_gets_a_4xx(demo: Demo) -> None:
    assert fetch(f"{demo.url}/healthz?{'x' * (16 * 1024 - 30)}") == 200
    for length in (100_000, 1_000_000):
        with socket.create_connection((HOST, demo.port), timeout=5) as client:
            try:
                client.sendall(b"GET /healthz?" + b"x" * length + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            except ConnectionError:
                continue  # rejected while the request was still being sent
            assert client.recv(12).startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize(
    ("part", "word"),
    [
        ("web", "granian"),
        ("worker", "worker"),
        ("beat", "beat"),
        ("sync", "sync_run"),
        ("provider", "provider_simulator"),
        ("broker", "valkey-server"),
    ],
)
def test_a_part_that_is_killed_comes_back_at_its_address(demo: Demo, part: str, word: str) -> None:
    before = demo.part(word)
    assert before is not None
    before.kill()
    demo.wait_for_line(f"portal   | {part} ended (SIGKILL); starting it again in")
    wait_until(f"{part} is back", lambda: demo.part(word) not in (None, before))
    wait_until("web answers", lambda: _answers(f"{demo.url}/healthz"))
    wait_until("the provider answers", lambda: _answers(f"{demo.simulator_url}/state"))
    wait_until("the broker answers", lambda: is_answering((demo.var / "broker" / "url").read_text().strip()))


def test_a_second_portal_in_the_same_directory_is_refused(demo: Demo) -> None:
    assert _refusal(VAR_DIR=str(demo.var)) == (
        f"Another portal runs in {demo.var}: stop it, or choose another directory with VAR_DIR."
    )


@pytest.fixture
def taken_ports():
    """Two loopback ports on which another process listens."""
    with socket.socket() as one, socket.socket() as two:
        for other in (one, two):
            other.bind((HOST, 0))
            other.listen()
        yield one.getsockname()[1], two.getsockname()[1]


@pytest.mark.parametrize("variable", ["PORT", "SIMULATOR_PORT"])
def test_a_taken_port_is_reported_in_one_line(tmp_path: Path, taken_ports, variable: str) -> None:
    port = taken_ports[0]
    text = _refusal(VAR_DIR=str(tmp_path), **{variable: str(port)})
    pattern = (
        rf"Port {port} is taken: stop what listens there, or choose another, e\.g\. {variable}=\d+ make run"
    )
    assert re.fullmatch(pattern, text)
    assert not any(tmp_path.iterdir()), "a refused start leaves nothing behind"


def test_beside_another_portal_the_proposed_command_has_two_free_ports(tmp_path: Path, taken_ports) -> None:
    port, simulator_port = taken_ports
    text = _refusal(VAR_DIR=str(tmp_path), PORT=str(port), SIMULATOR_PORT=str(simulator_port))
    found = re.fullmatch(
        rf"Ports {port} and {simulator_port} are taken: stop what listens there, or choose another,"
        r" e\.g\. PORT=(\d+) SIMULATOR_PORT=(\d+) make run",
        text,
    )
    assert found, text
    proposed = {int(number) for number in found.groups()}
    assert len(proposed) == 2
    assert all(is_free(number) for number in proposed)


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"PORT": "abc"}, "PORT=abc is not a port number. Use a number from 1 to 65535."),
        ({"PORT": "0"}, "PORT=0 is not a port number. Use a number from 1 to 65535."),
        (
            {"SIMULATOR_PORT": "65536"},
            "SIMULATOR_PORT=65536 is not a port number. Use a number from 1 to 65535.",
        ),
        (
            {"DATABASE_URL": "postgress://portal:a-password@127.0.0.1/portal"},
            "DATABASE_URL must begin with postgres:// or sqlite:///, e.g. postgres://USER:PASSWORD@HOST:PORT/NAME.",
        ),
        (
            {"VAR_DIR": "/dev/null"},
            "/dev/null cannot be used (File exists). Choose another with VAR_DIR.",
        ),
        (
            {"VAR_DIR": "/proc/portal"},
            "/proc/portal cannot be used (No such file or directory). Choose another with VAR_DIR.",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_reported_in_one_line(tmp_path: Path, environment, line: str) -> None:
    assert _refusal(**{"VAR_DIR": str(tmp_path), **environment}) == line


def test_without_a_secret_key_the_directory_that_should_hold_it_is_named() -> None:
    line = _refusal(VAR_DIR="/dev/null", SECRET_KEY="")
    assert (
        line
        == "/dev/null/secret-key cannot be read (Not a directory). Choose another directory with VAR_DIR."
    )


def test_a_database_that_cannot_be_reached_is_reported_in_one_line(tmp_path: Path) -> None:
    url = f"postgres://portal:portal@{HOST}:{free_port()}/portal"
    text = _refusal(VAR_DIR=str(tmp_path), DATABASE_URL=url)
    assert text.splitlines()[-1].startswith("The database cannot be used: connection failed")
    assert "Traceback" not in text


def test_without_shared_memory_the_reason_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(devserver.multiprocessing, "Lock", refuse)
    with pytest.raises(devserver.StartupError, match=r"needs a writable /dev/shm \(Permission denied\)"):
        devserver._require_semaphores()


def test_only_its_own_user_can_read_what_the_demo_stores(demo: Demo) -> None:
    for path in (demo.var, demo.var / "portal.sqlite3", demo.var / "demo-logins.txt"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_production_is_refused(tmp_path: Path) -> None:
    assert _refusal(VAR_DIR=str(tmp_path), PORTAL_MODE="production").startswith("This command runs the demo.")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_and_a_second_start_keeps_the_data(
    tmp_path_factory: pytest.TempPathFactory, number: signal.Signals
) -> None:
    var = tmp_path_factory.getbasetemp() / "kept" / "var"
    demo = start_demo(var)
    kept = (var / "demo-push-key.txt").read_text().strip()
    began = time.monotonic()
    demo.process.send_signal(number)
    assert demo.process.wait(15) == 0
    assert time.monotonic() - began < 10
    demo.wait_until_gone(within_s=0.5)
    for start in ("Logins:", "Push URL:"):
        demo.wait_for_line(start)
    assert kept in demo.wait_for_line("Push URL:")


def test_a_signal_in_the_middle_of_the_start_stops_it(tmp_path: Path) -> None:
    demo = launch_demo(tmp_path / "var", DEMO_CALLS="20000")
    wait_until("the database is being made", lambda: (tmp_path / "var" / "portal.sqlite3").exists())
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(12) == 0
    demo.wait_until_gone(within_s=0.5)
    assert not [line for line in demo.lines if line.startswith("Ready") or "Traceback" in line]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ties a child to its parent")
def test_kill_9_of_the_parent_leaves_no_process(tmp_path: Path) -> None:
    demo = start_demo(tmp_path / "var")
    assert len(demo.processes()) > 6
    demo.process.kill()
    demo.process.wait()
    demo.wait_until_gone(within_s=20)


def _answers(url: str) -> bool:
    try:
        return fetch(url) == 200
    except OSError:
        return False


def _refusal(**environment: str) -> str:
    """The one line with which `manage.py portal` exits with status 1."""
    foreign = {"DATABASE_URL", "REDIS_URL", "IVR_API_URL"}
    env = {name: value for name, value in os.environ.items() if name not in foreign}
    env |= {
        "PORT": str(free_port()),
        "SIMULATOR_PORT": str(free_port()),
        "PORTAL_MODE": "demo",
        "SECRET_KEY": "made-up",
    }
    command = [sys.executable, "manage.py", "portal"]
    done = subprocess.run(
        command, cwd=ROOT, env=env | environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line
