"""Disturbances during a settings run: database restarts, broker faults, killed Celery processes."""

import contextlib
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import redis

from ivrportal.devserver.embedded_broker import is_answering, prepare_broker
from ivrportal.devserver.processes import kill_group, start_tied, stop_process
from tests.faults.settings_run import Disturbance
from tests.plugins.demo import ROOT
from tests.plugins.postgres import Postgres

START_S = 30.0


@contextlib.contextmanager
def background_thread(act: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run `act` in a thread, with an event that is set when the context ends. Its exception is raised here."""
    stop, failures = threading.Event(), []

    def guarded() -> None:
        try:
            act(stop)
        except Exception as error:
            failures.append(error)
        stop.wait()  # processes started by this thread end with it

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


def disturb_database(server: Postgres, rng: random.Random, seconds: float) -> Disturbance:
    """Restart, crash or stall the database server at random while records are saved."""

    def disturb(stop: threading.Event) -> None:
        until = time.monotonic() + seconds + 2
        while not stop.wait(rng.uniform(1.5, 2.5)) and time.monotonic() < until:
            match rng.choice(["restart", "crash", "stall"]):
                case "restart":
                    server.restart()
                case "crash":
                    server.kill()
                    server.start()
                case _:
                    server.pause()
                    time.sleep(1.0)
                    server.resume()

    return lambda env: background_thread(disturb)


class Celery:
    """A Celery worker and beats on their own broker, all killable. As a context manager: running."""

    def __init__(self, env: dict[str, str], *, beats: int = 1, faulty_broker: bool = True) -> None:
        var = Path(env["VAR_DIR"])
        self.broker, self.env, self.beats, self.faulty = (
            prepare_broker(var / "broker"),
            env,
            beats,
            faulty_broker,
        )
        env["REDIS_URL"] = self.broker.url
        self.log = (var / "celery.log").open("ab")
        self.server: subprocess.Popen[bytes] | None = None
        self.worker: subprocess.Popen[bytes] | None = None
        self.others: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Celery":
        self.start_broker()
        self.start_worker()
        for number in range(self.beats):
            schedule = Path(self.env["VAR_DIR"]) / f"beat-{number}"
            self.others.append(self._start("beat", "--schedule", str(schedule)))
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self.worker, *self.others, self.server):
            if process is not None:
                kill_group(process)
                process.wait()
        self.log.close()

    def start_broker(self) -> None:
        if self.server is not None:
            stop_process(self.server, within_s=0, first_signal=signal.SIGKILL)
        until = time.monotonic() + START_S
        self.server = start_tied(self.broker.command, cwd=self.broker.directory, output=self.log)
        while not is_answering(self.broker.url):
            if time.monotonic() > until:
                raise RuntimeError("the broker does not start")
            if self.server.poll() is not None:
                self.server = start_tied(self.broker.command, cwd=self.broker.directory, output=self.log)
            time.sleep(0.05)

    def start_worker(self) -> None:
        if self.worker is not None:
            kill_group(self.worker)
            self.worker.wait()
        options = ("--concurrency", "2", "--without-gossip", "--without-mingle", "--without-heartbeat")
        self.worker = self._start("worker", *options)

    def kill_a_child(self, rng: random.Random) -> None:
        """Kill one of the worker's pool processes; the worker starts another."""
        assert self.worker is not None
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            rng.choice(psutil.Process(self.worker.pid).children()).kill()

    def stall_broker(self, seconds: float) -> None:
        assert self.server is not None
        self.server.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.server.send_signal(signal.SIGCONT)

    def empty_broker(self) -> None:
        with redis.Redis.from_url(self.broker.url, socket_timeout=1) as client:
            client.flushall()

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "celery",
            "--quiet",
            "--app",
            "ivrportal",
            *arguments,
        ]
        return start_tied(command, env=self.env, cwd=ROOT, output=self.log)


def disturb_celery(
    rng: random.Random, seconds: float, *, beats: int, faults: tuple[str, ...], pause_s: tuple[float, float]
) -> Disturbance:
    """Deliver with Celery and inject faults into it and its broker; all processes run again at the end."""

    @contextlib.contextmanager
    def running(env: dict[str, str]) -> Iterator[None]:
        with Celery(env, beats=beats) as celery:
            until = time.monotonic() + seconds + 3

            def disturb(stop: threading.Event) -> None:
                while not stop.wait(rng.uniform(*pause_s)) and time.monotonic() < until:
                    _inject_fault(celery, rng.choice(faults), rng)

            with background_thread(disturb):
                yield

    return running


def _inject_fault(celery: Celery, fault: str, rng: random.Random) -> None:
    match fault:
        case "child":
            celery.kill_a_child(rng)
        case "worker":
            celery.start_worker()
        case "kill":
            celery.start_broker()
        case "stall":
            celery.stall_broker(rng.uniform(0.3, 1.5))
        case "empty":
            celery.empty_broker()
