"""The portal under test in one run: a fresh database with fsync, its own directory, and the real web server."""

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
from tests.faults.pushes_clients import PushAnswer, is_endpoint_answering

PRODUCT = PORTAL
FAULTY = "tests.faults.push_faulty_asgi:application"  # the product with the fault or bug that its environment names
START_S, STOP_S = 60.0, 20.0
DEATH_LINE = b"this process kills itself\n"  # written to the log by push_faulty_asgi, and counted
WORKERS = 2


@dataclass
class PortalServer:
    """A portal's web server. `answers` collects the answers to all pushes of the run, for the checker."""

    databases: Databases
    url: str
    directory: Path
    application: str = PRODUCT
    extra: dict[str, str] = field(default_factory=dict)
    answers: list[PushAnswer] = field(default_factory=list)
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
    def postgres(self) -> Any:
        """The PostgreSQL server of this portal, which faults stop, kill and stall."""
        assert isinstance(self.databases, OnPostgres)
        return self.databases.server

    def environment(self) -> dict[str, str]:
        return {**environment(self.url, self.var), **self.extra}

    # --- the web server ---

    def start(self, *, wait: bool = True) -> None:
        self.port = self.port or free_port()
        more = ["--respawn-failed-workers", "--respawn-interval", "0.1"]
        command = web_server(self.application, self.port, workers=WORKERS, more=more)
        # Copied by this process, so that the file size limit of the server does not apply to its log.
        self._process = start_tied(command, env=self.environment(), cwd=ROOT, output=subprocess.PIPE)
        self._copier = threading.Thread(
            target=_copy_output, args=(self._process.stdout, self.log), daemon=True
        )
        self._copier.start()
        if wait:
            self.wait_until_serving()

    def wait_until_serving(self) -> None:
        """Wait until all workers are up and the push endpoint answers."""
        deadline = time.monotonic() + START_S
        # A worker that is still importing has not started the server's threads.
        while len(
            [w for w in self.workers() if _count_threads(w) > 2]
        ) < WORKERS or not is_endpoint_answering(self.port):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the web server does not start:\n{self.log.read_text()[-3000:]}")
            self.restart_if_ended()
            time.sleep(0.05)

    def restart_if_ended(self) -> None:
        """Restart the server if it has ended, as the machine's supervisor does."""
        if self._process is None or self._process.poll() is not None:
            self.kill()
            self.restarts += 1
            self.start(wait=False)

    def workers(self) -> list[psutil.Process]:
        if self._process is None:
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            found = psutil.Process(self._process.pid).children(recursive=True)
            return [worker for worker in found if _count_threads(worker)]
        return []

    def terminate(self) -> None:
        """Stop as at a deployment: SIGTERM, then wait until all processes have ended."""
        assert self._process is not None
        workers = self.workers()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(STOP_S)
        _, alive = psutil.wait_procs(workers, timeout=5)
        self.kill()
        assert not alive, f"{len(alive)} workers did not end"

    def kill(self) -> None:
        """Kill the whole process tree at once, like a power cut that keeps the disk cache."""
        if self._process is not None and self._copier is not None:
            kill_group(self._process)
            self._process.wait()
            self._copier.join(5)
            self._process = None

    def limit_file_size(self, size: int) -> None:
        """Limit the file size in bytes for the web processes and those that they start; -1: no limit."""
        assert self._process is not None
        for process in [psutil.Process(self._process.pid), *self.workers()]:
            _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
            process.rlimit(psutil.RLIMIT_FSIZE, (size, hard))

    # --- the database ---

    def drain(self) -> None:
        """Drain the spool with the management command."""
        manage(self.url, self.var, "drain_spool")

    def rows(self, statement: str) -> list[tuple]:
        if self.url.startswith("postgres"):
            with psycopg.connect(self.url) as connection:
                return connection.execute(statement).fetchall()
        with sqlite_connection(self) as connection:
            return connection.execute(statement).fetchall()

    def wait_until_drained(self, *, within_s: float = 30.0) -> None:
        """Wait until the web processes have drained their spool, which they do when the database is back."""
        deadline = time.monotonic() + within_s
        while left := [path for path in (self.var / "spool").glob("*") if path.suffix != ".bad"]:
            assert time.monotonic() < deadline, f"{len(left)} files of the spool were not drained"
            time.sleep(0.1)


def _copy_output(output: IO[bytes], log: Path) -> None:
    with output, log.open("ab", buffering=0) as file:
        while data := output.read1():
            file.write(data)


def _count_threads(worker: psutil.Process) -> int:
    try:
        return worker.num_threads()
    except psutil.NoSuchProcess:
        return 0


def sqlite_connection(portal: PortalServer) -> Any:
    """A separate connection to the portal's SQLite file, closed at the end of the context."""
    path = portal.url.removeprefix("sqlite:///")
    return contextlib.closing(sqlite3.connect(path, timeout=30, isolation_level=None))


@contextlib.contextmanager
def start_databases(kind: str) -> Iterator[Databases]:
    """A database server with fsync for any number of portals. Removed at the end."""
    with tempfile.TemporaryDirectory(prefix="ivrportal-faults-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o711)  # PostgreSQL may run as another user below it
        with (on_postgres if kind == "postgres" else on_sqlite)(directory) as databases:
            yield databases


@contextlib.contextmanager
def running_portal(
    databases: Databases, *, application: str = PRODUCT, start: bool = True, **extra: str
) -> Iterator[PortalServer]:
    """A portal with a fresh database, started, and removed at the end. `extra` is added to its environment."""
    with tempfile.TemporaryDirectory(prefix="ivrportal-portal-", ignore_cleanup_errors=True) as name:
        url = databases.fresh(f"portal_{os.getpid()}_{time.monotonic_ns()}")
        portal = PortalServer(databases, url, Path(name), application, extra)
        portal.var.mkdir()
        try:
            if start:
                portal.start()
            yield portal
        finally:
            portal.kill()
