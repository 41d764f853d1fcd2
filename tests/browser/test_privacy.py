"""Erasing a caller, the report of who saw a number, and error pages, in a browser; all pages keep the policies."""

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations

pytestmark = pytest.mark.browser
SCREENS = [(1366, "light"), (390, "dark"), (1366, "dark"), (390, "light")]


def open_a_call(page):
    page.goto("/admin/calllogs/calllog/?q=%2B91")
    page.locator("a.calls-link").first.click()
    expect(page.locator(".call-who")).to_be_visible()


@pytest.mark.parametrize(("width", "theme"), SCREENS)
def test_a_caller_is_erased_from_a_calls_page(open_page, width, theme):
    page = open_page("admin", width=width, theme=theme)
    open_a_call(page)
    violations = find_violations(page, "call")
    number = page.locator(".call-who").inner_text().split("\n")[0]
    page.get_by_role("link", name="Erase this caller").click()
    expect(page.get_by_role("heading", name="everywhere?")).to_be_visible()
    violations += find_violations(page, "erase")
    page.get_by_role("button", name="Erase").click()  # refused without the checkbox
    expect(page.get_by_role("heading", name="everywhere?")).to_be_visible()
    page.get_by_label("Yes, erase this caller for good").check()
    page.get_by_role("button", name="Erase").click()
    expect(page.locator("#progress-title")).to_contain_text("Erased everywhere at", timeout=60_000)
    violations += find_violations(page, "erased")
    assert number[:11] not in page.content()
    page.get_by_role("link", name="Erase a caller").last.click()
    expect(page.get_by_role("heading", name="Somebody wants to be forgotten")).to_be_visible()
    violations += find_violations(page, "erasures")
    assert violations == []


@pytest.mark.parametrize(("width", "theme"), SCREENS)
def test_the_access_report_is_opened_from_a_calls_page(open_page, width, theme):
    page = open_page("admin", width=width, theme=theme)
    open_a_call(page)
    page.get_by_role("link", name="Who saw this number").click()
    expect(page.get_by_role("heading", name="who did what")).to_be_visible()
    page.reload()  # now the report includes the first request for it
    expect(page.get_by_text("Asked who saw a number").first).to_be_visible()
    assert find_violations(page, "who saw") == []


@pytest.mark.parametrize(("width", "theme"), SCREENS)
def test_an_error_page_leads_home(browser, portal, width, theme):
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=theme, base_url=portal.url
    )
    page = context.new_page()
    response = page.goto("/nowhere/")
    assert response.status == 404
    expect(page.get_by_role("heading", name="This page is not here")).to_be_visible()
    assert find_violations(page, "not found") == []
    context.close()
