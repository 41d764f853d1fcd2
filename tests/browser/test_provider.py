"""Delivery in the browser: preview, badges that update automatically, stop, withdrawn holidays."""

import datetime as dt
import re

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_serious_violations
from tests.browser.test_end_to_end import provider_state

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

LIST_URL = "/admin/settings_sync/providersetting/"
DELIVERY_TIMEOUT_MS = 15_000


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def link(page, name):
    return page.get_by_role("link", name=name, exact=True)


def start_sending(page):
    page.goto(f"{LIST_URL}start/")
    button(page, "Start sending").click()


def open_agent(page, name):
    page.goto(f"/admin/settings_sync/agent/?q={name}")
    page.get_by_role("link", name=name, exact=True).click()


def open_list_and_find_badge(page, address):
    page.goto(f"{LIST_URL}?q={address}")
    return page.locator(".badge[data-setting]").first


def find_page_problems(page):
    """Return horizontal overflow and serious axe violations."""
    overflow_px = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    problems = [f"{page.url} is {overflow_px} pixels too wide"] if overflow_px > 0 else []
    return problems + find_serious_violations(page, page.url)


def is_same_document(page):
    """False if the page was reloaded since `mark`."""
    return page.evaluate("window.isMarked === true")


def mark(page):
    page.evaluate("window.isMarked = true")


def test_the_preview_shows_the_requests_and_the_badge_updates_without_a_reload(portal, open_page):
    page = open_page("manager")
    page.goto("/admin/settings_sync/officehours/")
    page.fill("[name=form-0-opens_at]", "10:15")
    page.fill("[name=form-1-opens_at]", "10:15")
    preview = page.locator(".preview")
    expect(preview).to_contain_text("2 requests:")
    expect(preview).to_contain_text("Monday 10:15 AM to")
    page.fill("[name=form-1-closes_at]", "09:00")
    expect(preview).to_have_count(0)
    page.fill("[name=form-1-closes_at]", "18:30")
    button(page, "Save").click()
    page.wait_for_load_state()
    mark(page)
    expect(page.locator(".badge[data-setting]").first).to_contain_text(
        "In force", timeout=DELIVERY_TIMEOUT_MS
    )
    assert is_same_document(page)
    assert provider_state(portal)["hours"]["Monday"][0] == "10:15 AM"


def test_the_preview_says_that_nothing_is_sent(open_page):
    page = open_page("manager")
    open_agent(page, "Meera Nair")
    page.fill("[name=department]", "Night desk")
    expect(page.locator(".preview")).to_contain_text("Nothing to send.")
    page.fill("[name=number]", "nonsense")
    expect(page.locator(".preview")).to_have_count(0)


def test_the_delete_page_says_that_the_number_goes_off(open_page):
    page = open_page("manager")
    open_agent(page, "Meera Nair")
    page.get_by_role("link", name="Delete agent").click()
    expect(page.locator(".preview")).to_contain_text("takes no calls")


def test_stop_shows_on_every_page_and_start_sends_what_waited(portal, open_page):
    page = open_page("manager")
    page.goto(LIST_URL)
    link(page, "Stop sending").click()
    button(page, "Stop sending").click()
    try:
        expect(page.get_by_role("heading", name="Sending is stopped")).to_be_visible()
        for path in ("/admin/", "/admin/calllogs/calllog/", "/admin/settings_sync/holiday/add/"):
            page.goto(path)
            expect(page.locator(".notice")).to_contain_text("Sending was stopped by manager")
        open_agent(page, "Imran Nair")
        page.select_option("[name=availability]", "OFF")
        expect(page.locator(".preview")).to_contain_text("so it will wait")
        button(page, "Save").click()
        page.wait_for_load_state()
        expect(open_list_and_find_badge(page, "9800100006")).to_contain_text("Paused: sending is stopped")
    finally:
        start_sending(page)
    expect(page.locator(".notice")).to_have_count(0)
    expect(open_list_and_find_badge(page, "9800100006")).to_contain_text(
        "In force", timeout=DELIVERY_TIMEOUT_MS
    )
    assert provider_state(portal)["agents"]["9800100006"] == "OFF"


def test_everything_is_sent_again_only_after_two_confirmations(portal, open_page):
    page = open_page("manager")
    before = provider_state(portal)["requests"]
    page.goto(LIST_URL)
    expect(page.get_by_text(re.compile("settings are in force at the provider"))).to_be_visible()
    link(page, "Send everything again").click()
    button(page, "Send everything again").click()
    assert "send-everything-again" in page.url, "the browser requires the checkbox"
    page.get_by_label(re.compile("Yes, send all")).check()
    button(page, "Send everything again").click()
    expect(page.get_by_text(re.compile("settings are on their way again"))).to_be_visible()
    mark(page)
    expect(page.get_by_text(re.compile("^All [0-9]+ settings are in force"))).to_be_visible(timeout=30_000)
    assert is_same_document(page)
    assert provider_state(portal)["requests"] >= before + 40
    page.goto(f"{LIST_URL}send-everything-again/")
    page.get_by_label(re.compile("Yes, send all")).check()
    button(page, "Send everything again").click()
    expect(page.get_by_text(re.compile("It can be done again at"))).to_be_visible()


def test_a_deleted_sent_holiday_is_shown_until_a_user_closes_it(portal, open_page):
    page = open_page("manager")
    date = (dt.date.today() + dt.timedelta(days=5)).isoformat()
    page.goto("/admin/settings_sync/holiday/add/")
    page.fill("[name=date]", date)
    page.fill("[name=name]", "Founder's day")
    page.press("[name=name]", "Tab")
    expect(page.locator(".preview")).to_contain_text(f"1 request: holiday on {date}")
    button(page, "Save").click()
    page.wait_for_load_state()
    badge = open_list_and_find_badge(page, date)
    expect(badge).to_contain_text("In force", timeout=DELIVERY_TIMEOUT_MS)
    badge.click()
    page.get_by_role("link", name=re.compile("^Open .*Founder's day")).click()
    page.get_by_role("link", name="Delete holiday").click()
    expect(page.locator(".preview")).to_contain_text("The provider cannot take back a holiday")
    page.get_by_role("button", name="Yes, I’m sure").click()
    page.locator(".notice", has_text="was deleted here").get_by_role("link").click()
    expect(
        page.get_by_role("heading", name=re.compile("^Callers will hear the holiday message in"))
    ).to_be_visible()
    assert f"hdate={date}" in page.locator("#support-text").input_value()
    assert find_page_problems(page) == []
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button(page, "Copy the text").click()
    expect(button(page, "Copied")).to_be_visible()
    assert f"hdate={date}" in page.evaluate("navigator.clipboard.readText()")
    link(page, "The provider has removed it").click()
    button(page, "Yes, the provider has removed it").click()
    expect(page.locator(".notice")).to_have_count(0)
    expect(page.get_by_text("as you said, at the provider")).to_be_visible()


def test_the_focus_is_kept_while_badges_update(open_page):
    page = open_page("manager")
    badge = open_list_and_find_badge(page, "9800100005")
    page.locator(".row-button").first.click()
    page.wait_for_load_state()
    badge.focus()
    mark(page)
    expect(badge).to_contain_text("In force", timeout=DELIVERY_TIMEOUT_MS)
    assert is_same_document(page)
    assert page.evaluate("document.activeElement.matches('.badge')")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_the_provider_pages_fit_their_screen_and_are_accessible(portal, open_page, width, theme):
    page = open_page("manager", width=width, theme=theme)
    page.goto(LIST_URL)
    setting = page.locator(".badge[data-state]").first.get_attribute("href")
    page.goto(f"{LIST_URL}stop/")
    button(page, "Stop sending").click()
    problems = []
    try:
        for path in (LIST_URL, setting, f"{LIST_URL}start/", f"{LIST_URL}send-everything-again/",
                     "/admin/settings_sync/officehours/", "/admin/settings_sync/attempt/"):  # fmt: skip
            page.goto(path)
            if "officehours" in path:
                page.fill("[name=form-3-opens_at]", "07:00")
                expect(page.locator(".preview")).to_be_visible()
            problems += find_page_problems(page)
    finally:
        start_sending(page)
    assert problems == []
