"""The demo of `make run`: web server, worker, beat, sync loop, broker and provider simulator under one supervisor.

REDIS_URL, IVR_API_URL and DATABASE_URL, where set, replace the embedded broker, simulator and database.
"""

import contextlib
import fcntl
import http.client
import multiprocessing
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from kombu.exceptions import KombuError

from ivrportal.celery import app
from ivrportal.devserver.embedded_broker import (
    HOST,
    Broker,
    NoLoopbackAddress,
    free_port,
    is_answering,
    is_free,
    prepare_broker,
)
from ivrportal.devserver.granian_command import PORTAL, web_server
from ivrportal.devserver.supervisor import Part, StopRequested, Supervisor

PROBE_S = 0.5
WORKER_LOCKS = 16  # more than a worker with two processes takes


class StartupError(Exception):
    """The portal cannot start. The text is one line that says what to do."""


def run() -> None:
    """Start all parts, print the address, and return when all parts have stopped. Raises StartupError."""
    if not settings.DEMO:
        raise StartupError(
            "This command runs the demo. Use `make run`, or set PORTAL_MODE=demo; in production let the machine's"
            " own supervisor run the web server, the Celery worker and beat (see docs/operations.md)."
        )
    os.umask(0o077)  # VAR_DIR holds personal data: other users of the machine must not read it
    _require_free_ports()
    _require_semaphores()
    settings.VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _single_instance(settings.VAR_DIR / "portal.lock"):
        _run_parts()


def _run_parts() -> None:
    with (
        Supervisor(env=_environment(), cwd=settings.BASE_DIR) as supervisor,
        contextlib.suppress(StopRequested),
    ):
        for part in _server_parts():
            supervisor.start(part)
        with supervisor.interruptible():
            call_command("migrate", verbosity=0)
        for part in _portal_parts():
            supervisor.start(part)
        with supervisor.interruptible():
            call_command("seed_demo")
        connections.close_all()
        supervisor.wait_until_ready()
        print(f"Ready: http://{HOST}:{settings.PORT}/", flush=True)  # noqa: T201  (the one line without a name)
        supervisor.watch()


def _environment() -> dict[str, str]:
    # The supervisor decodes the output of its parts as UTF-8, whatever the locale.
    env = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "PORTAL_MODE": "demo"}
    # Containers usually run as root. Celery's ten-line warning about it concerns pickled messages, which we do not use.
    as_root = "ignore:You're running the worker with superuser privileges"  # appended: the last filter wins
    env["PYTHONWARNINGS"] = ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), as_root]))
    return env


def _server_parts() -> Iterator[Part]:
    """Broker and provider simulator. The portal's own parts use them, so they start first and stop last."""
    if not os.environ.get("REDIS_URL"):
        broker = prepare_broker(settings.VAR_DIR / "broker")
        _use_broker(broker)
        yield Part("broker", broker.command, lambda _: is_answering(broker.url), serves_others=True)
    if not os.environ.get("IVR_API_URL"):
        port = settings.SIMULATOR_PORT
        command = _manage("provider_simulator", "--host", HOST, "--port", str(port))
        yield Part("provider", command, lambda _: _is_page_ok(port, "/state"), serves_others=True)


def _portal_parts() -> Iterator[Part]:
    port = settings.PORT
    # One process, because SQLite allows one writer at a time.
    web = web_server(PORTAL, port, workers=1, more=["--respawn-failed-workers"])
    yield Part("web", web, lambda _: _is_page_ok(port, "/healthz"))
    name = f"demo-{port}@portal"
    worker = ["worker", "--concurrency", "2", "--hostname", name]
    worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    yield Part("worker", _celery(*worker), lambda _: _is_worker_answering(name))
    schedule = settings.VAR_DIR / "beat-schedule"
    yield Part("beat", _celery("beat", "--schedule", str(schedule)), _schedule_written(schedule))
    # Delivers straight from the database, so that the demo reaches the provider without a broker too.
    yield Part("sync", _manage("sync_run", "--loop"), lambda _: True)


def _use_broker(broker: Broker) -> None:
    """Set this process's broker URL: it loaded its settings before the file existed that the other parts read."""
    settings.REDIS_URL = settings.CELERY_BROKER_URL = broker.url


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def _celery(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "celery", "--quiet", "--app", "ivrportal", *arguments]


def _is_page_ok(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_S)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False


def _is_worker_answering(name: str) -> bool:
    try:
        return bool(app.control.ping(destination=[name], timeout=PROBE_S, limit=1))
    except (KombuError, redis.RedisError, OSError):  # a broker that does not answer raises any of the three
        return False


def _schedule_written(schedule: Path) -> Callable[[float], bool]:
    """A readiness check of beat, which opens its schedule file just before its first tick.

    The file's suffix depends on the platform's dbm library.
    """

    def is_ready(started_at: float) -> bool:
        files = schedule.parent.glob(schedule.name + "*")
        return any(file.stat().st_mtime >= started_at - 1 for file in files)

    return is_ready


def _require_free_ports() -> None:
    wanted = {"PORT": settings.PORT}
    if not os.environ.get("IVR_API_URL"):
        wanted["SIMULATOR_PORT"] = settings.SIMULATOR_PORT
    if len(set(wanted.values())) < len(wanted):
        raise StartupError(
            f"PORT and SIMULATOR_PORT are both {settings.PORT}: set one of them to another number."
        )
    taken = {}
    for variable, port in wanted.items():
        try:
            if not is_free(port):
                taken[variable] = port
        except (PermissionError, OverflowError):
            advice = _suggested_command({variable: port}, avoid=wanted.values())
            raise StartupError(f"Port {port} cannot be used: choose another, e.g. {advice}") from None
        except NoLoopbackAddress as error:
            raise StartupError(str(error)) from None
    if taken:
        subject = " and ".join(map(str, taken.values()))
        ports = f"Port {subject} is" if len(taken) == 1 else f"Ports {subject} are"
        advice = _suggested_command(taken, avoid=wanted.values())
        raise StartupError(f"{ports} taken: stop what listens there, or choose another, e.g. {advice}")


def _require_semaphores() -> None:
    """Celery's worker shares semaphores with its child processes; Linux keeps them in /dev/shm. Raises StartupError."""
    try:
        _locks = [multiprocessing.Lock() for _ in range(WORKER_LOCKS)]
    except (OSError, ImportError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StartupError(
            f"The Celery worker needs a writable /dev/shm ({reason}). Mount one as root:"
            " mount -t tmpfs -o mode=1777 tmpfs /dev/shm"
        ) from None


def _suggested_command(ports: Mapping[str, int], *, avoid: Collection[int]) -> str:
    """A `make run` command with free ports."""
    used = set(avoid)
    assignments = []
    for variable, port in ports.items():
        free = next(
            (each for each in range(max(port, 8000) + 1, 65536) if _is_usable(each, used)), free_port()
        )
        used.add(free)
        assignments.append(f"{variable}={free}")
    return " ".join([*assignments, "make run"])


def _is_usable(port: int, used: Collection[int]) -> bool:
    return port not in used and is_free(port)


@contextlib.contextmanager
def _single_instance(path: Path) -> Iterator[None]:
    """Hold the lock of VAR_DIR: two portals must not share a database and a broker's files. Raises StartupError."""
    with path.open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartupError(
                f"Another portal runs in {path.parent}: stop it, or choose another directory with VAR_DIR."
            ) from None
        yield
