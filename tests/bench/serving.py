"""Starts a web server as in production for one run, and measures its CPU time and memory."""

import contextlib
import http.client
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil

from ivrportal.devserver.embedded_broker import HOST, free_port
from ivrportal.devserver.granian_command import ASGI, web_server
from ivrportal.devserver.processes import start_tied, stop_process
from tests.bench.databases import ROOT

START_S = 60.0


@dataclass(frozen=True)
class ServerShape:
    """The number of processes, and of threads in each; 0 threads: an event loop."""

    workers: int
    threads: int = 0

    def __str__(self) -> str:
        return f"{self.workers} × {self.threads or 'a loop'}"


class Server:
    """Granian with one application. As a context manager: started with imports done, stopped at the end."""

    def __init__(self, application: str, shape: ServerShape, *, env: Mapping[str, str], log: Path) -> None:
        self.application, self.shape, self.port = application, shape, 0
        self._env, self._log = env, log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Server":
        self.port = free_port()
        threads = self.shape.threads
        interface = ("wsgi", "--blocking-threads", str(threads)) if threads else ASGI
        command = web_server(self.application, self.port, workers=self.shape.workers, interface=interface)
        with self._log.open("wb") as log:
            self._process = start_tied(command, env=self._env, cwd=ROOT, output=log)
        try:
            self._wait_until_settled()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            stop_process(self._process, within_s=10)
        if error is not None:
            print(self._log.read_text()[-3000:], file=sys.stderr)

    def processes(self) -> list[psutil.Process]:
        assert self._process is not None
        parent = psutil.Process(self._process.pid)
        return [parent, *parent.children(recursive=True)]

    def cpu_s(self) -> float:
        return cpu_s(self.processes())

    def rss_mb(self) -> float:
        return sum(process.memory_info().rss for process in self.processes()) / 2**20

    def _wait_until_settled(self) -> None:
        """Wait until it answers and no worker is importing; the first listening worker would get all connections."""
        deadline = time.monotonic() + START_S
        while not self._answers() or self._used_in(0.25) > 0.03:
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.application} does not start")
            time.sleep(0.05)

    def _used_in(self, seconds: float) -> float:
        before = self.cpu_s()
        time.sleep(seconds)
        return self.cpu_s() - before

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        with contextlib.closing(connection):
            try:
                connection.request("HEAD", "/api/PostCallLogs")
                connection.getresponse()
            except (OSError, http.client.HTTPException):
                return False
        return True


def database_cpu_s() -> float:
    """CPU time of the PostgreSQL that this process started, if any. SQLite runs inside the web server."""
    ours = psutil.Process().children(recursive=True)
    return cpu_s([process for process in ours if process.name() == "postgres"])


def machine_cpu_s() -> float:
    """CPU time of the whole machine, which shows other load."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)


def cpu_s(processes: list[psutil.Process]) -> float:
    used = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used += times.user + times.system
    return used
