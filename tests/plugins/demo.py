"""The whole portal, started as by `make run`, for tests from outside."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from ivrportal.devserver.embedded_broker import HOST, free_port

ROOT = Path(__file__).resolve().parents[2]
START_S = 90.0  # other tests and users share the machine
PASSWORD = "demo password for tests"


@dataclass
class Demo:
    """A running portal. `lines` is its output so far, errors included."""

    process: subprocess.Popen[str]
    var: Path
    port: int
    simulator_port: int
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def simulator_url(self) -> str:
        return f"http://{HOST}:{self.simulator_port}"

    def processes(self) -> list[psutil.Process]:
        """All processes of this portal, whatever their parent is now, without zombies."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def part(self, word: str) -> psutil.Process | None:
        """The oldest process with that name or that word in its command line, or None."""
        found = [process for process in self.processes() if word in _words(process)]
        return min(found, key=psutil.Process.create_time, default=None)

    def wait_for_line(self, start: str, *, within_s: float = START_S) -> str:
        """Wait for a line with that beginning. Raises AssertionError with all lines if none comes."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if line.startswith(start):
                    return line
            time.sleep(0.05)
        raise AssertionError(f"no line {start!r} in {within_s:g} s:\n" + "\n".join(self.lines))

    def wait_until_gone(self, *, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while left := self.processes():
            if time.monotonic() > deadline:
                raise AssertionError(f"still there after {within_s:g} s: {left}")
            time.sleep(0.05)

    def stop(self) -> int:
        """Terminate and return the exit status. Kills it shortly after the promised 10 s."""
        self.process.terminate()
        try:
            return self.process.wait(15)
        finally:
            for process in self.processes():
                process.kill()

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE and process.environ().get("VAR_DIR") == str(
                self.var
            )
        except psutil.Error:
            return False


def _words(process: psutil.Process) -> list[str]:
    try:
        return [process.name(), *process.cmdline()]
    except psutil.Error:
        return []


def launch_demo(var: Path, **environment: str) -> Demo:
    """Start `manage.py portal` with its own database, broker and simulator in `var`; does not wait.

    `environment` overrides variables, e.g. PORT.
    """
    env = _environment(var) | {"DEMO_CALLS": "50", "DEMO_PASSWORD": PASSWORD}
    env |= {"PORT": str(free_port()), "SIMULATOR_PORT": str(free_port())} | environment
    process = subprocess.Popen(
        [sys.executable, "manage.py", "portal"],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    demo = Demo(process, var, int(env["PORT"]), int(env["SIMULATOR_PORT"]))
    threading.Thread(target=_collect, args=(demo,), daemon=True).start()
    return demo


def _environment(var: Path) -> dict[str, str]:
    foreign = {"DATABASE_URL", "REDIS_URL", "IVR_API_URL"}
    env = {name: value for name, value in os.environ.items() if name not in foreign}
    return env | {"PORTAL_MODE": "demo", "VAR_DIR": str(var)}


def start_demo(var: Path, **environment: str) -> Demo:
    """Like `launch_demo`, and wait until the portal is ready."""
    demo = launch_demo(var, **environment)
    try:
        demo.wait_for_line("Ready:")
    except AssertionError:
        demo.stop()
        raise
    return demo


def migrate_in(var: Path) -> None:
    """Migrate and seed a database, which takes most of the time of a portal's first start."""
    var.mkdir(parents=True)
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env=_environment(var),
        check=True,
    )


def change_database(demo: Demo, sql: str, *values: Any) -> None:
    """Execute and commit one statement in the portal's SQLite file, without the portal's knowledge."""
    with closing(sqlite3.connect(demo.var / "portal.sqlite3", timeout=20)) as connection, connection:
        connection.execute(sql, values)


def _collect(demo: Demo) -> None:
    assert demo.process.stdout is not None
    with demo.process.stdout as stream:
        demo.lines.extend(line.rstrip("\n") for line in iter(stream.readline, ""))
