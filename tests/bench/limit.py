"""The rate at which the database alone inserts single rows: the upper limit for any web application."""

import multiprocessing
import os
import re
import shlex
import sqlite3
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.bench.databases import find_postgres_program

CLIENTS = 16
PROCESSES = 2
TABLE = "calllogs_calllog"
# One row as a push stores it; {id} differs in every statement.
_ROW = {
    "call_id": "{id}",
    "caller": "'+919800012345'",
    "started_at": "now()",
    "agent_number": "'+919800100001'",
    "ivr_seconds": "17",
    "talk_seconds": "95",
    "status": "'ANSWERED'",
    "raw_status": "'ANSWER'",
    "circle": "'Maharashtra'",
    "virtual_number": "'+919800200001'",
    "department": "'Sales'",
    "recording_url": "'https://recordings.example.com/2026/11/23/1.mp3'",
    "call_type": "''",
    "has_conflict": "false",
    "received_at": "now()",
    "told_at": "now()",
    "updated_at": "now()",
}
_INSERT = (
    f"INSERT INTO {TABLE} ({', '.join(_ROW)}) VALUES ({', '.join(_ROW.values())})"
    " ON CONFLICT (call_id) DO UPDATE SET updated_at = excluded.updated_at"
)


def measure_postgres(url: str, *, seconds: float, directory: Path) -> tuple[float, str]:
    """Rows a second from 16 clients into the empty calls table, and a description of the method."""
    pgbench = find_postgres_program("pgbench")
    if pgbench:
        return _measure_with_pgbench(
            pgbench, url, seconds=seconds, directory=directory
        ), f"pgbench, {CLIENTS} clients"
    return _measure_with_threads(url, seconds=seconds), f"psycopg, {CLIENTS} threads in {PROCESSES} processes"


def measure_sqlite(path: str, *, seconds: float) -> tuple[float, str]:
    """The same for SQLite, from its only possible writer. Each row is a synced commit."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    insert = _INSERT.replace("now()", "datetime()").format(id="?")
    rows, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        rows += 1
        connection.execute(insert, [f"limit-{rows}"])
    rate = rows / (time.perf_counter() - began)
    connection.close()
    return rate, "one writer, one commit a row"


def _measure_with_pgbench(pgbench: str, url: str, *, seconds: float, directory: Path) -> float:
    script = directory / "limit.sql"
    wide = "(:client_id::text || '-' || :number::text)"
    script.write_text(f"\\set number random(1, 9000000000000000)\n{_INSERT.format(id=wide)};\n")
    where = urlsplit(url)
    command = f"-n -M prepared -c {CLIENTS} -j {PROCESSES} -T {max(1, round(seconds))} -f"
    address = ["-h", str(where.hostname), "-p", str(where.port), "-U", str(where.username), where.path[1:]]
    done = subprocess.run(
        [pgbench, *shlex.split(command), str(script), *address],
        env={**os.environ, "PGPASSWORD": where.password or ""},
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


def _measure_with_threads(url: str, *, seconds: float) -> float:
    context = multiprocessing.get_context("spawn")
    with context.Pool(PROCESSES) as pool:
        jobs = [(url, seconds, f"limit-{number}") for number in range(PROCESSES)]
        return sum(pool.starmap(_insert_rows, jobs)) / seconds


def _insert_rows(url: str, seconds: float, tag: str) -> int:
    """One process with psycopg threads. Returns the number of rows that they inserted."""
    stored = [0] * (CLIENTS // PROCESSES)

    def insert(index: int) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                stored[index] += 1
                connection.execute(_INSERT.format(id="%s"), [f"{tag}-{index}-{stored[index]}"], prepare=True)

    threads = [threading.Thread(target=insert, args=(index,)) for index in range(len(stored))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(stored)
