"""The office manager's pages with 500 agents, 400 holidays and 20,000 changes."""

from tests.bench.page_timing import format_pages_table, run_measurement
from tests.bench.report import Figure, Options, Section

PAGE_MS, QUERIES, CALLS = 150, 15, 20_000


def run(options: Options) -> Section:
    return build_section(
        run_measurement("tests.bench.office_process", options, name="bench_office", calls=CALLS)
    )


def build_section(pages: dict) -> Section:
    slowest = max(pages, key=lambda name: pages[name]["median"])
    median, most = pages[slowest]["median"], max(page["queries"] for page in pages.values())
    rows = [
        Figure(f"The slowest page ({slowest}), median", median, "ms",
               target=f"< {PAGE_MS} ms", met=median < PAGE_MS),
        Figure("Queries of a page, most", most, target=f"< {QUERIES}", met=most < QUERIES),
    ]  # fmt: skip
    intro = (
        f"Server time of a page, from the request to the last byte, signed in as an office manager, with {CALLS:,}"
        " calls in the database; measured in one process with Django's test client."
    )
    return Section("The office's pages", intro, rows, format_pages_table(pages))
