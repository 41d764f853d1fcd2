"""Alarms, a scheduled report and the wall board in a browser."""

import contextlib
import datetime as dt
import time
import urllib.error
import urllib.request
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations
from tests.plugins.demo import PASSWORD, start_demo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))


def push(portal, number, status):
    """Push a call that has just ended. Without a status it has no date either and is rejected."""
    at = dt.datetime.now(INDIA)
    day = "" if status is None else f"&date={at:%Y-%m-%d}&time={quote(f'{at:%H:%M:%S}')}"
    key = (portal.var / "demo-push-key.txt").read_text().strip()
    query = f"calllogid={number}-{at:%H%M%S%f}&callnumber={number}&callstatus={status or ''}{day}"
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"{portal.url}/api/PostCallLogs?key={quote(key)}&{query}", timeout=5).read()


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """A portal that evaluates the alarm rules every two seconds."""
    running = start_demo(tmp_path_factory.mktemp("portal") / "var", DEMO_CALLS="200", ALARM_LOOK_S="2")
    yield running
    running.stop()


def count_mails(portal, text):
    """The number of mails that contain the text. Asserts that no mail holds a caller's number."""
    mails = [path.read_text() for path in (portal.var / "mail").glob("*.log")]
    assert not any("98123" in mail for mail in mails)
    return sum(text in mail for mail in mails)


def wait_for(condition, *, within_s=20):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def poll_every_second(route):
    """Serve the board with a poll interval of one second."""
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace("every 10s", "every 1s"))


def add_violations(page, name, violations):
    """Collect violations of layout and accessibility."""
    violations += find_violations(page, name)


def test_an_alarm_is_mailed_and_snoozed_and_a_report_is_created_and_sent(portal, open_page):
    violations: list[str] = []
    push(portal, "9812300009", None)
    page, phone = open_page("supervisor"), open_page("manager", width=390, theme="dark")
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
    add_violations(page, "new report", violations)
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_role("button", name="Send now").click()
    expect(page.locator("#report-runs")).to_contain_text("Sent to 1 person", timeout=60_000)
    page.get_by_label("Send again for the days around").fill(f"{dt.date.today() - dt.timedelta(days=20)}")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("Sent to 1 person")).to_have_count(2)
    add_violations(page, "report", violations)
    page.goto("/admin/calllogs/report/")
    expect(page.get_by_text("Every Friday at 08:00")).to_be_visible()
    add_violations(page, "reports", violations)
    assert count_mails(portal, "Subject: Morning figures") == 2

    # Celery beat has evaluated the rules meanwhile.
    wait_for(lambda: count_mails(portal, "Subject: Alarm: Calls that cannot be used") == 1)
    row = phone.locator("[data-alarm-row]").filter(has_text="Calls that cannot be used")
    phone.goto("/admin/alarms/")
    add_violations(phone, "alarms", violations)
    phone.goto("/admin/")
    row.get_by_label("How long it shall be quiet").select_option("Quiet for 4 hours")
    row.get_by_role("button", name="I have seen it").click()
    expect(row).to_contain_text("manager has seen it; quiet until")
    add_violations(phone, "home", violations)
    row.get_by_role("button", name="Ring again").click()
    expect(row.get_by_role("button", name="I have seen it")).to_be_visible()
    phone.wait_for_timeout(2500)
    assert count_mails(portal, "Subject: Alarm: Calls that cannot be used") == 1, (
        "an alarm is mailed only once"
    )
    assert violations == []


def test_the_wall_board_polls_and_stops_when_signed_out(portal, browser):
    """Uses a context of its own, because console errors are expected while the portal does not answer."""
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, base_url=portal.url)
    page = context.new_page()
    page.route("**/admin/board/", poll_every_second)
    page.goto("/admin/login/?next=/admin/board/")
    page.fill("[name=username]", "supervisor")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/admin/board/")
    violations: list[str] = []
    add_violations(page, "board", violations)
    tall = page.evaluate("document.documentElement.scrollHeight - window.innerHeight")
    assert tall <= 0, f"the page must not scroll: {tall} pixels"
    page.evaluate("window.isTheSamePage = true")
    push(portal, "9812300077", "ANSWER")
    expect(page.locator(".wall-last li").first).to_contain_text("••••77")
    assert page.evaluate("window.isTheSamePage"), "without a reload"
    assert "98123" not in page.content()
    page.route("**/admin/board/", lambda route: route.abort())
    expect(page.locator("[data-wall-trouble]")).to_contain_text("Last told ")
    updated_at = page.locator("#wall").get_attribute("data-updated-at")
    assert page.locator("[data-wall-last]").text_content() == f"Last told {updated_at}."
    page.unroute("**/admin/board/")
    page.get_by_role("button", name="Light").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(243, 244, 246)"
    expect(page.locator("[data-wall-trouble]")).to_be_hidden(timeout=15_000)
    add_violations(page, "light board", violations)
    page.set_viewport_size({"width": 390, "height": 844})
    add_violations(page, "board on a phone", violations)
    context.clear_cookies()
    expect(page.locator("#wall")).to_contain_text("Signed out.")
    assert page.locator("form").count() == 0
    add_violations(page, "signed out", violations)
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.wait_for_timeout(3000)
    assert requested == [], "polling has stopped"
    page.get_by_role("link", name="Sign in again").click()
    page.wait_for_url("**/admin/login/?next=*board*")
    assert violations == []
    context.close()
