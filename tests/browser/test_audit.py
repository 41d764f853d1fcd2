"""The audit log in a browser: filter, open an entry, export; on phone and desktop, in light and dark mode."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations

pytestmark = pytest.mark.browser
AUDIT_LOG = "/admin/settings_sync/auditentry/"


def test_a_change_is_in_the_audit_log_with_old_and_new_and_can_be_exported(open_page):
    page = open_page("admin")
    page.goto("/admin/settings_sync/holiday/add/")
    page.fill("[name=date]", "2027-02-23")
    page.fill("[name=name]", "Founders Day")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/settings_sync/holiday/?year=2027")
    page.get_by_role("link", name="Audit trail").click()
    first = page.locator("#result_list tbody tr").first
    expect(first).to_contain_text("Founders Day")
    first.get_by_role("link").first.click()
    expect(page.locator(".audit-changes")).to_contain_text("Founders Day")
    page.get_by_role("link", name="admin", exact=True).first.click()
    expect(page).to_have_url(re.compile("person=admin"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Export what is found as CSV").click()
    assert re.fullmatch(r"audit-trail-\d{4}-\d\d-\d\d-\d{4}\.csv", download.value.suggested_filename)
    assert "Founders Day" in Path(download.value.path()).read_text(encoding="utf-8")
    page.goto(AUDIT_LOG)
    expect(page.locator("#result_list tbody tr").first).to_contain_text("audit trail: person=admin")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_its_pages_fit_their_screens_and_are_accessible(open_page, width, theme, tmp_path):
    page = open_page("admin", width=width, theme=theme)
    page.goto(AUDIT_LOG)
    found = find_violations(page, "the audit log")
    page.screenshot(path=tmp_path / f"audit-log-{width}-{theme}.png", full_page=True)
    page.goto(f"{AUDIT_LOG}?action__exact=ADDED")
    page.locator("#result_list tbody tr").first.get_by_role("link").first.click()
    expect(page.locator("#audit-facts")).to_be_visible()
    found += find_violations(page, "an entry")
    page.screenshot(path=tmp_path / f"entry-{width}-{theme}.png", full_page=True)
    assert found == []
