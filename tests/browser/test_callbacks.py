"""The callback queue in the browser: two supervisors, a caller who calls again, the keyboard, and a phone screen."""

import datetime as dt
import re
import urllib.request
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
PAGE = "/admin/calllogs/missed/"
INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))


def ring(portal, number, status, *, minutes_ago=0, **fields):
    """Push a call to the real push URL, as the provider does."""
    at = dt.datetime.now(INDIA) - dt.timedelta(minutes=minutes_ago)
    values = {"calllogid": f"{number}-{at:%H%M%S%f}", "callnumber": number, "callstatus": status} | fields
    values |= {"date": f"{at:%Y-%m-%d}", "time": f"{at:%H:%M:%S}"}
    key = (portal.var / "demo-push-key.txt").read_text().strip()
    query = "&".join(f"{name}={quote(value)}" for name, value in values.items())
    with urllib.request.urlopen(
        f"{portal.url}/api/PostCallLogs?key={quote(key)}&{query}", timeout=5
    ) as reply:
        assert reply.read() == b"Successful"


def row(page, text):
    return page.locator("[data-queue-row]").filter(has_text=text)


def test_a_missed_caller_is_taken_called_back_and_waits_again_after_a_new_miss(portal, open_page):
    ring(portal, "9812300001", "MISSED", minutes_ago=20, department="Sales")
    mine, theirs = open_page("supervisor"), open_page("admin", width=390)
    for page in (mine, theirs):
        page.goto(f"{PAGE}?q=98123")
        page.evaluate("window.isTheSamePage = true")
        expect(row(page, "98123 00001")).to_contain_text(re.compile("2[0-2] min"))
    # Both users click; the second page does not show the first claim yet.
    theirs.evaluate("window.queueMayPoll = () => false")
    row(mine, "98123 00001").get_by_role("button", name="I call back").click()
    expect(mine.locator("#queue-message")).to_contain_text("You have 98123 00001 now")
    expect(mine.get_by_role("button", name="Called back 98123 00001")).to_be_focused()
    expect(row(mine, "98123 00001")).to_contain_text("You have it, until")
    row(theirs, "98123 00001").get_by_role("button", name="I call back").click()
    expect(theirs.locator("#queue-message")).to_contain_text("supervisor was a moment quicker")
    expect(row(theirs, "98123 00001")).to_contain_text("supervisor has it")
    assert row(theirs, "98123 00001").locator("a[href='tel:+919812300001']").count() == 1

    # By keyboard, with a note.
    done = row(mine, "98123 00001").get_by_role("button", name="Called back 98123 00001")
    done.press("Enter")
    dialog = mine.get_by_role("dialog")
    expect(dialog.get_by_label("What came of it")).to_be_focused()
    mine.keyboard.press("Escape")
    expect(done).to_be_focused()
    done.press("Space")
    dialog.get_by_label("What came of it").fill("Wants the blue one")
    mine.keyboard.press("Tab")
    mine.keyboard.press("Tab")
    mine.keyboard.press("Enter")
    expect(mine.locator("#queue-message")).to_contain_text("98123 00001 is called back.")
    expect(mine.get_by_role("heading", name="Nobody fits")).to_be_visible()

    ring(portal, "9812300001", "DROPPED")
    expect(row(mine, "98123 00001")).to_contain_text("less than a minute", timeout=15_000)
    assert mine.evaluate("window.isTheSamePage"), "all of that without a reload"
    row(mine, "98123 00001").get_by_role("link", name="History 98123 00001").click()
    history = mine.locator(".queue-events")
    for text in ("Took it", "Called back", "Wants the blue one", "Waits from here on."):
        expect(history).to_contain_text(text)

    # Take over with confirmation, dismiss with a reason, and undo that.
    theirs.goto(f"{PAGE}?q=98123")
    row(theirs, "98123 00001").get_by_role("button", name="I call back").click()
    mine.goto(f"{PAGE}?q=98123")
    row(mine, "98123 00001").get_by_role("button", name="Take over").click()
    expect(mine.get_by_role("dialog")).to_contain_text("admin has this caller")
    mine.get_by_role("dialog").get_by_role("button", name="Take over").click()
    row(mine, "98123 00001").get_by_role("button", name="Dismiss").click()
    mine.get_by_role("dialog").get_by_role("button", name="Dismiss").click()
    expect(mine.get_by_role("dialog")).to_contain_text("Write in a few words why")
    mine.get_by_label("Why nobody needs to call").fill("A fax machine")
    mine.get_by_role("dialog").get_by_role("button", name="Dismiss").click()
    expect(mine.locator("#queue-message")).to_contain_text("is dismissed")
    mine.get_by_role("button", name="Undo: open again").click()
    expect(row(mine, "98123 00001")).to_be_visible()
    mine.goto(f"{PAGE}?show=done")
    expect(mine.locator(".queue-row").first).to_contain_text("A fax machine")
    expect(mine.locator(".queue-row").first).to_contain_text("Opened again by supervisor")
    ring(portal, "9812300001", "ANSWER")
    mine.goto(f"{PAGE}?q=98123")
    expect(mine.get_by_role("heading", name="Nobody fits")).to_be_visible()


def test_a_form_submitted_as_soon_as_the_dialog_opens_does_not_reload_the_page(portal, open_page):
    ring(portal, "9812300003", "MISSED", minutes_ago=15)
    page = open_page("supervisor")
    page.goto(f"{PAGE}?q=9812300003")
    page.evaluate("""
        window.isTheSamePage = true;
        const dialog = document.getElementById("queue-dialog");
        new MutationObserver(() => dialog.open && dialog.querySelector("form").requestSubmit())
          .observe(dialog, {attributes: true});
    """)
    row(page, "98123 00003").get_by_role("button", name="Called back").click()
    expect(page.locator("#queue-message")).to_contain_text("is called back")
    assert page.evaluate("window.isTheSamePage"), "the form was submitted before htmx handled it"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_the_queue_fits_the_screen_and_is_accessible(portal, open_page, width, theme):
    ring(portal, "9812300002", "MISSED", minutes_ago=40)
    page = open_page("supervisor", width=width, theme=theme)
    violations: list[str] = []

    def check(name):
        violations.extend(find_violations(page, name))

    page.goto(PAGE)
    take = page.get_by_role("button", name="I call back").first
    take.click()
    expect(page.locator("#queue-message")).to_contain_text("now")
    check("queue")
    page.get_by_role("button", name="Dismiss").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("dialog")).to_contain_text("Write in a few words why")
    check("question")
    page.get_by_label("Why nobody needs to call").fill("To be looked at")
    page.get_by_role("dialog").get_by_role("button", name="Dismiss").click()
    expect(page.locator("#queue-message")).to_contain_text("dismissed")
    page.goto(f"{PAGE}?show=done")
    expect(page.locator(".queue-row").first).to_be_visible()
    check("done")
    page.locator(".queue-row a").first.click()
    expect(page.locator(".queue-events")).to_be_visible()
    check("caller")
    assert violations == []
