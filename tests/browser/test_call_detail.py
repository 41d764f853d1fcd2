"""A supervisor opens a call, plays, seeks, changes the speed and adds a note, by mouse, keyboard and touch."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

CALLS = "/admin/calllogs/calllog/"


def open_call(page, status="ANSWERED"):
    """Open the call by its row in the list."""
    page.goto(f"{CALLS}?status={status}")
    page.locator(".calls-table a[href*='/change/']").first.click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()


def state(page):
    return page.locator("audio").evaluate(
        "a => ({paused: a.paused, at: a.currentTime, speed: a.playbackRate, length: a.duration, error: a.error})"
    )


def wait_until(page, condition):
    page.wait_for_function(f"() => {{ const a = document.querySelector('audio'); return {condition} }}")


def test_a_recording_is_played_seeked_and_slowed_and_it_is_noted_who_listened(portal, open_page):
    page = open_page("supervisor")
    open_call(page)
    address = page.url
    page.locator("audio").evaluate("a => (a.muted = true)")
    requested_urls = []
    page.on(
        "request",
        lambda request: requested_urls.append(request.url) if "/recording/" in request.url else None,
    )
    assert "recordings/" not in page.content()  # the page must not contain the provider's URL
    page.get_by_role("button", name="Play", exact=True).click()
    wait_until(page, "!a.paused && a.currentTime > 0.3")
    page.get_by_role("slider", name="Place in the recording").fill("15")
    wait_until(page, "a.currentTime >= 15 && !a.seeking")
    page.get_by_role("button", name="2×", exact=True).click()
    assert state(page)["speed"] == 2
    page.get_by_role("button", name="Pause", exact=True).click()
    wait_until(page, "a.paused")
    assert all(url.startswith(portal.url) for url in requested_urls)
    before = state(page)["at"]
    page.get_by_role("button", name="Ten seconds back").click()
    wait_until(page, f"a.currentTime <= {before - 9}")
    # By keyboard: with the slider focused, space plays, arrows seek and change the speed.
    page.get_by_role("slider", name="Place in the recording").focus()
    page.keyboard.press("ArrowRight")
    wait_until(page, f"Math.abs(a.currentTime - {before - 5}) < 1.5")
    page.keyboard.press("ArrowDown")
    assert state(page)["speed"] == 1.5
    page.keyboard.press(" ")
    wait_until(page, "!a.paused")
    page.goto(address)
    expect(page.locator(".call-listenings li")).to_have_count(1)
    expect(page.locator(".call-listenings")).to_contain_text("supervisor")
    expect(page.get_by_role("button", name="1.5×", exact=True)).to_have_attribute("aria-pressed", "true")


def test_a_deleted_recording_is_reported_in_a_sentence(portal, open_page):
    page = open_page("supervisor")
    open_call(page)
    # As if the provider had deleted it; other tests cover the portal's messages.
    page.route(
        "**/recording/look/", lambda route: route.fulfill(json={"words": "It answers that it is gone."})
    )
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.locator("[data-status]")).to_have_text("It answers that it is gone.")
    assert state(page)["paused"]


def test_notes_and_tags_are_written_on_a_phone(portal, open_page):
    page = open_page("supervisor", width=390)
    open_call(page, "MISSED")
    expect(page.get_by_text("No recording came with this call.")).to_be_visible()
    page.get_by_label("Write a note").fill("Will ring again\non Monday")
    page.get_by_role("button", name="Add the note").click()
    expect(page.locator(".note-text")).to_have_text("Will ring again\non Monday")
    page.get_by_label("Add a tag").fill("Refund")
    page.get_by_label("Add a tag").press("Enter")
    expect(page.locator(".tag")).to_contain_text("Refund")
    page.get_by_label("Add a tag").focus()
    expect(page.locator("#tag-words option")).to_have_attribute("value", "Refund")
    page.get_by_role("button", name="Copy details").click()
    expect(page.locator(".in-copied").first).to_have_text(re.compile("Copied|Not copied"))
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("The note is deleted.")).to_be_visible()
    expect(page.locator(".note-text")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_is_accessible(portal, open_page, theme):
    for width in (1366, 390):
        page = open_page("supervisor", width=width, theme=theme)
        open_call(page)
        if width == 1366:
            page.get_by_label("Write a note").fill("A note")
            page.get_by_role("button", name="Add the note").click()
            page.get_by_label("Add a tag").fill(f"tag {theme}")
            page.get_by_role("button", name="Add", exact=True).click()
            expect(page.locator(".tag", has_text=theme)).to_be_visible()
        assert find_violations(page, page.url) == []
