"""The check before the first test names each missing thing in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins import machine, servers

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def program(tmp_path: Path):
    """A program that writes `text` to its errors and exits with `status`."""

    def made(text: str, *, status: int = 127) -> list[str]:
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\nprintf '%s\\n' '{text}' >&2\nexit {status}\n", encoding="utf-8")
        path.chmod(0o755)
        return [str(path)]

    return made


@pytest.mark.parametrize(
    ("library", "advice"),
    [
        ("libatomic.so.1", "apt install libatomic1"),
        ("libnss3.so", "apt install libnss3"),
        ("libstrange.so.7", "search your system's packages for that file"),
    ],
)
def test_a_missing_library_is_named_with_its_package(program, library: str, advice: str) -> None:
    command = program(
        f"{library}: error while loading shared libraries: {library}: cannot open shared object file"
    )
    assert machine.problem_of(command) == (
        f"the library {library} is missing. Install it (Debian, Ubuntu: {advice})."
    )


def test_another_failure_is_passed_on_in_one_line(program) -> None:
    assert machine.problem_of(program("first\nlast words", status=3)) == "last words."


def test_a_program_that_runs_is_no_problem(program) -> None:
    assert machine.problem_of(program("a warning", status=0)) is None


def test_a_program_that_is_not_there_is_a_problem() -> None:
    assert machine.problem_of(["/nowhere/node"]) == (
        "/nowhere/node cannot be started (No such file or directory)."
    )


def test_an_unusable_temporary_directory_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    (line,) = machine.problems({}, temporary=missing)
    assert line.startswith(f"{missing} cannot be used")


def test_settings_of_the_shell_and_of_a_env_file_do_not_reach_the_tests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = servers.read_example_names(servers.EXAMPLE)
    assert {
        "PUSH_KEYS",
        "DATABASE_URL",
        "EXPORT_KEPT_DAYS",
        "IVR_API_KEY_FILE",
        "RECORDING_S3_BUCKET",
    } <= listed
    monkeypatch.setattr(os, "environ", {**dict.fromkeys(listed, "1"), "PATH": "/bin"})
    servers.clean_environment()
    assert os.environ == {"PATH": "/bin"}


def test_no_env_file_is_read_in_tests() -> None:
    assert os.environ["ENV_FILE"] == os.devnull


def test_make_gives_its_commands_one_environment(tmp_path: Path) -> None:
    foreign = {"PYTHONPATH": "/elsewhere", "PYTHONSAFEPATH": "1", "PYTHONOPTIMIZE": "2", "PYTHONUTF8": "0"}
    done = subprocess.run(
        ["make", "--no-print-directory", "--eval", "show: ; @env", "show"],
        cwd=ROOT,
        env={**os.environ, **foreign},
        capture_output=True,
        text=True,
    )
    given = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("PYTHON"))
    assert {name: given.get(name) for name in foreign} == dict.fromkeys(foreign, None) | {"PYTHONUTF8": "1"}


@pytest.mark.browser
def test_the_command_stops_before_the_first_test(program, tmp_path: Path) -> None:
    node = program("node: error while loading shared libraries: libatomic.so.1: cannot open")[0]
    done = subprocess.run(
        [sys.executable, "-m", "tests.plugins.machine"],
        cwd=ROOT,
        env={**os.environ, "PLAYWRIGHT_NODEJS_PATH": node},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "Node.js, which drives the browser of the tests, does not run here: the library libatomic.so.1 is missing."
        " Install it (Debian, Ubuntu: apt install libatomic1)."
    ]
