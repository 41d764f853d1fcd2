"""One run's place: a fresh database that syncs, a directory of its own, and the real web server on both."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil
import psycopg

from ivrportal.devserver.embedded_broker import free_port
from ivrportal.devserver.granian_command import PORTAL, web_server
from ivrportal.devserver.processes import kill_group, start_tied
from tests.bench.databases import ROOT, Databases, OnPostgres, environment, manage, on_postgres, on_sqlite
from tests.faults.pushes_clients import Answer, head_is_answered

PRODUCT = PORTAL
FAULTY = "tests.faults.pushes_asgi:application"  # the product with a fault or a bug, as its environment says
START_S, STOP_S = 60.0, 20.0
DEATH = b"this process kills itself\n"  # a line of that one's in the log, to be counted
WORKERS = 2


@dataclass
class Stand:
    """`answers` gathers what all crowds of the run were told; the checker reads it."""

    databases: Databases
    url: str
    directory: Path
    application: str = PRODUCT
    extra: dict[str, str] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    port: int = 0
    restarts: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _copier: threading.Thread | None = None

    @property
    def var(self) -> Path:
        return self.directory / "var"

    @property
    def log(self) -> Path:
        return self.directory / "web.log"

    @property
    def wait_s(self) -> float:
        return float(self.extra.get("PUSH_WAIT_S", 2))

    @property
    def server(self) -> Any:
        """The PostgreSQL server behind, to be stopped, killed and stalled."""
        assert isinstance(self.databases, OnPostgres)
        return self.databases.server

    def environment(self) -> dict[str, str]:
        return {**environment(self.url, self.var), **self.extra}

    # --- the web server ---

    def start(self, *, wait: bool = True) -> None:
        self.port = self.port or free_port()
        more = ["--respawn-failed-workers", "--respawn-interval", "0.1"]
        command = web_server(self.application, self.port, workers=WORKERS, more=more)
        # Through us, because a full disk of the server's must not be a full disk of its log.
        self._process = start_tied(command, env=self.environment(), cwd=ROOT, output=subprocess.PIPE)
        self._copier = threading.Thread(target=_copy, args=(self._process.stdout, self.log), daemon=True)
        self._copier.start()
        if wait:
            self.wait_until_it_serves()

    def wait_until_it_serves(self) -> None:
        """All workers have come up, and the door answers."""
        deadline = time.monotonic() + START_S
        # One that still imports has no threads of the server's.
        while len([w for w in self.workers() if _threads(w) > 2]) < WORKERS or not head_is_answered(
            self.port
        ):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the web server does not start:\n{self.log.read_text()[-3000:]}")
            self.keep_up()
            time.sleep(0.05)

    def keep_up(self) -> None:
        """What the machine's supervisor does: start the server again when it has ended."""
        if self._process is None or self._process.poll() is not None:
            self.kill()
            self.restarts += 1
            self.start(wait=False)

    def workers(self) -> list[psutil.Process]:
        if self._process is None:
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            found = psutil.Process(self._process.pid).children(recursive=True)
            return [worker for worker in found if _threads(worker)]
        return []

    def terminate(self) -> None:
        """As at a deployment: ask, and wait until all have ended by themselves."""
        assert self._process is not None
        workers = self.workers()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(STOP_S)
        _, alive = psutil.wait_procs(workers, timeout=5)
        self.kill()
        assert not alive, f"{len(alive)} workers did not end"

    def kill(self) -> None:
        """The whole tree at once, as when the machine's power goes, but for the disk's cache."""
        if self._process is not None and self._copier is not None:
            kill_group(self._process)
            self._process.wait()
            self._copier.join(5)
            self._process = None

    def limit_files(self, size: int) -> None:
        """No file of the web processes, and of those that come after them, may grow past this; -1: no limit."""
        assert self._process is not None
        for process in [psutil.Process(self._process.pid), *self.workers()]:
            _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
            process.rlimit(psutil.RLIMIT_FSIZE, (size, hard))

    # --- what is in the database ---

    def drain(self) -> None:
        """Bring in what is in the spool, as a person would."""
        manage(self.url, self.var, "drain_spool")

    def rows(self, statement: str) -> list[tuple]:
        if self.url.startswith("postgres"):
            with psycopg.connect(self.url) as connection:
                return connection.execute(statement).fetchall()
        with database_of(self) as connection:
            return connection.execute(statement).fetchall()

    def wait_until_drained(self, *, within_s: float = 30.0) -> None:
        """The web processes bring in their spool by themselves when the database is back."""
        deadline = time.monotonic() + within_s
        while left := [path for path in (self.var / "spool").glob("*") if path.suffix != ".bad"]:
            assert time.monotonic() < deadline, f"{len(left)} files of the spool were not drained"
            time.sleep(0.1)


def _copy(output: IO[bytes], log: Path) -> None:
    with output, log.open("ab", buffering=0) as file:
        while data := output.read1():
            file.write(data)


def _threads(worker: psutil.Process) -> int:
    try:
        return worker.num_threads()
    except psutil.NoSuchProcess:
        return 0


def database_of(stand: Stand) -> Any:
    """A connection of our own to the stand's SQLite file, closed at the end of its context."""
    path = stand.url.removeprefix("sqlite:///")
    return contextlib.closing(sqlite3.connect(path, timeout=30, isolation_level=None))


@contextlib.contextmanager
def databases_on(kind: str) -> Iterator[Databases]:
    """A database server of its own, with fsync, for any number of stands; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="ivrportal-faults-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o711)  # PostgreSQL may run as another user below it
        with (on_postgres if kind == "postgres" else on_sqlite)(directory) as databases:
            yield databases


@contextlib.contextmanager
def stand_on(
    databases: Databases, *, application: str = PRODUCT, start: bool = True, **extra: str
) -> Iterator[Stand]:
    """A stand with a fresh database, started; everything is gone at the end. `extra` goes into the environment."""
    with tempfile.TemporaryDirectory(prefix="ivrportal-stand-", ignore_cleanup_errors=True) as name:
        url = databases.fresh(f"stand_{os.getpid()}_{time.monotonic_ns()}")
        stand = Stand(databases, url, Path(name), application, extra)
        stand.var.mkdir()
        try:
            if start:
                stand.start()
            yield stand
        finally:
            stand.kill()
