"""The home screen over five million calls, and the counts of hours and days that it is read from.

`BENCH_CALLS_URL` names a PostgreSQL database with calls to use instead of one that is filled here. It is migrated, and
its counts are made anew; its calls are not touched.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.databases import ROOT, environment, with_calls
from tests.bench.report import Figure, Options, Section, table

CALLS, QUICK_CALLS = 5_000_000, 50_000
PAGE_MS, QUERIES = 200, 15


def run(options: Options) -> Section:
    with tempfile.TemporaryDirectory(prefix="ivrportal-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # PostgreSQL may run as another user below it
        with with_calls(directory, QUICK_CALLS if options.quick else CALLS, name="bench_home") as url:
            # As in the demo: pages then need no collected files. The work on the server is the same.
            env = dict(environment(url, directory / "var")) | {"PORTAL_MODE": "demo"}
            command = [sys.executable, "-m", "tests.bench.home_inside", "5" if options.quick else "40"]
            done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"the measurement failed:\n{done.stderr[-3000:]}")
            return _section(json.loads(done.stdout.splitlines()[-1]))


def _section(found: dict) -> Section:
    pages, live = found["pages"], found["live_s"] * 1000
    ninety = pages["90 days"]
    most = max(page["queries"] for page in pages.values())
    baseline = f"ninety days counted from the calls, {live:,.0f} ms"
    rows = [
        Figure("The whole home screen with 90 days, median", ninety["median"], "ms", baseline,
               ninety["median"] / live, f"< {PAGE_MS} ms", ninety["median"] < PAGE_MS),
        Figure("The whole home screen with 90 days, worst", ninety["worst"], "ms", baseline, ninety["worst"] / live),
        Figure("Queries of a home screen, most", most, "", target=f"≤ {QUERIES}", met=most <= QUERIES),
        Figure("Refreshing after 1,000 new pushes", found["refresh_ms"], "ms"),
        Figure("Counting all hours and days anew", found["rebuild_s"], "s"),
        Figure("Comparing all counts with all calls", found["compare_s"], "s"),
    ]  # fmt: skip
    intro = (
        f"{found['calls']:,} calls, {found['rows']:,} rows of counts. Server time of the page from the request to the"
        " last byte, signed in as an office manager, measured in one process with a client that needs no network. The"
        " baseline is one GROUP BY over the calls of ninety days for agents, departments, numbers and circles. After"
        f" the runs the counts were compared with all calls: {found['differences']} differences."
    )
    cells = [
        [name, f"{page['best']:.1f}", f"{page['median']:.1f}", f"{page['worst']:.1f}", str(page["queries"])]
        for name, page in pages.items()
    ]
    text = "### Periods\n\n" + table(["period", "best ms", "median ms", "worst ms", "queries"], cells)
    return Section("The home screen", intro, rows, text)
