"""The callback queue with five million calls: the page, the count in the navigation, and the refresh of its rows.

`BENCH_CALLS_URL` names an existing PostgreSQL database with calls. It is migrated and its open rows are rebuilt; its
calls are not changed.
"""

from tests.bench.page_timing import format_pages_table, run_measurement
from tests.bench.report import Figure, Options, Section

PAGE_MS, WORST_MS = 100, 300


def run(options: Options) -> Section:
    return build_section(run_measurement("tests.bench.callbacks_process", options, name="bench_missed"))


def build_section(found: dict) -> Section:
    pages = found["pages"]
    median = max(page["median"] for page in pages.values())
    worst = max(page["worst"] for page in pages.values())
    live = found["live_s"] * 1000
    baseline = f"all calls compared, {live:,.0f} ms"
    rows = [
        Figure("Queue page, median of the slowest query", median, "ms", baseline, median / live,
               f"< {PAGE_MS} ms", median < PAGE_MS),
        Figure("Queue page, worst", worst, "ms", baseline, worst / live, f"< {WORST_MS} ms", worst < WORST_MS),
        Figure("Queries of a page, most", found["queries"], "", target="≤ 12", met=found["queries"] <= 12),
        Figure("The count in the navigation, median", found["badge"]["median"], "ms"),
        Figure("The count in the navigation, worst", found["badge"]["worst"], "ms"),
        Figure("Refreshing 1,000 callers", found["refresh_ms"], "ms"),
        Figure("Rebuilding all open rows", found["rebuild_s"], "s"),
        Figure("Comparing all open rows with all calls", found["live_s"], "s"),
    ]  # fmt: skip
    intro = (
        f"{found['calls']:,} calls, {found['waiting']:,} waiting callers and {found['old']:,} callers who have not"
        " called again for long. Server time of a page, from the request to the last byte, measured in one process with"
        " Django's test client. The baseline computes the same answer from all calls. After the runs the open rows were"
        f" compared with all calls: {found['differences']} differences."
    )
    return Section("The callback queue", intro, rows, format_pages_table(pages))
