"""What `make run` runs: the whole portal on its embedded default, as parts under one parent.

Whatever the environment names (REDIS_URL, IVR_API_URL, DATABASE_URL) is used instead of the embedded thing.
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
    NoAddress,
    answers,
    free_port,
    is_free,
    prepare_broker,
)
from ivrportal.devserver.granian_command import PORTAL, web_server
from ivrportal.devserver.supervisor import Part, Stopped, Supervisor

PROBE_S = 0.5
WORKER_LOCKS = 16  # more than a worker with two processes takes


class StartupError(Exception):
    """The portal does not start; the text is one line that says what to do."""


def run() -> None:
    """Start everything, say so, and return when everything is stopped. Raises Refusal."""
    if not settings.DEMO:
        raise StartupError(
            "This command runs the demo. Use `make run`, or set PORTAL_MODE=demo; in production let the machine's"
            " own supervisor run the web server, the Celery worker and beat (see README.md)."
        )
    os.umask(0o077)  # the data in VAR_DIR is personal: no other user of the machine may read it
    _require_free_ports()
    _require_semaphores()
    settings.VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_one(settings.VAR_DIR / "portal.lock"):
        _run_parts()


def _run_parts() -> None:
    with Supervisor(env=_environment(), cwd=settings.BASE_DIR) as supervisor, contextlib.suppress(Stopped):
        for part in _servers():
            supervisor.start(part)
        with supervisor.interruptible():
            call_command("migrate", verbosity=0)
        for part in _portal():
            supervisor.start(part)
        with supervisor.interruptible():
            call_command("seed_demo")
        connections.close_all()
        supervisor.wait_until_ready()
        print(f"Ready: http://{HOST}:{settings.PORT}/", flush=True)  # noqa: T201  (the one line without a name)
        supervisor.watch()


def _environment() -> dict[str, str]:
    # The supervisor reads the lines of its parts as UTF-8, whatever the locale.
    env = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "PORTAL_MODE": "demo"}
    # In a container one is root by habit; Celery's ten lines about it would bury the rest. Nothing it reads is pickled.
    as_root = "ignore:You're running the worker with superuser privileges"  # the last of several filters wins
    env["PYTHONWARNINGS"] = ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), as_root]))
    return env


def _servers() -> Iterator[Part]:
    """What the portal's own programs lean on; these start first and stop last."""
    if not os.environ.get("REDIS_URL"):
        broker = prepare_broker(settings.VAR_DIR / "broker")
        _use(broker)
        yield Part("broker", broker.command, lambda _: answers(broker.url), serves_others=True)
    if not os.environ.get("IVR_API_URL"):
        port = settings.SIMULATOR_PORT
        command = _manage("provider_simulator", "--host", HOST, "--port", str(port))
        yield Part("provider", command, lambda _: _page_answers(port, "/state"), serves_others=True)


def _portal() -> Iterator[Part]:
    port = settings.PORT
    # One process: SQLite has one writer, and a second would start no sooner. One that dies is replaced.
    web = web_server(PORTAL, port, workers=1, more=["--respawn-failed-workers"])
    yield Part("web", web, lambda _: _page_answers(port, "/healthz"))
    name = f"demo-{port}@portal"
    worker = ["worker", "--concurrency", "2", "--hostname", name]
    worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    yield Part("worker", _celery(*worker), lambda _: _worker_answers(name))
    schedule = settings.VAR_DIR / "beat-schedule"
    yield Part("beat", _celery("beat", "--schedule", str(schedule)), _written_since(schedule))
    # Delivers straight from the database, so that a demo with a dead broker still reaches the provider.
    yield Part("sync", _manage("sync_run", "--loop"), lambda _: True)


def _use(broker: Broker) -> None:
    """The other parts find the broker through its file; this process read its settings before the file was there."""
    settings.REDIS_URL = settings.CELERY_BROKER_URL = broker.url


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def _celery(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "celery", "--quiet", "--app", "ivrportal", *arguments]


def _page_answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_S)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False


def _worker_answers(name: str) -> bool:
    try:
        return bool(app.control.ping(destination=[name], timeout=PROBE_S, limit=1))
    except (KombuError, redis.RedisError, OSError):  # a silent broker shows as any of the three
        return False


def _written_since(schedule: Path) -> Callable[[float], bool]:
    """Beat opens its schedule, under a name that depends on the platform's database, when it is about to tick."""

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
            advice = _advice({variable: port}, avoid=wanted.values())
            raise StartupError(f"Port {port} cannot be used: choose another, e.g. {advice}") from None
        except NoAddress as error:
            raise StartupError(str(error)) from None
    if taken:
        subject = " and ".join(map(str, taken.values()))
        ports = f"Port {subject} is" if len(taken) == 1 else f"Ports {subject} are"
        advice = _advice(taken, avoid=wanted.values())
        raise StartupError(f"{ports} taken: stop what listens there, or choose another, e.g. {advice}")


def _require_semaphores() -> None:
    """Celery's worker shares locks with its child processes. Linux keeps them in /dev/shm."""
    try:
        _locks = [multiprocessing.Lock() for _ in range(WORKER_LOCKS)]
    except (OSError, ImportError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StartupError(
            f"The Celery worker needs a writable /dev/shm ({reason}). Mount one as root:"
            " mount -t tmpfs -o mode=1777 tmpfs /dev/shm"
        ) from None


def _advice(ports: Mapping[str, int], *, avoid: Collection[int]) -> str:
    """A command that works beside what runs here now, e.g. another clone's portal."""
    used = set(avoid)
    words = []
    for variable, port in ports.items():
        free = next((each for each in range(max(port, 8000) + 1, 65536) if _usable(each, used)), free_port())
        used.add(free)
        words.append(f"{variable}={free}")
    return " ".join([*words, "make run"])


def _usable(port: int, used: Collection[int]) -> bool:
    return port not in used and is_free(port)


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Two portals in one directory would share a database and a broker's files, and stop each other's parts."""
    with path.open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartupError(
                f"Another portal runs in {path.parent}: stop it, or choose another directory with VAR_DIR."
            ) from None
        yield
