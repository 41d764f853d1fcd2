"""Describes the machine of a run, so that its figures can be interpreted."""

import datetime as dt
import os
import platform
import sqlite3
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

from tests.bench.databases import find_postgres_program

SYNCS = 200


def describe_machine(directory: Path) -> str:
    """One line of text. `directory` holds the databases of the run."""
    memory = psutil.virtual_memory().total / 2**30
    return ", ".join(
        [
            f"{dt.datetime.now().astimezone():%Y-%m-%d %H:%M}",
            f"{_cpu_model()} with {os.cpu_count()} cores",
            f"{memory:.0f} GiB",
            f"{_filesystem(directory)} ({_sync_ms(directory):.2f} ms for a synced append)",
            f"{platform.system()} {platform.release().split('-')[0]}",
            f"Python {platform.python_version()}",
            f"PostgreSQL {_postgres_version()}",
            f"SQLite {sqlite3.sqlite_version}",
            f"load {os.getloadavg()[0]:.1f} at the start",
        ]
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _filesystem(directory: Path) -> str:
    """The file system type, because commits on a RAM disk cost nothing."""
    here = directory.resolve()
    mounts = [disk for disk in psutil.disk_partitions(all=True) if here.is_relative_to(disk.mountpoint)]
    return max(mounts, key=lambda disk: len(disk.mountpoint)).fstype if mounts else "unknown file system"


def _sync_ms(directory: Path) -> float:
    took = []
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            file.write(b"x" * 512)
            file.flush()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def _postgres_version() -> str:
    result = subprocess.run(
        [find_postgres_program("postgres"), "--version"], capture_output=True, text=True, check=True
    )
    return result.stdout.split()[2]
