"""The home screen over five million calls, and the counts of hours and days that it is read from.

`BENCH_CALLS_URL` names a PostgreSQL database with calls to use instead of one that is filled here. It is migrated, and
its counts are made anew; its calls are not touched.
"""

from tests.bench.inside import found_by
from tests.bench.report import Figure, Options, Section, table

PAGE_MS, QUERIES = 200, 15


def run(options: Options) -> Section:
    return _section(found_by("tests.bench.home_inside", options, name="bench_home"))


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
