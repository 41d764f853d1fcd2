"""Connecting the provider and correcting a push, with a mouse, a keyboard and a phone."""

import re
import urllib.error
import urllib.request
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations
from tests.conftest import PUSHES

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
SAMPLE = (PUSHES / "sample_url.query").read_text()
UNUSABLE = "calllogid={}&callnumber=9812345678&date=11/25/2026&time=10:15&callstatus=ANSWER"


def push(portal, query, *, key=None):
    key = key or (portal.var / "demo-push-key.txt").read_text().strip()
    address = f"{portal.url}/api/PostCallLogs?key={quote(key, safe='')}&{query}"
    try:
        with urllib.request.urlopen(address, timeout=5) as reply:
            return reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.read()


def pushes_in_list(page):
    return page.locator("[data-newest] tr[data-push]")


def make_key(page, name):
    """The text of the new key, which the page shows only once."""
    page.goto("/admin/calllogs/pushkey/")
    page.get_by_role("link", name="Make a new key").click()
    page.fill("[name=name]", name)
    page.get_by_role("button", name="Save", exact=True).click()
    return page.get_by_label("The new key").input_value()


def test_a_key_is_created_copied_by_keyboard_and_accepted(portal, open_page):
    page = open_page("admin")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    key = make_key(page, "By keyboard")
    page.get_by_role("button", name="Copy the key").press("Enter")
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == key
    page.get_by_role("radio", name="Names of the table").check()
    address = page.get_by_role("button", name="Copy the address")
    address.press("Enter")
    expect(address).to_be_focused()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{portal.url}/api/PostCallLogs?key={key}&call_uuid={{call_uuid}}&")
    assert push(portal, SAMPLE.replace("C-1001", "by-keyboard"), key=key) == b"Successful"
    for path in ("/admin/connect/", "/admin/calllogs/pushkey/"):
        page.goto(path)
        assert key not in page.content()


def test_copying_works_where_the_browser_has_no_clipboard_to_offer(portal, open_page):
    """As over plain HTTP, where only the older clipboard API works."""
    page = open_page("admin")
    page.context.grant_permissions(["clipboard-read"])
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.goto("/admin/connect/")
    page.get_by_role("button", name="Copy the address").click()
    expect(page.get_by_text("Copied")).to_be_visible()


@pytest.mark.parametrize("width", [1366, 390])
def test_a_test_push_appears_in_the_list_without_a_reload(portal, open_page, width):
    page = open_page("admin", width=width)
    page.goto("/admin/connect/")
    page.evaluate("window.isTheSamePage = true")
    page.get_by_role("button", name="Send a test push").click()
    result = page.locator("#test-result")
    expect(result).to_contain_text("The portal replied: Successful")
    call_id = result.get_by_role("link").inner_text()
    assert call_id.startswith("test-")
    expect(pushes_in_list(page).first).to_contain_text("New call")
    assert page.evaluate("window.isTheSamePage")
    result.get_by_role("link").click()
    expect(page.get_by_text(call_id).first).to_be_visible()


def test_the_provider_s_pushes_appear_automatically(portal, open_page):
    page = open_page("admin")
    page.goto("/admin/connect/")
    push(portal, SAMPLE.replace("C-1001", "by-itself-1"))
    expect(pushes_in_list(page).first).to_contain_text("New call", timeout=8000)
    push(portal, SAMPLE.replace("C-1001", "by-itself-2"), key="wrong")
    expect(pushes_in_list(page).first).to_contain_text("From a stranger", timeout=8000)
    expect(pushes_in_list(page).first).to_contain_text("••••78")


@pytest.mark.parametrize("width", [1366, 390])
def test_a_supervisor_corrects_a_push_and_sees_its_call(portal, open_page, width):
    call_id = f"corrected-{width}"
    assert push(portal, UNUSABLE.format(call_id)) == b"Invalid Data"
    page = open_page("supervisor", width=width)
    page.goto("/admin/calllogs/push/")
    page.get_by_role("link", name=re.compile("Not usable")).click()
    page.locator("#result_list a[href*='/change/']").first.click()
    date = page.get_by_label("Right value: Date")
    expect(date).to_have_value("11/25/2026")
    expect(date).to_have_attribute("aria-invalid", "true")
    date.fill("2026-13-25")
    page.get_by_role("button", name="Correct and try again").click()
    expect(page.get_by_text("Still not usable: This is not a date.")).to_be_visible()
    page.get_by_label("Right value: Date").fill("2026-11-25")
    page.get_by_role("button", name="Correct and try again").click()
    expect(page.get_by_text("It is a call now:")).to_be_visible()
    page.get_by_role("link", name=call_id).first.click()
    page.wait_for_url("**/admin/calllogs/calllog/*/change/")
    expect(page.get_by_text("25 Nov 2026, 10:15").first).to_be_visible()


def test_a_key_is_revoked_only_after_the_question(portal, open_page):
    page = open_page("admin")
    key = make_key(page, "To be revoked")
    page.goto("/admin/calllogs/pushkey/")
    row = page.get_by_role("row").filter(has_text="To be revoked")
    row.get_by_role("link", name="Revoke", exact=True).click()
    page.get_by_role("link", name="Keep it").click()
    expect(row).to_contain_text("Live")
    row.get_by_role("link", name="Revoke", exact=True).click()
    page.get_by_role("button", name="Revoke it").click()
    expect(row).to_contain_text("Revoked")
    page.wait_for_timeout(300)
    assert push(portal, SAMPLE, key=key) == b"Failure"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_every_intake_page_fits_its_screen_and_is_accessible(portal, open_page, width, theme):
    push(portal, UNUSABLE.format(f"readable-{width}-{theme}"))
    page = open_page("admin", width=width, theme=theme)
    violations: list[str] = []

    def check(name):
        violations.extend(find_violations(page, name))

    make_key(page, f"Readable {width} {theme}")
    check("new key")
    page.goto("/admin/connect/")
    page.get_by_role("button", name="Send a test push").click()
    expect(page.locator("#test-result")).to_contain_text("Successful")
    page.get_by_text("What each part means").click()
    check("connect")
    page.goto("/admin/calllogs/pushkey/")
    check("keys")
    page.get_by_role("link", name="Replace").first.click()
    check("replace")
    page.goto("/admin/calllogs/pushkey/1/revoke/")
    check("revoke")
    page.goto("/admin/calllogs/push/?outcome__exact=REJECTED")
    check("inbox")
    page.locator("#result_list a[href*='/change/']").first.click()
    check("push")
    assert violations == []
