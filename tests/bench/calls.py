"""The call list with millions of calls: the time to load the sample data, and of every page, filter and search.

If `BENCH_CALLS_URL` is set, that database is measured as it is, and nothing is loaded.
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
from tests.bench.report import Figure, Options, Section, format_table

URL = "BENCH_CALLS_URL"
CALLS = {"PostgreSQL": 5_000_000, "SQLite": 500_000}
QUICK_CALLS = 20_000
LOAD_S = 600.0
MEDIAN_MS, WORST_MS, QUERIES = 100.0, 300.0, 12
SLOWEST_SHOWN = 12  # number of pages in the table


def run(options: Options) -> Section:
    rows: list[Figure] = []
    texts: list[str] = []
    with tempfile.TemporaryDirectory(prefix="ivrportal-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # PostgreSQL may run as another user below it
        if url := os.environ.get(URL, ""):
            rows, texts = _measure_pages("The given database", url, directory, options)
        else:
            for start in (on_postgres, on_sqlite):
                with start(directory) as databases:
                    url, loading = _load_calls(databases, directory, options)
                    more, text = _measure_pages(databases.title, url, directory, options)
                    rows += [loading, *more]
                    texts += text
    intro = (
        "Django's test client in one process, signed in as a supervisor, from the request to the last byte of the page:"
        " every filter and search on the newest page, on a page in the middle of all calls and on the oldest page."
    )
    return Section("The call list", intro, rows, "\n\n".join(texts))


def _load_calls(databases: Databases, directory: Path, options: Options) -> tuple[str, Figure]:
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


def _measure_pages(title: str, url: str, directory: Path, options: Options) -> tuple[list[Figure], list[str]]:
    found = _run_calls_pages(url, directory / "pages", rounds=3 if options.quick else 7)
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
    return rows, [f"### {title}: {len(found)} pages, the slowest first\n\n{_format_slowest(found)}"]


def _run_calls_pages(url: str, var: Path, *, rounds: int) -> list[dict[str, Any]]:
    # In demo mode, because production needs collected static files. The pages are the same.
    env = {**environment(url, var), "PORTAL_MODE": "demo"}
    command = [sys.executable, "-m", "tests.bench.calls_pages", str(rounds)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the pages failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _format_slowest(found: list[dict[str, Any]]) -> str:
    slowest = sorted(found, key=lambda page: -statistics.median(page["ms"]))
    head = ["filter or search", "page", "median ms", "worst ms", "queries", "displayed count"]
    return format_table(
        head,
        [
            [
                page["filter"], page["page"], f"{statistics.median(page['ms']):.0f}", f"{max(page['ms']):.0f}",
                str(page["queries"]), page["count"] + (" (stopped)" if page["is_stopped"] else ""),
            ]
            for page in slowest[:SLOWEST_SHOWN]
        ],
    )  # fmt: skip
