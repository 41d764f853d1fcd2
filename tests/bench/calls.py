"""The call list at size: how long the sample data takes to load, and how long every page, filter and search takes.

With `BENCH_CALLS_URL` the database that it names is measured as it is, and nothing is loaded.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.databases import ROOT, Databases, environment, manage, on_postgres, on_sqlite
from tests.bench.report import Figure, Options, Section, table

URL = "BENCH_CALLS_URL"
CALLS = {"PostgreSQL": 5_000_000, "SQLite": 500_000}
QUICK_CALLS = 20_000
LOAD_S = 600.0
MEDIAN_MS, WORST_MS, QUERIES = 100.0, 300.0, 12
SHOWN = 12  # the slowest pages in the text


def run(options: Options) -> Section:
    rows: list[Figure] = []
    texts: list[str] = []
    with tempfile.TemporaryDirectory(prefix="ivrportal-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # PostgreSQL may run as another user below it
        if url := os.environ.get(URL, ""):
            rows, texts = _pages("The database given", url, directory, options)
        else:
            for start in (on_postgres, on_sqlite):
                with start(directory) as databases:
                    url, loading = _load(databases, directory, options)
                    more, text = _pages(databases.title, url, directory, options)
                    rows += [loading, *more]
                    texts += text
    intro = (
        "Django's test client in one process, signed in as a supervisor, from the request to the last byte of the page:"
        " every filter and search below at the newest page, at one in the middle of all calls and at the oldest page."
    )
    return Section("The call list", intro, rows, "\n\n".join(texts))


def _load(databases: Databases, directory: Path, options: Options) -> tuple[str, Figure]:
    url, count = databases.fresh("calls"), QUICK_CALLS if options.quick else CALLS[databases.title]
    began = time.monotonic()
    manage(url, directory / "load", "load_sample_data", "--calls", str(count))
    took, there = time.monotonic() - began, databases.count(url, "calllogs_calllog")
    assert there == count, f"{there} of {count} calls"
    limit = LOAD_S * count / CALLS["PostgreSQL"] if databases.title == "PostgreSQL" else None
    return url, Figure(
        f"{databases.title}: `load_sample_data --calls {count}`", took, "s",
        target=f"< {LOAD_S:.0f} s for {CALLS['PostgreSQL']:,}" if limit else "",
        met=took < max(limit, 10.0) if limit else None,
    )  # fmt: skip


def _pages(title: str, url: str, directory: Path, options: Options) -> tuple[list[Figure], list[str]]:
    found = _measured(url, directory / "pages", rounds=3 if options.quick else 7)
    times = [ms for page in found for ms in page["ms"]]
    median, worst, queries = statistics.median(times), max(times), max(page["queries"] for page in found)
    rows = [
        Figure(
            f"{title}: a page of the list, median of {len(times):,}", median, "ms",
            target=f"< {MEDIAN_MS:.0f} ms", met=median < MEDIAN_MS,
        ),
        Figure(f"{title}: the slowest", worst, "ms", target=f"< {WORST_MS:.0f} ms", met=worst < WORST_MS),
        Figure(f"{title}: most queries of a page", queries, target=f"≤ {QUERIES}", met=queries <= QUERIES),
    ]  # fmt: skip
    return rows, [f"### {title}: {len(found)} pages, the slowest first\n\n{_table(found)}"]


def _measured(url: str, var: Path, *, rounds: int) -> list[dict[str, Any]]:
    # As the demo, since the static files of production are collected first; the pages are the same.
    env = {**environment(url, var), "PORTAL_MODE": "demo"}
    command = [sys.executable, "-m", "tests.bench.calls_pages", str(rounds)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the pages failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _table(found: list[dict[str, Any]]) -> str:
    slowest = sorted(found, key=lambda page: -statistics.median(page["ms"]))
    head = ["filter or search", "page", "median ms", "worst ms", "queries", "count that is shown"]
    return table(
        head,
        [
            [
                page["filter"], page["page"], f"{statistics.median(page['ms']):.0f}", f"{max(page['ms']):.0f}",
                str(page["queries"]), page["count"] + (" (stopped)" if page["is_stopped"] else ""),
            ]
            for page in slowest[:SHOWN]
        ],
    )  # fmt: skip
