"""Alarms, a report by mail and the wall board, as people use them."""

import contextlib
import datetime as dt
import time
import urllib.error
import urllib.request
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import looked_at
from tests.plugins.demo import PASSWORD, start_demo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))


def push(portal, number, status):
    """The provider tells of a call that has just ended; without a status it leaves the date out as well: unusable."""
    at = dt.datetime.now(INDIA)
    day = "" if status is None else f"&date={at:%Y-%m-%d}&time={quote(f'{at:%H:%M:%S}')}"
    key = (portal.var / "demo-push-key.txt").read_text().strip()
    query = f"calllogid={number}-{at:%H%M%S%f}&callnumber={number}&callstatus={status or ''}{day}"
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"{portal.url}/api/PostCallLogs?key={quote(key)}&{query}", timeout=5).read()


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """One that looks for alarms more often, so that nobody waits a minute here."""
    running = start_demo(tmp_path_factory.mktemp("portal") / "var", DEMO_CALLS="200", ALARM_LOOK_S="2")
    yield running
    running.stop()


def mailed(portal, words):
    """In how many mails these words stand; none of all names a caller."""
    letters = [path.read_text() for path in (portal.var / "mail").glob("*.log")]
    assert not any("98123" in letter for letter in letters)
    return sum(words in letter for letter in letters)


def wait_for(condition, *, within_s=20):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def hurry(route):
    """The board as it is, but for its patience."""
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace("every 10s", "every 1s"))


def look(page, name, violations):
    """It fits its screen, and can be read by everybody."""
    violations += looked_at(page, name)


def test_an_alarm_is_mailed_and_seen_and_a_report_is_made_and_sent(portal, page_of):
    violations: list[str] = []
    push(portal, "9812300009", None)
    page, phone = page_of("supervisor"), page_of("manager", width=390, theme="dark")
    page.goto("/admin/alarms/")
    page.get_by_label("manager manager@portal.example").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Alarms are mailed to 1 person.")).to_be_visible()

    page.goto("/admin/calllogs/report/add/")
    page.get_by_label("Name").fill("Morning figures")
    expect(page.get_by_label("On which day")).to_be_hidden()
    page.get_by_label("How often").select_option("WEEKLY")
    page.get_by_label("On which day").select_option("Friday")
    page.get_by_label("supervisor (supervisor@portal.example)").check()
    look(page, "new report", violations)
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_role("button", name="Send now").click()
    expect(page.locator("#report-runs")).to_contain_text("Sent to 1 person", timeout=60_000)
    page.get_by_label("Send again for the days around").fill(f"{dt.date.today() - dt.timedelta(days=20)}")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("Sent to 1 person")).to_have_count(2)
    look(page, "report", violations)
    page.goto("/admin/calllogs/report/")
    expect(page.get_by_text("Every Friday at 08:00")).to_be_visible()
    look(page, "reports", violations)
    assert mailed(portal, "Subject: Morning figures") == 2

    # Beat has looked meanwhile.
    wait_for(lambda: mailed(portal, "Subject: Alarm: Calls that cannot be used") == 1)
    row = phone.locator("[data-alarm-row]").filter(has_text="Calls that cannot be used")
    phone.goto("/admin/alarms/")
    look(phone, "alarms", violations)
    phone.goto("/admin/")
    row.get_by_label("How long it shall be quiet").select_option("Quiet for 4 hours")
    row.get_by_role("button", name="I have seen it").click()
    expect(row).to_contain_text("manager has seen it; quiet until")
    look(phone, "home", violations)
    row.get_by_role("button", name="Ring again").click()
    expect(row.get_by_role("button", name="I have seen it")).to_be_visible()
    phone.wait_for_timeout(2500)
    assert mailed(portal, "Subject: Alarm: Calls that cannot be used") == 1, "told once is told"
    assert violations == []


def test_the_wall_board_refreshes_itself_and_stops_politely(portal, browser):
    """In a context of its own: a portal that does not answer may complain in the console."""
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, base_url=portal.url)
    page = context.new_page()
    page.route("**/admin/board/", hurry)
    page.goto("/admin/login/?next=/admin/board/")
    page.fill("[name=username]", "supervisor")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/admin/board/")
    violations: list[str] = []
    look(page, "board", violations)
    tall = page.evaluate("document.documentElement.scrollHeight - window.innerHeight")
    assert tall <= 0, f"nobody scrolls a wall: {tall} pixels"
    page.evaluate("window.isTheSamePage = true")
    push(portal, "9812300077", "ANSWER")
    expect(page.locator(".wall-last li").first).to_contain_text("••••77")
    assert page.evaluate("window.isTheSamePage"), "without a reload"
    assert "98123" not in page.content()
    page.route("**/admin/board/", lambda route: route.abort())
    expect(page.locator("[data-wall-trouble]")).to_contain_text("Last told ")
    told = page.locator("#wall").get_attribute("data-told")
    assert page.locator("[data-wall-last]").text_content() == f"Last told {told}."
    page.unroute("**/admin/board/")
    page.get_by_role("button", name="Light").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(243, 244, 246)"
    expect(page.locator("[data-wall-trouble]")).to_be_hidden(timeout=15_000)
    look(page, "light board", violations)
    page.set_viewport_size({"width": 390, "height": 844})
    look(page, "board on a phone", violations)
    context.clear_cookies()
    expect(page.locator("#wall")).to_contain_text("Signed out.")
    assert page.locator("form").count() == 0
    look(page, "signed out", violations)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(3000)
    assert asked == [], "it has stopped"
    page.get_by_role("link", name="Sign in again").click()
    page.wait_for_url("**/admin/login/?next=*board*")
    assert violations == []
    context.close()
