"""Starts the servers that the tests talk to, before Django's settings are read.

Loaded by `-p` in pyproject.toml. From a conftest it would be too late: pytest-django would have read the settings and
would use the wrong database. `--db postgres` (the default) or `--db sqlite`; the broker is real with both.
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from ivrportal.devserver.embedded_broker import is_answering, prepare_broker
from ivrportal.devserver.processes import start_tied, stop_process
from tests.plugins.postgres import Postgres

DATABASES = ("postgres", "sqlite")
BROKER_START_S = 5.0
TRIES = 3

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--db", choices=DATABASES, default="postgres", help="the database that the tests run on")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """pytest-django reads the settings in this hook; a wrapper runs before all plain implementations."""
    options = early_config.known_args_namespace
    if not (options.help or options.version):
        _start_servers(early_config, database=options.db)
    return (yield)


def pytest_report_header(config: pytest.Config) -> str:
    return f"database: {config.option.db}"


def _start_servers(config: pytest.Config, *, database: str) -> None:
    """Clean-ups run in reverse order, also if the start fails half-way."""
    directory = Path(tempfile.mkdtemp(prefix="ivrportal-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))
    directory.chmod(0o711)  # PostgreSQL may run as another user below it; the contents are private
    var = directory / "var"
    var.mkdir(mode=0o700)
    clean_environment()
    os.environ.update(PORTAL_MODE="demo", VAR_DIR=str(var), ENV_FILE=os.devnull)
    os.environ["REDIS_URL"] = _start_broker(config, directory / "broker")
    if database == "postgres":
        os.environ["DATABASE_URL"] = _start_postgres(config, directory / "postgres")
    else:
        os.environ["DATABASE_URL"] = f"sqlite:///{var / 'portal.sqlite3'}"


def read_example_names(path: Path) -> set[str]:
    """The names of all variables in an example of an environment file, commented out or not."""
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", path.read_text(encoding="utf-8"), re.MULTILINE))


def clean_environment() -> None:
    """Remove the portal's settings from the environment, so that a developer's shell does not affect the tests."""
    for name in read_example_names(EXAMPLE):
        os.environ.pop(name, None)


def _start_broker(config: pytest.Config, directory: Path) -> str:
    for _ in range(TRIES):
        broker = prepare_broker(directory)
        process = start_tied(broker.command, cwd=directory)
        config.add_cleanup(partial(stop_process, process, within_s=3))
        deadline = time.monotonic() + BROKER_START_S
        while process.poll() is None and time.monotonic() < deadline:
            if is_answering(broker.url):
                return broker.url
            time.sleep(0.01)
    raise pytest.UsageError(f"the broker does not start:\n{(directory / 'log').read_text()[-2000:]}")


def _start_postgres(config: pytest.Config, directory: Path) -> str:
    # Without fsync: the tests check commits, not the disk. TEST_PG_FSYNC=1 turns it on.
    server = Postgres(directory, fsync=os.environ.get("TEST_PG_FSYNC") == "1")
    config.add_cleanup(server.stop)
    try:
        server.start()
    except (RuntimeError, OSError) as error:
        raise pytest.UsageError(str(error)) from error
    return server.url
