"""The missed-call desk with five million calls: the page, the count in the navigation, and what keeps them true.

`BENCH_CALLS_URL` names a PostgreSQL database with calls to use instead of one that is filled here. It is migrated, and
its open rows are made anew; its calls are not touched.
"""

from tests.bench.inside import found_by, table_of
from tests.bench.report import Figure, Options, Section

PAGE_MS, WORST_MS = 100, 300


def run(options: Options) -> Section:
    return _section(found_by("tests.bench.missed_inside", options, name="bench_missed"))


def _section(found: dict) -> Section:
    pages = found["pages"]
    median = max(page["median"] for page in pages.values())
    worst = max(page["worst"] for page in pages.values())
    live = found["live_s"] * 1000
    baseline = f"all calls compared, {live:,.0f} ms"
    rows = [
        Figure("Page of the desk, median of the slowest kind", median, "ms", baseline, median / live,
               f"< {PAGE_MS} ms", median < PAGE_MS),
        Figure("Page of the desk, worst", worst, "ms", baseline, worst / live, f"< {WORST_MS} ms", worst < WORST_MS),
        Figure("Queries of a page, most", found["queries"], "", target="≤ 12", met=found["queries"] <= 12),
        Figure("The count in the navigation, median", found["badge"]["median"], "ms"),
        Figure("The count in the navigation, worst", found["badge"]["worst"], "ms"),
        Figure("Refreshing 1,000 callers", found["refresh_ms"], "ms"),
        Figure("Making all open rows anew", found["rebuild_s"], "s"),
        Figure("Comparing all open rows with all calls", found["live_s"], "s"),
    ]  # fmt: skip
    intro = (
        f"{found['calls']:,} calls, {found['waiting']:,} callers who wait and {found['old']:,} who have not tried again"
        " for long. Server time of a page, from the request to the last byte, measured in one process with a client"
        " that needs no network. The baseline is the same answer worked out from all calls. After the runs the open"
        f" rows were compared with all calls: {found['differences']} differences."
    )
    return Section("The missed-call desk", intro, rows, table_of(pages))
