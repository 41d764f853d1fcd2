"""The holidays page in a browser: keyboard, phone, file import and calendar feed."""

import datetime as dt
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_serious_violations
from tests.browser.test_end_to_end import provider_state

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PAGE = "/admin/settings_sync/holiday/"
YEAR = dt.date.today().year + 1


def expect_in_force(page, date):
    """Wait until the badge of this date shows "In force"; the page polls."""
    line = page.locator(".hol-list li").filter(has_text=date.strftime("%-d %b %Y"))
    expect(line.locator(".badge[data-state]")).to_contain_text("In force", timeout=20_000)


def provider_has(portal, date):
    return date.isoformat() in str(provider_state(portal)["holidays"])


def axe_violations(page):
    return find_serious_violations(page, page.url)


def test_a_range_is_added_by_keyboard_and_becomes_in_force(portal, open_page):
    page = open_page("manager")
    page.goto(f"{PAGE}?year={YEAR}")
    page.locator(f"a.day[data-date='{YEAR}-01-01']").focus()
    for key in ("PageDown", "PageDown", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.locator(f"a.day[data-date='{YEAR}-03-08']")).to_be_focused()
    assert page.locator("a.day[tabindex='0']").count() == 1, "the year is one tab stop"
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Add a holiday")
    expect(dialog.get_by_label("Day", exact=True)).to_have_value(f"{YEAR}-03-08")
    expect(dialog.get_by_label("Name")).to_be_focused()
    expect(dialog.get_by_text("1 request:")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(f"a.day[data-date='{YEAR}-03-08']")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("Spring break")
    dialog.get_by_label("Last day, if several").fill(f"{YEAR}-03-10")
    expect(dialog.get_by_text("3 requests:")).to_be_visible()
    dialog.get_by_label("Name").press("Enter")
    expect(page.get_by_text("3 holidays were added")).to_be_visible()
    for day in (8, 9, 10):
        expect_in_force(page, dt.date(YEAR, 3, day))
        assert provider_has(portal, dt.date(YEAR, 3, day))
    page.reload()  # the list polls its badges; the calendar is updated on reload
    expect(page.locator(f"a.day[data-date='{YEAR}-03-09']")).to_have_attribute(
        "title", "Spring break (In force)"
    )


def test_a_duplicate_day_is_reported_at_its_field(portal, open_page):
    page = open_page("manager")
    for _ in range(2):
        page.goto(f"{PAGE}add/?date={YEAR}-07-07")
        page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("This date is a holiday already.")).to_be_visible()


def test_suggested_holidays_are_ticked_on_a_phone_and_confirmed_with_their_count(portal, open_page):
    page = open_page("manager", width=390)
    page.goto(PAGE)
    page.get_by_role("link", name="India's holidays").click()
    page.get_by_role("combobox", name="Year").select_option(str(YEAR))
    page.wait_for_url(f"**year={YEAR}**")
    page.get_by_role("combobox", name="State").select_option(label="Kerala")
    page.wait_for_url("**state=KL**")
    expect(page.get_by_text("estimated: confirm").first).to_be_visible()
    page.get_by_role("checkbox", name="Christmas").check()
    page.get_by_role("checkbox", name="Good Friday").check()
    expect(page.get_by_text("2 days ticked.")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Send 2 holidays to the provider?")).to_be_visible()
    expect(page.get_by_text("They cannot be taken back by any call.")).to_be_visible()
    assert not provider_has(portal, dt.date(YEAR, 12, 25))
    page.get_by_role("button", name="Send 2 holidays").click()
    expect(page.get_by_text("2 holidays are saved and on their way to the provider.")).to_be_visible()
    expect_in_force(page, dt.date(YEAR, 12, 25))
    page.goto(f"{PAGE}suggestions/?state=KL&year={YEAR}")
    expect(page.get_by_role("checkbox", name="Christmas")).to_be_disabled()


def test_the_errors_of_a_file_are_reported_by_line(portal, open_page, tmp_path):
    file = tmp_path / "holidays.csv"
    file.write_text(
        f"date,name\n{YEAR}-11-02,Founders' day\n{YEAR}-02-30,Never\nsoon,Maybe\n2020-01-01,Gone\n"
    )
    page = open_page("manager")
    page.goto(f"{PAGE}import/")
    page.set_input_files("[name=file]", file)
    page.get_by_role("button", name="Read the file").click()
    expect(page.get_by_role("heading", name="Send 1 holiday to the provider?")).to_be_visible()
    for line, reason in (("Line 3", "There is no day"), ("Line 4", "not a date"), ("Line 5", "has passed")):
        expect(page.locator(".hol-skipped li").filter(has_text=line)).to_contain_text(reason)
    assert axe_violations(page) == []
    page.get_by_role("link", name="No, go back").click()
    page.goto(PAGE)
    expect(page.get_by_text("Founders' day")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    assert download.value.suggested_filename.startswith("holidays-")


def test_deleting_a_sent_holiday_warns_before_and_after(portal, open_page):
    date = dt.date(YEAR, 9, 9)
    page = open_page("manager")
    page.goto(f"{PAGE}add/?date={date}")
    page.get_by_role("button", name="Save", exact=True).click()
    expect_in_force(page, date)
    page.goto(f"{PAGE}?year={YEAR}")
    page.locator(f"a.day[data-date='{date}']").click()
    expect(page.get_by_text("which cannot take a holiday back by any call")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_text("The provider cannot take back a holiday")).to_be_visible()
    page.get_by_role("button", name="Yes, I’m sure").click()
    expect(page.get_by_text("Deleted here, but still a holiday for callers")).to_be_visible()
    page.get_by_role("link", name="See what to do now").click()
    expect(page.get_by_text("send it to the provider's support")).to_be_visible()


def test_the_feed_url_is_shown_once_and_can_be_revoked(portal, open_page):
    page = open_page("manager")
    page.goto(PAGE)
    page.get_by_role("button", name="Make a calendar address").click()
    address = page.get_by_label("The calendar's address").input_value()
    with urllib.request.urlopen(address, timeout=5) as reply:
        assert reply.read().startswith(b"BEGIN:VCALENDAR")
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Revoke the address").first.click()
    page.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_text("The address is revoked")).to_be_visible()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(address, timeout=5)


def test_a_supervisor_sees_the_year_without_controls(portal, open_page):
    page = open_page("supervisor")
    page.goto(f"{PAGE}?year={YEAR}")
    expect(page.get_by_role("table", name="January")).to_be_visible()
    expect(page.get_by_role("link", name="Add a holiday")).to_have_count(0)
    expect(page.get_by_role("checkbox")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_the_pages_fit_and_are_accessible(portal, open_page, width, theme):
    page = open_page("manager", width=width, theme=theme)
    violations: list[str] = []
    for path in ("", f"?year={YEAR}", "suggestions/?state=MH", "import/", f"add/?date={YEAR}-05-05"):
        page.goto(PAGE + path)
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{path} is {overflow} pixels too wide at {width}"
        violations += axe_violations(page)
    page.goto(PAGE)
    page.get_by_role("link", name="Add a holiday").first.click()
    violations += axe_violations(page)
    assert violations == []
