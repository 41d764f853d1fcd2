"""The home screen in the browser: periods, links to calls, the keyboard, a phone screen, dark mode, and failures."""

import datetime as dt
import re

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations
from tests.browser.test_callbacks import INDIA, ring

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def figure(page, title):
    tile = page.locator(".home-tile").filter(has_text=re.compile(rf"{title}(?!\w)"))
    return tile, int(tile.locator(".home-tile-figure").inner_text().replace(",", ""))


def count_of_list(page):
    return int(re.match(r"[\d,]+", page.locator(".calls-count").inner_text())[0].replace(",", ""))


def leads_to(page, link, expected):
    """Check that the linked list has `expected` calls, and go back."""
    before = page.url
    link.click()
    page.wait_for_url("**/calllogs/calllog/**")
    assert count_of_list(page) == expected
    page.goto(before)


def test_a_period_is_picked_and_each_figure_leads_to_its_calls(portal, open_page):
    for minutes_ago in (0, 1, 2):
        ring(portal, f"98123440{minutes_ago:02d}", "MISSED", minutes_ago=minutes_ago, department="Sales")
    page = open_page("supervisor")
    page.goto("/admin/?period=custom&from=2020-01-01&to=2020-01-02")
    expect(page.get_by_role("heading", name="No calls in these days")).to_be_visible()
    page.evaluate("window.isTheSamePage = true")

    # By keyboard, without a reload.
    week = page.get_by_role("link", name="7 days", exact=True)
    week.focus()
    page.keyboard.press("Enter")
    expect(week).to_have_attribute("aria-current", "true")
    expect(week).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?period=7d$"))
    assert page.evaluate("window.isTheSamePage")
    expect(page.locator(".home-canvas canvas")).to_have_count(2)
    assert page.evaluate("document.querySelectorAll('canvas').values().every(one => Chart.getChart(one))")

    tile, calls = figure(page, "Calls")
    leads_to(page, tile, calls)
    tile, missed = figure(page, "Missed calls")
    assert missed >= 3
    leads_to(page, tile, missed)
    line = page.locator(".home-dimension tr").filter(has_text="Sales")
    leads_to(page, line.locator("td a"), int(line.locator("td").nth(2).inner_text()))
    field = page.locator(".home-heat td a").last
    leads_to(page, field, int(field.locator("span").inner_text()))
    page.get_by_text("As a table").last.click()
    row = page.locator(".home-table tbody tr").last
    leads_to(page, row.get_by_role("link"), int(row.locator("td").first.inner_text()))

    # A bar links to the same list as its table row.
    bars = page.locator(".home-canvas canvas").last
    box = bars.bounding_box()
    bars.click(position={"x": box["width"] - 20, "y": box["height"] / 2})
    page.wait_for_url("**/calllogs/calllog/**")
    assert f"from={dt.datetime.now(INDIA):%Y-%m-%d}" in page.url

    page.goto("/admin/")
    page.locator("#home-pick-custom").click()
    page.get_by_label("From", exact=True).fill("2020-01-01")
    page.get_by_label("To", exact=True).fill(f"{dt.datetime.now(INDIA):%Y-%m-%d}")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".home-figures .in-note-warning")).to_contain_text("400 days at most")

    # A failed request keeps the figures. The event is triggered by hand, because the browser logs real network errors.
    page.evaluate("htmx.trigger('#home-figures', 'htmx:sendError', {target: htmx.find('#home-figures')})")
    expect(page.locator(".home-trouble")).to_contain_text("The figures did not come")
    expect(page.locator(".home-tile").first).to_be_visible()


@pytest.mark.parametrize(("width", "theme", "who"), [(1366, "light", "manager"), (390, "dark", "supervisor")])
def test_the_home_screen_fits_the_screen_and_is_accessible(portal, open_page, width, theme, who):
    ring(portal, "9812344100", "MISSED")  # it may be just after midnight
    page = open_page(who, width=width, theme=theme)
    violations: list[str] = []
    for period in ("today", "30d"):
        page.goto(f"/admin/?period={period}")
        page.get_by_text("As a table").first.click()
        expect(page.locator(".home-canvas canvas").first).to_be_visible()
        violations.extend(find_violations(page, period))
    assert violations == []
    leads = page.locator(".home > section").first
    expect(leads).to_have_class(re.compile("home-office" if who == "manager" else "home-figures"))
    page.emulate_media(media="print")
    expect(page.locator(".home-picker")).to_be_hidden()
    expect(page.locator(".home-tile").first).to_be_visible()
