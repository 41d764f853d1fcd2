"""A supervisor exports a small file at once and a large one in the background, and sees the list of exports."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations
from tests.calllogs.exports.exporting import read_csv_rows, read_sheets
from tests.plugins.demo import start_demo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
CALLS, STREAM_ROWS = 200, 150


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """A portal where 200 calls are more than the streaming limit."""
    var = Path(tmp_path_factory.mktemp("portal")) / "var"
    running = start_demo(var, DEMO_CALLS=str(CALLS), EXPORT_STREAM_ROWS=str(STREAM_ROWS))
    yield running
    running.stop()


def download_file(page, click):
    with page.expect_download() as download:
        click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_a_small_export_comes_at_once_and_a_large_one_with_a_notice(portal, open_page):
    page = open_page("supervisor")
    page.goto("/admin/calllogs/calllog/?status=MISSED")
    page.get_by_role("link", name="Export", exact=True).click()
    expect(page.get_by_text("missed", exact=True)).to_be_visible()
    page.get_by_role("radio", name="CSV").check()
    name, content = download_file(page, lambda: page.get_by_role("button", name="Export").click())
    assert re.fullmatch(r"calls-\d{4}-\d\d-\d\d-\d{4}\.csv", name)
    statuses = {row[7] for row in read_csv_rows(content)}
    assert statuses == {"MISSED"}

    page.goto("/admin/calllogs/calllog/export/")
    expect(page.get_by_text("written in the background")).to_be_visible()
    page.get_by_role("button", name="Export").click()
    page.wait_for_url("**/admin/calllogs/export/*/change/")
    page.goto("/admin/settings_sync/agent/")
    notice = page.get_by_text("Your export is ready: all calls, 200 rows.")
    expect(notice).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Get the file").click()
    _name, content = download_file(
        page, lambda: page.get_by_role("link", name="Download", exact=True).click()
    )
    found = read_sheets(content)
    assert (list(found), len(found["Calls"])) == (["Calls", "About this export"], CALLS + 1)
    assert dict(found["About this export"])["Exported by"] == "supervisor"
    page.goto("/admin/")
    expect(notice).to_have_count(0)

    page.goto("/admin/calllogs/export/")
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    expect(page.locator("#result_list tbody tr").first).to_contain_text("Complete")


@pytest.mark.parametrize(("width", "theme"), [(1366, "light"), (390, "dark")])
def test_the_pages_of_exports_fit_their_screens_and_are_accessible(portal, open_page, width, theme):
    page = open_page("supervisor", width=width, theme=theme)
    for path in (
        "/admin/calllogs/calllog/export/",
        "/admin/calllogs/calllog/export/?status=NO&from=2026-11-09&to=2026-11-08",
        "/admin/calllogs/export/",
        "/admin/calllogs/export/2/change/",
    ):
        page.goto(path)
        assert find_violations(page, path) == []
