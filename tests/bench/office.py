"""The office manager's pages with 500 agents, 400 holidays and 20,000 changes."""

from tests.bench.inside import found_by, table_of
from tests.bench.report import Figure, Options, Section

PAGE_MS, QUERIES, CALLS = 150, 15, 20_000


def run(options: Options) -> Section:
    return _section(found_by("tests.bench.office_inside", options, name="bench_office", calls=CALLS))


def _section(pages: dict) -> Section:
    slowest = max(pages, key=lambda name: pages[name]["median"])
    median, most = pages[slowest]["median"], max(page["queries"] for page in pages.values())
    rows = [
        Figure(f"The slowest page ({slowest}), median", median, "ms",
               target=f"< {PAGE_MS} ms", met=median < PAGE_MS),
        Figure("Queries of a page, most", most, target=f"< {QUERIES}", met=most < QUERIES),
    ]  # fmt: skip
    intro = (
        f"Server time of a page, from the request to the last byte, signed in as an office manager, {CALLS:,} calls"
        " beside; measured in one process with a client that needs no network."
    )
    return Section("The office's pages", intro, rows, table_of(pages))
