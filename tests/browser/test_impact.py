"""The page “Effect of a change” in a browser: choose a change, read the result, follow the links to the calls."""

import os
import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations
from tests.plugins.demo import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
PAGE = "/admin/calllogs/effect/?period=90d"
# Four weeks ago two agents were switched off, and Fridays were opened earlier, which the provider confirmed.
HISTORY_SCRIPT = """
import datetime as dt
from django.utils import timezone
from settings_sync.models import Agent, Attempt, OfficeHours
from settings_sync.delivery.outcomes import Outcome
when = timezone.now() - dt.timedelta(days=28)
for agent in Agent.objects.order_by("id")[:2]:
    values = {name: getattr(agent, name) for name in ("id", "name", "number", "department", "off_until")}
    Agent.history.create(**values, availability="OFF", history_date=when, history_type="~")
friday = OfficeHours.objects.get(day="Friday")
OfficeHours.history.create(id=friday.id, day="Friday", opens_at=dt.time(9), closes_at=dt.time(18, 30),
    history_date=when, history_type="~")
Attempt.objects.create(address="hours:Friday", value="09:00-18:30", generation=1, trigger="save", token="story",
    started_at=when + dt.timedelta(minutes=1), outcome=Outcome.CONFIRMED)
"""


@pytest.fixture(scope="module")
def change_history(portal):
    environment = {**os.environ, "PORTAL_MODE": "demo", "VAR_DIR": str(portal.var)}
    for name in ("DATABASE_URL", "REDIS_URL", "IVR_API_URL"):
        environment.pop(name, None)
    command = [sys.executable, "manage.py", "shell", "-c", HISTORY_SCRIPT]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=60, capture_output=True)


@pytest.mark.usefixtures("change_history")
@pytest.mark.parametrize(("width", "theme"), [(1366, "light"), (390, "dark")])
def test_a_chosen_change_shows_its_result_and_links_to_the_calls(open_page, width, theme):
    page = open_page("supervisor", width=width, theme=theme)
    violations: list[str] = []

    def add_violations(name):
        violations.extend(find_violations(page, name))

    page.goto(PAGE)
    expect(page.locator("#effect-chart")).to_have_js_property("tagName", "CANVAS")
    assert page.evaluate("Chart.getChart('effect-chart').data.labels.length") == 90
    page.get_by_role("link", name="Friday: 09:30–18:30 → 09:00–18:30").press("Enter")
    sentence = page.locator(".effect-sentence")
    expect(sentence).to_contain_text("After the hours of Friday went from 09:30–18:30 to 09:00–18:30")
    expect(sentence).to_contain_text("missed calls on Fridays")
    expect(page.locator(".effect-verdict").first).to_be_visible()
    expect(page.locator(".effect-result")).to_contain_text(
        re.compile(r"Fridays: [34] before it and [34] after it")
    )
    page.locator("summary", has_text="As a table").click()
    add_violations("chosen")
    assert violations == []
    day = page.locator(".effect-day-tables tbody tr").first
    calls = day.get_by_role("link").first.inner_text()
    day.get_by_role("link").first.click()
    page.wait_for_url("**/calllogs/calllog/?period=custom&from=*")
    expect(page.locator(".calls-count")).to_contain_text(calls.split()[0])
