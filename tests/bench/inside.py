"""A screen measured over many calls: outside, a process on a database with them; inside, what a page takes."""

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
from tests.bench.report import Options, table

CALLS, QUICK_CALLS = 5_000_000, 50_000


def found_by(module: str, options: Options, *, name: str, calls: int = CALLS) -> dict[str, Any]:
    """What `python -m MODULE REPEATS` printed in its last line, as JSON, on a database with so many calls."""
    if options.quick:
        calls = min(calls, QUICK_CALLS)
    with tempfile.TemporaryDirectory(prefix="ivrportal-bench-") as made:
        directory = Path(made)
        directory.chmod(0o711)  # PostgreSQL may run as another user below it
        with with_calls(directory, calls, name=name) as url:
            # As in the demo: pages then need no collected files. The work on the server is the same.
            env = dict(environment(url, directory / "var")) | {"PORTAL_MODE": "demo"}
            command = [sys.executable, "-m", module, "5" if options.quick else "40"]
            done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"the measurement failed:\n{done.stderr[-3000:]}")
            return json.loads(done.stdout.splitlines()[-1])


def measured(client: Client, url: str, repeats: int) -> dict[str, Any]:
    """Milliseconds of a page (`times`), and how many queries it asks."""

    def get() -> None:
        assert client.get(url).status_code == 200, url

    get()
    gc.collect()
    gc.freeze()  # as `ivrportal.asgi` does: what is loaded by now is not looked through again and again
    with CaptureQueriesContext(connection) as queries:
        get()
    count = len(queries)  # now: the next request forgets them
    return {**times(get, repeats), "queries": count}


def table_of(pages: dict[str, dict[str, Any]]) -> str:
    """What `measured` found, as Markdown."""
    cells = [
        [name, f"{page['median']:.1f}", f"{page['worst']:.1f}", f"{page['cpu']:.1f}", str(page["queries"])]
        for name, page in pages.items()
    ]
    head = ["page", "median ms", "worst ms", "CPU of the web process, ms", "queries"]
    return f"### Pages\n\n{table(head, cells)}"


def times(act: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Milliseconds. `cpu` is of this process: what does not depend on who else is busy."""
    cpu = time.process_time()
    took = [seconds(act) * 1000 for _ in range(repeats)]
    cpu = (time.process_time() - cpu) * 1000 / repeats
    return {"best": min(took), "median": statistics.median(took), "worst": max(took), "cpu": cpu}


def seconds(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
