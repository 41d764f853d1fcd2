"""Erasing a caller and asking who saw a number, in a browser, and the pages of errors; no policy is broken there."""

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import looked_at

pytestmark = pytest.mark.browser
SCREENS = [(1366, "light"), (390, "dark"), (1366, "dark"), (390, "light")]


def open_a_call(page):
    page.goto("/admin/calllogs/calllog/?q=%2B91")
    page.locator("a.calls-link").first.click()
    expect(page.locator(".call-who")).to_be_visible()


@pytest.mark.parametrize(("width", "theme"), SCREENS)
def test_a_caller_is_erased_from_a_calls_page(page_of, width, theme):
    page = page_of("admin", width=width, theme=theme)
    open_a_call(page)
    serious = looked_at(page, "call")
    number = page.locator(".call-who").inner_text().split("\n")[0]
    page.get_by_role("link", name="Erase this caller").click()
    expect(page.get_by_role("heading", name="everywhere?")).to_be_visible()
    serious += looked_at(page, "erase")
    page.get_by_role("button", name="Erase").click()  # not without the tick
    expect(page.get_by_role("heading", name="everywhere?")).to_be_visible()
    page.get_by_label("Yes, erase this caller for good").check()
    page.get_by_role("button", name="Erase").click()
    expect(page.locator("#progress-title")).to_contain_text("Erased everywhere at", timeout=60_000)
    serious += looked_at(page, "erased")
    assert number[:11] not in page.content()
    page.get_by_role("link", name="Erase a caller").last.click()
    expect(page.get_by_role("heading", name="Somebody wants to be forgotten")).to_be_visible()
    serious += looked_at(page, "erasures")
    assert serious == []


@pytest.mark.parametrize(("width", "theme"), SCREENS)
def test_who_saw_a_number_is_asked_from_a_calls_page(page_of, width, theme):
    page = page_of("admin", width=width, theme=theme)
    open_a_call(page)
    page.get_by_role("link", name="Who saw this number").click()
    expect(page.get_by_role("heading", name="who did what")).to_be_visible()
    page.reload()  # by now the question itself is among the answers
    expect(page.get_by_text("Asked who saw a number").first).to_be_visible()
    assert looked_at(page, "who saw") == []


@pytest.mark.parametrize(("width", "theme"), SCREENS)
def test_a_page_of_an_error_is_calm_and_leads_home(browser, portal, width, theme):
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=theme, base_url=portal.url
    )
    page = context.new_page()
    answer = page.goto("/nowhere/")
    assert answer.status == 404
    expect(page.get_by_role("heading", name="This page is not here")).to_be_visible()
    assert looked_at(page, "not found") == []
    context.close()
