"""Machines of a production deployment: each with its own VAR_DIR, sharing one database, broker and provider.

They run the commands of deploy/systemd, with this repository instead of /opt/ivr-portal.
"""

import configparser
import contextlib
import http.client
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ivrportal.devserver.embedded_broker import HOST, Broker, free_port, is_answering, prepare_broker
from ivrportal.devserver.processes import kill_group, start_tied, stop_process
from settings_sync.simulator import Simulator
from tests.bench.databases import ROOT, environment

START_S = 60.0
SECRETS = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "IVR_API_KEY", "IVR_CUST_ID", "EMAIL_HOST_PASSWORD")


def read_unit_command(unit: str, *, instance: str = "") -> list[str]:
    """`ExecStart` of a unit, adapted to run here."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.read(ROOT / "deploy" / "systemd" / unit)
    program, *arguments = shlex.split(parser["Service"]["ExecStart"])
    name = Path(program).name
    start = [sys.executable] if name == "python" else [sys.executable, "-m", name]
    return start + [word.replace("%i", instance).replace("%H", instance or "here") for word in arguments]


def build_unit_environment(directory: Path, secrets: dict[str, str], **more: str) -> dict[str, str]:
    """The environment of a unit: secrets as files, all else as in portal.env."""
    plain = environment("", directory / "var")
    kept = {name: value for name, value in plain.items() if name not in SECRETS and value}
    (directory / "secrets").mkdir(exist_ok=True)
    for name in SECRETS:
        path = directory / "secrets" / name.lower()
        path.write_text(secrets.get(name, "") + "\n")
        kept[f"{name}_FILE"] = str(path)
    return kept | {"STATIC_ROOT": str(directory / "static"), "PYTHONDONTWRITEBYTECODE": "1"} | more


@dataclass
class Machine:
    """`start` runs the command of a unit, `stop` terminates it, and `stop_all` kills what is left."""

    name: str
    directory: Path
    env: dict[str, str]
    port: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def var(self) -> Path:
        return self.directory / "var"

    @property
    def log(self) -> Path:
        return self.directory / "web.log"

    def start(self, part: str) -> None:
        unit = "ivr-portal-web@.service" if part == "web" else f"ivr-portal-{part}.service"
        command = read_unit_command(unit, instance=str(self.port) if part == "web" else self.name)
        with self.log.open("ab") as log:
            self.running[part] = start_tied(command, env=self.env, cwd=ROOT, output=log)

    def run(self, *arguments: str) -> str:
        """Run a management command on this machine and return its output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def stop(self, part: str, *, within_s: float = 30) -> None:
        process = self.running.pop(part)
        stop_process(process, within_s=within_s)

    def stop_all(self) -> None:
        for process in self.running.values():
            kill_group(process)
            process.wait()

    def get(self, path: str) -> tuple[int, str]:
        """Request a path as Caddy does: with the portal's host name and over TLS. Returns status and body."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        with contextlib.closing(connection):
            headers = {"Host": "portal.example", "X-Forwarded-Proto": "https"}
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def wait_until_serving(self) -> None:
        until = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.get("/healthz")[0] == 200:
                    return
            assert time.monotonic() < until, self.log.read_text()[-3000:]
            time.sleep(0.1)


@contextlib.contextmanager
def running_broker(directory: Path) -> Iterator[Broker]:
    broker = prepare_broker(directory)
    process = start_tied(broker.command, cwd=directory)
    try:
        until = time.monotonic() + START_S
        while not is_answering(broker.url):
            assert time.monotonic() < until, "the broker does not start"
            time.sleep(0.05)
        yield broker
    finally:
        stop_process(process, within_s=5)


@contextlib.contextmanager
def running_machines(
    count: int, directory: Path, database_url: str, provider: Simulator, **more: str
) -> Iterator[list[Machine]]:
    """`count` machines and their broker. Nothing runs on the machines yet."""
    with running_broker(directory / "broker") as broker, contextlib.ExitStack() as stack:
        secrets = {
            "SECRET_KEY": "shared by all machines, and long enough for the checks of production",
            "DATABASE_URL": database_url,
            "REDIS_URL": broker.url,
            "IVR_API_KEY": provider.api_key,
            "IVR_CUST_ID": provider.cust_id,
        }
        shared = directory / "exports"
        shared.mkdir(mode=0o700)
        found = []
        for name in [f"machine-{number}" for number in range(1, count + 1)]:
            home = directory / name
            (home / "var").mkdir(parents=True)
            (home / "var" / "exports").symlink_to(shared)
            env = build_unit_environment(
                home,
                secrets,
                ALLOWED_HOSTS="portal.example",
                CSRF_TRUSTED_ORIGINS="https://portal.example",
                TRUSTED_PROXIES="127.0.0.0/8",
                METRICS_ALLOWED_NETWORKS="127.0.0.0/8",
                IVR_API_URL=provider.url,
                **more,
            )
            machine = Machine(name, home, env)
            stack.callback(machine.stop_all)
            found.append(machine)
        yield found
