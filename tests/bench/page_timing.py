"""Measures pages on a database with many calls: runs the measuring process, and times pages inside it."""

import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.bench.databases import ROOT, environment, with_calls
from tests.bench.report import Options, format_table

CALLS, QUICK_CALLS = 5_000_000, 50_000


def run_measurement(module: str, options: Options, *, name: str, calls: int = CALLS) -> dict[str, Any]:
    """Run `python -m MODULE REPEATS` on a database with `calls` calls. Returns the JSON of its last output line."""
    if options.quick:
        calls = min(calls, QUICK_CALLS)
    with tempfile.TemporaryDirectory(prefix="ivrportal-bench-") as made:
        directory = Path(made)
        directory.chmod(0o711)  # PostgreSQL may run as another user below it
        with with_calls(directory, calls, name=name) as url:
            # In demo mode, where pages need no collected static files. The server's work is the same.
            env = dict(environment(url, directory / "var")) | {"PORTAL_MODE": "demo"}
            command = [sys.executable, "-m", module, "5" if options.quick else "40"]
            done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"the measurement failed:\n{done.stderr[-3000:]}")
            return json.loads(done.stdout.splitlines()[-1])


def measure_page(client: Client, url: str, repeats: int) -> dict[str, Any]:
    """Milliseconds of a page (see `measure_times`) and its number of queries."""

    def get() -> None:
        assert client.get(url).status_code == 200, url

    get()
    gc.collect()
    gc.freeze()  # as `ivrportal.asgi` does, so that the collector skips what is loaded by now
    with CaptureQueriesContext(connection) as queries:
        get()
    count = len(queries)  # read now, because the next request resets the query log
    return {**measure_times(get, repeats), "queries": count}


def format_pages_table(pages: dict[str, dict[str, Any]]) -> str:
    """The results of `measure_page` as a Markdown table."""
    cells = [
        [name, f"{page['median']:.1f}", f"{page['worst']:.1f}", f"{page['cpu']:.1f}", str(page["queries"])]
        for name, page in pages.items()
    ]
    head = ["page", "median ms", "worst ms", "CPU of the web process, ms", "queries"]
    return f"### Pages\n\n{format_table(head, cells)}"


def measure_times(act: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Milliseconds. `cpu` is this process's CPU time, which does not depend on other load."""
    cpu = time.process_time()
    took = [measure_seconds(act) * 1000 for _ in range(repeats)]
    cpu = (time.process_time() - cpu) * 1000 / repeats
    return {"best": min(took), "median": statistics.median(took), "worst": max(took), "cpu": cpu}


def measure_seconds(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
