"""The week page, date overrides and what callers hear in a browser: desktop, phone and keyboard."""

import json
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

WEEK = "/admin/settings_sync/officehours/"
CALLER_VIEW = "/admin/heard/"


def provider_hours(portal):
    with urllib.request.urlopen(f"{portal.simulator_url}/state", timeout=5) as reply:
        return json.load(reply)["hours"]


def row(page, day):
    return page.get_by_role("group", name=day, exact=True)


def tab_to(page, locator):
    """Move the focus to the element with the Tab key."""
    for _ in range(150):
        if locator.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("the Tab key does not lead there")


def test_the_week_is_edited_by_keyboard_and_becomes_in_force(portal, open_page):
    page = open_page("manager")
    page.goto(WEEK)
    tab_to(page, page.get_by_label("Monday: closes at"))
    page.keyboard.type("0745PM")
    expect(page.locator("#Monday .day-bar")).to_have_attribute("aria-label", "Open from 09:30 to 19:45")
    expect(page.get_by_text("Not saved yet: Monday.")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Copy to weekdays: Monday"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Friday: closes at")).to_have_value("19:45")
    expect(page.get_by_label("Saturday: closes at")).to_have_value("18:30")
    expect(page.get_by_text("5 requests:")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Save"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved: Monday, Tuesday, Wednesday, Thursday and Friday.")).to_be_visible()
    # The page polls; it is not reloaded.
    for day in ("Monday", "Friday"):
        expect(row(page, day).locator("[data-state]")).to_have_attribute(
            "data-state", "IN_FORCE", timeout=20_000
        )
    assert provider_hours(portal)["Friday"] == ["09:30 AM", "07:45 PM"]


def test_the_same_hours_every_day_and_discarding_them(open_page):
    page = open_page("manager")
    page.goto(WEEK)
    before = page.get_by_label("Sunday: opens at").input_value()
    page.get_by_label("Wednesday: opens at").fill("07:15")
    page.get_by_role("button", name="Same every day").click()
    for day in ("Monday", "Sunday"):
        expect(page.get_by_label(f"{day}: opens at")).to_have_value("07:15")
    page.get_by_role("button", name="Discard changes").click()
    expect(page.get_by_label("Sunday: opens at")).to_have_value(before)
    expect(page.get_by_role("button", name="Discard changes")).to_be_hidden()


def test_on_a_phone_closing_after_midnight_is_reported_and_midnight_is_offered(portal, open_page):
    page = open_page("manager", width=390)
    page.goto(WEEK)
    page.get_by_label("Saturday: closes at").fill("02:00")
    card = row(page, "Saturday")
    expect(card.get_by_text("Closing must come after opening.")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Nothing was saved.")).to_be_visible()
    expect(card.get_by_text("Closing must come after opening.")).to_be_visible()
    card.get_by_role("button", name="Until midnight").click()
    expect(page.get_by_label("Saturday: closes at")).to_have_value("23:59")
    page.get_by_role("button", name="Save").click()
    expect(card.locator("[data-state]")).to_have_attribute("data-state", "IN_FORCE", timeout=20_000)
    assert provider_hours(portal)["Saturday"][1] == "11:59 PM"


def test_leaving_with_unsaved_changes_must_be_confirmed(open_page):
    page = open_page("manager")
    page.goto(WEEK)
    page.get_by_label("Tuesday: opens at").click()
    page.get_by_label("Tuesday: opens at").fill("06:00")
    dialogs = []
    page.once("dialog", lambda dialog: (dialogs.append(dialog.type), dialog.dismiss()))
    page.get_by_role("link", name="Holidays").click(no_wait_after=True)
    assert dialogs == ["beforeunload"]
    expect(page.get_by_label("Tuesday: opens at")).to_have_value("06:00")
    page.get_by_role("button", name="Discard changes").click()
    page.get_by_role("link", name="Holidays").click()
    page.wait_for_url("**/holiday/")


def test_an_early_closing_today_is_sent_and_can_be_cancelled(portal, open_page):
    page = open_page("manager", width=390)
    page.goto(CALLER_VIEW)
    page.get_by_role("button", name="Close early today").click()
    expect(page.get_by_label("Until", exact=True)).to_be_focused()
    page.get_by_label("Until", exact=True).fill("16:00")
    page.get_by_label("Why (for you)").fill("Office party")
    page.get_by_role("button", name="Use these hours that day").click()
    other = page.get_by_role("region", name="Close early or open late, on one date")
    expect(other.get_by_text("Until tonight; then")).to_be_visible()
    expect(other.locator("[data-state]")).to_have_attribute("data-state", "IN_FORCE", timeout=20_000)
    assert [16 - 12, "PM"] in [
        [int(closes[:2]), closes[-2:]] for _, closes in provider_hours(portal).values()
    ]
    other.get_by_role("button", name="Cancel the other hours").click()
    expect(page.get_by_text("has its usual hours again.")).to_be_visible()
    expect(page.get_by_text("Until tonight; then")).to_have_count(0)


def test_the_answer_for_a_chosen_moment(open_page):
    page = open_page("supervisor")
    page.get_by_role("link", name="Ask for another moment").click()
    page.get_by_label("Date and time").fill("2027-01-26T10:00")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Holiday: the holiday message")).to_be_visible()
    expect(page.get_by_text("Holiday: Republic Day")).to_be_visible()
    page.get_by_label("Date and time").fill("2027-01-27T03:00")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".answer")).to_contain_text("Closed: the recorded message")


def test_a_closed_weekday_needs_consent_to_become_holidays(open_page):
    page = open_page("manager")
    page.goto(WEEK)
    page.get_by_label("How many of its next dates").fill("2")
    page.get_by_role("button", name="Show me the dates first").click()
    expect(page.get_by_role("heading", name="2 dates would become holidays")).to_be_visible()
    page.get_by_role("button", name="Send 2 holidays").click()
    expect(page.get_by_role("heading", name="2 dates would become holidays")).to_be_visible()
    page.get_by_label("I understand that these holidays cannot be taken back.").check()
    page.get_by_role("button", name="Send 2 holidays").click()
    expect(page.get_by_text("2 holidays are on their way to the provider.")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_the_pages_fit_and_are_accessible(open_page, width, theme):
    page = open_page("manager", width=width, theme=theme)
    violations = []
    for path in (WEEK, CALLER_VIEW, f"{WEEK}closed/?day=Sunday&count=4", "/admin/"):
        page.goto(path)
        if path == WEEK:  # also with an unsaved and an invalid row
            page.get_by_label("Monday: opens at").fill("07:00")
            page.get_by_label("Tuesday: closes at").fill("01:00")
        violations += find_violations(page, path)
        if path == WEEK:
            page.get_by_role("button", name="Discard changes").click()
    assert violations == []
