"""The call list as a supervisor uses it: filter, save the view, share it, and page to the end."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

CALLS = "/admin/calllogs/calllog/"


def open_drop(page, title):
    page.locator("summary", has_text=title).click()
    return page.locator("details.calls-drop[open]")


def test_a_supervisor_finds_calls_keeps_the_view_and_a_colleague_opens_it(portal, open_page):
    page = open_page("supervisor")
    page.goto(CALLS)
    expect(page.locator(".calls-count")).to_contain_text("200 calls")
    page.get_by_role("link", name="Oldest").click()
    expect(page.get_by_role("link", name="Newer")).to_be_visible()
    expect(page.get_by_role("link", name="Older")).to_have_count(0)

    outcome = open_drop(page, "Outcome")
    outcome.get_by_label("Missed").check()
    page.keyboard.press("Escape")
    expect(outcome).to_have_count(0)
    department = open_drop(page, "Department")
    department.get_by_label("Sales").check()
    department.get_by_role("button", name="Show").click()
    expect(page.locator(".calls-chip")).to_have_text([re.compile("missed"), re.compile("Sales")])
    rows = page.locator(".calls-table tbody tr")
    for row in rows.all():
        expect(row).to_contain_text("Missed")
        expect(row).to_contain_text("Sales")

    columns = open_drop(page, "Columns")
    columns.get_by_label("Circle").uncheck()
    columns.get_by_role("button", name="Show").click()
    expect(page.locator(".calls-table thead")).not_to_contain_text("Circle")

    views = open_drop(page, "Views")
    views.get_by_label("Keep what is shown now under a name").fill("Missed in Sales")
    views.get_by_label("Others may use it too").check()
    views.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Missed in Sales")).to_have_attribute("aria-current", "page")

    send = open_drop(page, "Send this view")
    sent = send.get_by_role("textbox").input_value()
    send.get_by_role("button", name="Copy").click()
    expect(send.get_by_role("status")).to_have_text("Copied")
    colleague = open_page("manager", width=390)
    colleague.goto(sent)
    expect(colleague.locator(".calls-chip")).to_have_count(2)
    expect(colleague.get_by_role("link", name="Missed in Sales")).to_have_attribute("aria-current", "page")
    expect(colleague.locator(".calls-table")).not_to_contain_text("Circle")

    number = page.locator(".calls-table tbody tr").first.locator("td.number").first.inner_text()
    page.goto(CALLS)
    page.get_by_label("Number or call id").fill(number[-5:])
    page.keyboard.press("Enter")
    expect(page.locator(".calls-table tbody tr").first).to_contain_text(number)
    page.locator(".calls-link").first.click()
    page.wait_for_url("**/change/")


@pytest.mark.parametrize(("width", "theme"), [(1366, "light"), (390, "dark")])
def test_the_list_is_accessible(portal, open_page, width, theme):
    page = open_page("supervisor", width=width, theme=theme)
    violations = []

    def check(name):
        violations.extend(find_violations(page, name))

    page.goto(f"{CALLS}?status=MISSED&agent=9800100099&from=2026-11-08&to=2026-11-01")
    check("nothing found")
    page.goto(CALLS)
    for title in ("Circle", "Views"):
        open_drop(page, title)
        check(title)
        page.keyboard.press("Escape")
    assert violations == []
