"""Migrations started at the same time run one after the other."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from ivrportal.management.commands.migrate import LOCK
from tests.bench.databases import ROOT, environment
from tests.faults.settings_run import start_databases


def migrate(url: str, var) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "migrate", "--no-input"]
    return subprocess.run(
        command, cwd=ROOT, env=environment(url, var), capture_output=True, text=True, check=False, timeout=100
    )


@pytest.mark.whole
def test_three_that_start_at_once_on_an_empty_sqlite_all_succeed(tmp_path):
    url = f"sqlite:///{tmp_path / 'x.sqlite3'}"
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: migrate(url, tmp_path), range(3)))
    assert [each.returncode for each in done] == [0, 0, 0], done
    assert sum("Applying calllogs.0001_initial" in each.stdout for each in done) == 1


@pytest.mark.whole
def test_on_postgresql_they_wait_for_the_running_migration(tmp_path):
    with start_databases("postgres") as (databases, _):
        url = databases.fresh("migrating")
        with psycopg.connect(url, autocommit=True) as other, ThreadPoolExecutor() as pool:
            other.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            waiting = pool.submit(migrate, url, tmp_path)
            time.sleep(4)
            assert not waiting.done()
            other.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
            assert waiting.result(60).returncode == 0
