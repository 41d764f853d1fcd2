"""The agents' board in a browser: by touch and by keyboard, with the state at the provider."""

import datetime as dt
import json
import re
import urllib.request
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations
from tests.plugins.demo import change_database

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

BOARD = "/admin/settings_sync/agent/"


def provider_value(portal, number):
    with urllib.request.urlopen(f"{portal.simulator_url}/state", timeout=5) as reply:
        return json.load(reply)["agents"].get(number)


def card(page, name):
    return page.locator("[data-agent]").filter(has=page.get_by_role("link", name=name, exact=True))


def switch_of(page, name):
    return page.get_by_role("switch", name=f"{name}: takes calls")


def open_office_all_day(portal):
    """Set office hours for all day, whatever other tests left behind."""
    change_database(
        portal, "UPDATE settings_sync_officehours SET opens_at = '00:00:00', closes_at = '23:59:00'"
    )
    today = dt.datetime.now(ZoneInfo("Asia/Kolkata")).date().isoformat()
    change_database(portal, "DELETE FROM settings_sync_holiday WHERE date = ?", today)
    change_database(portal, "DELETE FROM settings_sync_otherhours WHERE date = ?", today)


def test_a_tap_switches_an_agent_and_the_board_shows_when_it_is_in_force(portal, open_page):
    page = open_page("manager", width=390)
    page.goto(BOARD)
    toggle = switch_of(page, "Farah Singh")
    box = toggle.bounding_box()
    assert box["width"] >= 44
    assert box["height"] >= 44
    toggle.click()
    expect(toggle).to_have_attribute("aria-checked", "false")
    expect(card(page, "Farah Singh").locator(".badge")).to_have_text(re.compile("In force"), timeout=15_000)
    assert provider_value(portal, "9800100019") == "OFF"
    expect(card(page, "Farah Singh")).to_contain_text("Off")
    toggle.click()
    expect(card(page, "Farah Singh").locator(".badge")).to_have_text(re.compile("In force"), timeout=15_000)
    expect(toggle).to_have_attribute("aria-checked", "true")


def test_an_agent_is_found_and_switched_by_keyboard(portal, open_page):
    page = open_page("manager")
    page.goto(BOARD)
    page.focus("#board-search")
    page.keyboard.type("98001 00031")
    expect(page.locator("[data-agent]:visible")).to_have_count(1)
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('role')") == "switch":
            break
    page.keyboard.press("Space")
    toggle = switch_of(page, "Asha Khan")
    expect(toggle).to_have_attribute("aria-checked", "false")
    expect(card(page, "Asha Khan").locator(".badge")).to_have_text(re.compile("In force"), timeout=15_000)
    expect(toggle).to_be_focused()
    page.keyboard.press("Enter")
    expect(toggle).to_have_attribute("aria-checked", "true")


def test_a_failed_request_is_reported_and_the_switch_is_restored(portal, open_page):
    page = open_page("manager")
    page.goto(BOARD)
    page.route("**/board/switch/", lambda route: route.fulfill(status=204, body=""))
    toggle = switch_of(page, "Ravi Singh")
    toggle.click()
    expect(page.locator("[data-board-message]")).to_contain_text("Everything stays as it was")
    expect(toggle).to_have_attribute("aria-checked", "true")
    expect(card(page, "Ravi Singh")).to_contain_text("Available")


def test_a_switch_by_another_user_appears_without_reloading(portal, open_page):
    here, there = open_page("manager"), open_page("admin")
    for page in (here, there):
        page.goto(BOARD)
    switch_of(there, "Imran Das").click()
    expect(switch_of(here, "Imran Das")).to_have_attribute("aria-checked", "false", timeout=30_000)


def test_a_pause_by_keyboard_shows_its_end_and_ends_automatically(portal, open_page):
    page = open_page("manager")
    page.goto(BOARD + "?q=Kavita+Das")
    card(page, "Kavita Das").locator(".board-pause").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("back by itself")
    page.keyboard.press("Space")  # the first choice has the focus
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(card(page, "Kavita Das")).to_contain_text(re.compile(r"Off until (\w{3} )?\d\d:\d\d"))
    expect(switch_of(page, "Kavita Das")).to_have_attribute("aria-checked", "false")
    passed = (dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)).strftime("%Y-%m-%d %H:%M:%S")
    change_database(portal, "UPDATE settings_sync_agent SET off_until = ? WHERE name = 'Kavita Das'", passed)
    expect(switch_of(page, "Kavita Das")).to_have_attribute("aria-checked", "true", timeout=40_000)
    expect(card(page, "Kavita Das").locator(".badge")).to_have_text(re.compile("In force"), timeout=15_000)
    assert provider_value(portal, "9800100025") == "AVAIL"


def test_switching_off_the_last_of_a_department_must_be_confirmed(portal, open_page):
    open_office_all_day(portal)
    page = open_page("manager", width=390)
    page.goto(BOARD)
    page.get_by_role("button", name="All off: Complaints").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Then nobody in Complaints is available")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    section = page.locator("[data-department]").filter(has=page.get_by_role("heading", name="Complaints"))
    expect(section.locator("[data-count]")).not_to_contain_text("0 of")
    page.get_by_role("button", name="All off: Complaints").click()
    dialog.get_by_role("button", name="Yes, switch off").click()
    expect(section.locator("[data-count]")).to_contain_text("0 of 6 available")
    expect(page.locator("[data-alarm=departments]")).to_contain_text("Complaints")
    page.get_by_role("button", name="All on: Complaints").click()
    expect(section.locator("[data-count]")).to_contain_text("6 of 6 available")
    expect(page.locator("[data-alarm]")).to_have_count(0)


def test_an_unconfirmed_switch_is_restored(portal, open_page):
    open_office_all_day(portal)
    change_database(
        portal,
        "UPDATE settings_sync_agent SET availability = 'OFF' WHERE department = 'Bookings' AND name != 'Meera Das'",
    )
    page = open_page("manager")
    page.goto(BOARD)
    toggle = switch_of(page, "Meera Das")
    toggle.focus()
    page.keyboard.press("Space")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Then nobody in Bookings is available")
    expect(dialog.get_by_role("link", name="No, leave it as it is")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(toggle).to_have_attribute("aria-checked", "true")
    expect(toggle).to_be_focused()
    page.get_by_role("button", name="All on: Bookings").click()
    expect(page.locator("[data-board-message]")).to_contain_text("switched on")


def test_several_agents_are_selected_and_switched(portal, open_page):
    page = open_page("manager")
    page.goto(BOARD)
    for name in ("Arjun Khan", "Arjun Nair"):
        page.get_by_role("checkbox", name=f"Choose: {name}").check()
    expect(page.locator("[data-board-chosen]")).to_have_text("2 chosen")
    page.get_by_role("button", name="Switch off", exact=True).click()
    for name in ("Arjun Khan", "Arjun Nair"):
        expect(switch_of(page, name)).to_have_attribute("aria-checked", "false")
    expect(page.locator("[data-board-bulk]")).to_be_hidden()


def test_a_shift_is_copied_to_the_weekdays(portal, open_page):
    page = open_page("manager", width=390)
    page.goto(BOARD)
    page.get_by_role("link", name="Leela Khan").click()
    page.get_by_label("Day").first.select_option(label="Monday")
    page.get_by_label("From").first.fill("09:30")
    page.get_by_label("To", exact=True).first.fill("17:00")
    page.get_by_role("button", name="Copy to weekdays").first.click()
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator("[data-shifts-saved]")).to_have_count(5)
    expect(page.get_by_text("A switch by hand holds until then.")).to_be_visible()
    days = page.locator("[data-shifts-saved] select").evaluate_all("all => all.map(one => one.value)")
    assert sorted(days) == ["0", "1", "2", "3", "4"]
    page.goto(BOARD + "?q=Leela+Khan")
    expect(card(page, "Leela Khan")).to_contain_text(re.compile("Shift (begins|ends)"))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_the_board_and_its_dialogs_are_accessible(portal, open_page, width, theme):
    open_office_all_day(portal)
    page = open_page("manager", width=width, theme=theme)
    violations = []

    def check(name):
        violations.extend(find_violations(page, name))

    page.goto(BOARD)
    page.get_by_role("checkbox").first.check()
    check("board")
    page.get_by_role("button", name="All off: Support").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check("question")
    page.keyboard.press("Escape")
    page.locator(".board-pause").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check("pause")
    page.keyboard.press("Escape")
    for name in ("Ravi Nair", "Leela Khan"):
        page.goto(BOARD)
        page.get_by_role("link", name=name, exact=True).click()
        page.wait_for_url("**/change/")
        expect(page.get_by_text("Weekly shifts")).to_be_visible()
        check(name)
    assert violations == []
