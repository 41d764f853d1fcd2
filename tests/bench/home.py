"""The home screen with five million calls, and the hourly and daily counts that it reads.

`BENCH_CALLS_URL` names an existing PostgreSQL database with calls. It is migrated and its counts are rebuilt; its calls
are not changed.
"""

from tests.bench.page_timing import run_measurement
from tests.bench.report import Figure, Options, Section, format_table

PAGE_MS, QUERIES = 200, 15


def run(options: Options) -> Section:
    return build_section(run_measurement("tests.bench.home_process", options, name="bench_home"))


def build_section(found: dict) -> Section:
    pages, live = found["pages"], found["live_s"] * 1000
    ninety = pages["90 days"]
    most = max(page["queries"] for page in pages.values())
    baseline = f"90 days counted from the calls, {live:,.0f} ms"
    rows = [
        Figure("The whole home screen with 90 days, median", ninety["median"], "ms", baseline,
               ninety["median"] / live, f"< {PAGE_MS} ms", ninety["median"] < PAGE_MS),
        Figure("The whole home screen with 90 days, worst", ninety["worst"], "ms", baseline, ninety["worst"] / live),
        Figure("Queries of a home screen, most", most, "", target=f"≤ {QUERIES}", met=most <= QUERIES),
        Figure("Refreshing after 1,000 new pushes", found["refresh_ms"], "ms"),
        Figure("Rebuilding all hourly and daily counts", found["rebuild_s"], "s"),
        Figure("Comparing all counts with all calls", found["compare_s"], "s"),
    ]  # fmt: skip
    intro = (
        f"{found['calls']:,} calls, {found['rows']:,} rows of counts. Server time of the page from the request to the"
        " last byte, signed in as an office manager, measured in one process with Django's test client. The"
        " baseline is one GROUP BY over the calls of 90 days for agents, departments, numbers and circles. After"
        f" the runs the counts were compared with all calls: {found['differences']} differences."
    )
    cells = [
        [name, f"{page['best']:.1f}", f"{page['median']:.1f}", f"{page['worst']:.1f}", str(page["queries"])]
        for name, page in pages.items()
    ]
    text = "### Periods\n\n" + format_table(["period", "best ms", "median ms", "worst ms", "queries"], cells)
    return Section("The home screen", intro, rows, text)
