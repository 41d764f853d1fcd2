"""The missed-call desk as people use it: two supervisors, a caller who rings again, a keyboard, and a phone."""

import datetime as dt
import re
import urllib.request
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import looked_at

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
PAGE = "/admin/calllogs/missed/"
INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))


def ring(portal, number, status, *, minutes_ago=0, **fields):
    """The provider tells of a call, at the real push URL."""
    at = dt.datetime.now(INDIA) - dt.timedelta(minutes=minutes_ago)
    values = {"calllogid": f"{number}-{at:%H%M%S%f}", "callnumber": number, "callstatus": status} | fields
    values |= {"date": f"{at:%Y-%m-%d}", "time": f"{at:%H:%M:%S}"}
    key = (portal.var / "demo-push-key.txt").read_text().strip()
    query = "&".join(f"{name}={quote(value)}" for name, value in values.items())
    with urllib.request.urlopen(
        f"{portal.url}/api/PostCallLogs?key={quote(key)}&{query}", timeout=5
    ) as reply:
        assert reply.read() == b"Successful"


def row(page, words):
    return page.locator("[data-desk-row]").filter(has_text=words)


def test_a_missed_caller_is_taken_called_back_and_waits_again_after_a_new_miss(portal, page_of):
    ring(portal, "9812300001", "MISSED", minutes_ago=20, department="Sales")
    mine, theirs = page_of("supervisor"), page_of("admin", width=390)
    for page in (mine, theirs):
        page.goto(f"{PAGE}?q=98123")
        page.evaluate("window.isTheSamePage = true")
        expect(row(page, "98123 00001")).to_contain_text(re.compile("2[0-2] min"))
    # Both press: the second has not seen yet that the first was quicker.
    theirs.evaluate("window.deskMayLook = () => false")
    row(mine, "98123 00001").get_by_role("button", name="I call back").click()
    expect(mine.locator("#desk-said")).to_contain_text("You have 98123 00001 now")
    expect(mine.get_by_role("button", name="Called back 98123 00001")).to_be_focused()
    expect(row(mine, "98123 00001")).to_contain_text("You have it, until")
    row(theirs, "98123 00001").get_by_role("button", name="I call back").click()
    expect(theirs.locator("#desk-said")).to_contain_text("supervisor was a moment quicker")
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
    expect(mine.locator("#desk-said")).to_contain_text("98123 00001 is called back.")
    expect(mine.get_by_role("heading", name="Nobody fits")).to_be_visible()

    ring(portal, "9812300001", "DROPPED")
    expect(row(mine, "98123 00001")).to_contain_text("less than a minute", timeout=15_000)
    assert mine.evaluate("window.isTheSamePage"), "all of that without a reload"
    row(mine, "98123 00001").get_by_role("link", name="History 98123 00001").click()
    story = mine.locator(".desk-events")
    for words in ("Took it", "Called back", "Wants the blue one", "Waits from here on."):
        expect(story).to_contain_text(words)

    # Taken over knowingly, dismissed with a reason, and that taken back.
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
    expect(mine.locator("#desk-said")).to_contain_text("is dismissed")
    mine.get_by_role("button", name="Undo: open again").click()
    expect(row(mine, "98123 00001")).to_be_visible()
    mine.goto(f"{PAGE}?show=done")
    expect(mine.locator(".desk-row").first).to_contain_text("A fax machine")
    expect(mine.locator(".desk-row").first).to_contain_text("Opened again by supervisor")
    ring(portal, "9812300001", "ANSWER")
    mine.goto(f"{PAGE}?q=98123")
    expect(mine.get_by_role("heading", name="Nobody fits")).to_be_visible()


def test_who_answers_a_question_at_once_stays_on_the_page(portal, page_of):
    ring(portal, "9812300003", "MISSED", minutes_ago=15)
    page = page_of("supervisor")
    page.goto(f"{PAGE}?q=9812300003")
    page.evaluate("""
        window.isTheSamePage = true;
        const dialog = document.getElementById("desk-dialog");
        new MutationObserver(() => dialog.open && dialog.querySelector("form").requestSubmit())
          .observe(dialog, {attributes: true});
    """)
    row(page, "98123 00003").get_by_role("button", name="Called back").click()
    expect(page.locator("#desk-said")).to_contain_text("is called back")
    assert page.evaluate("window.isTheSamePage"), "the question was answered before htmx had taken it"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_the_desk_fits_its_screen_and_can_be_read_by_everybody(portal, page_of, width, theme):
    ring(portal, "9812300002", "MISSED", minutes_ago=40)
    page = page_of("supervisor", width=width, theme=theme)
    violations: list[str] = []

    def look(name):
        violations.extend(looked_at(page, name))

    page.goto(PAGE)
    take = page.get_by_role("button", name="I call back").first
    take.click()
    expect(page.locator("#desk-said")).to_contain_text("now")
    look("desk")
    page.get_by_role("button", name="Dismiss").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("dialog")).to_contain_text("Write in a few words why")
    look("question")
    page.get_by_label("Why nobody needs to call").fill("To be looked at")
    page.get_by_role("dialog").get_by_role("button", name="Dismiss").click()
    expect(page.locator("#desk-said")).to_contain_text("dismissed")
    page.goto(f"{PAGE}?show=done")
    expect(page.locator(".desk-row").first).to_be_visible()
    look("done")
    page.locator(".desk-row a").first.click()
    expect(page.locator(".desk-events")).to_be_visible()
    look("caller")
    assert violations == []
