"""The history of changes in a browser: a change is found and undone, also by keyboard."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

BOARD, PAGE = "/admin/settings_sync/agent/", "/admin/changes/"


def switch_of(page, name):
    return page.get_by_role("switch", name=f"{name}: takes calls")


def rows_of(page, name):
    return page.locator(".changes-row").filter(has=page.get_by_role("link", name=name, exact=True))


def test_a_switch_is_shown_in_force_and_undone(portal, open_page):
    page = open_page("manager", width=390)
    page.goto(BOARD)
    switch_of(page, "Sanjay Nair").click()
    expect(page.locator("[data-board-message]")).to_contain_text("Sanjay Nair is switched off.")
    for _ in range(40):
        page.goto(PAGE)
        row = rows_of(page, "Sanjay Nair").first
        if "In force since" in row.inner_text():
            break
        page.wait_for_timeout(250)
    expect(row).to_contain_text("In force since")
    expect(row).to_contain_text("manager")
    expect(row.locator("del")).to_have_text("Available")
    expect(row.locator("ins")).to_have_text("Off")
    row.get_by_role("link", name="Put back: Sanjay Nair").click()
    expect(page.get_by_text("Putting it back changes it from what it is now")).to_be_visible()
    page.get_by_role("button", name="Yes, put it back").click()
    expect(page.get_by_text("Sanjay Nair is as it was.")).to_be_visible()
    expect(rows_of(page, "Sanjay Nair").first).to_contain_text("manager, put back")
    page.goto(BOARD)
    expect(switch_of(page, "Sanjay Nair")).to_have_attribute("aria-checked", "true")


def test_a_deleted_agent_is_restored_by_keyboard(portal, open_page):
    page = open_page("manager")
    page.goto(BOARD + "add/")
    page.fill("[name=name]", "Gone Tomorrow")
    page.fill("[name=number]", "98111 22233")
    page.get_by_role("button", name="Save", exact=True).press("Enter")
    page.wait_for_url(f"**{BOARD}")
    page.locator("[data-agent]").get_by_role("link", name="Gone Tomorrow", exact=True).press("Enter")
    page.get_by_role("link", name=re.compile("Delete")).first.press("Enter")
    page.get_by_role("button", name=re.compile("Yes, I")).press("Enter")
    page.goto(PAGE + "?kind=agent")
    row = rows_of(page, "Gone Tomorrow").first
    expect(row).to_contain_text("Agent, deleted")
    row.get_by_role("link", name="Put back: Gone Tomorrow").press("Enter")
    expect(page.get_by_text("Putting it back adds it again")).to_be_visible()
    page.get_by_role("button", name="Yes, put it back").press("Enter")
    page.goto(BOARD + "?q=Gone")
    expect(page.locator("[data-agent]:visible")).to_contain_text("98111 22233")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_the_history_is_accessible(portal, open_page, width, theme):
    page = open_page("manager", width=width, theme=theme)
    page.goto(BOARD)
    switch_of(page, "Deepak Das").click()
    expect(page.locator("[data-board-message]")).to_contain_text("Deepak Das")
    violations = []
    for path in (PAGE, f"{PAGE}?kind=holiday&last=2001-01-01"):
        page.goto(path)
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{path} is {overflow} pixels too wide at {width}"
        violations += Axe().run(page).response["violations"]
        if path == PAGE:
            page.get_by_role("link", name="Put back: Deepak Das").first.click()
            violations += Axe().run(page).response["violations"]
    serious = [
        f"{found['id']} {found['nodes'][0]['html'][:200]}"
        for found in violations
        if found["impact"] in {"serious", "critical"}
    ]
    assert serious == []
