"""The two main flows end to end: a push appears in the list; a save reaches the provider."""

import json
import os
import re
import signal
import urllib.request
from pathlib import Path

import pytest
import redis
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.conftest import PUSHES

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def provider_state(portal):
    with urllib.request.urlopen(f"{portal.simulator_url}/state", timeout=5) as reply:
        return json.load(reply)


def push(portal, query):
    key = Path(portal.var / "demo-push-key.txt").read_text(encoding="utf-8").strip()
    with urllib.request.urlopen(f"{portal.url}/api/PostCallLogs?key={key}&{query}", timeout=5) as reply:
        return reply.read()


def switch_agent(page, name, label):
    """Change an agent's availability in the list of agents, as a manager."""
    page.goto(f"/admin/settings_sync/agent/list/?q={name}")
    page.get_by_role("combobox").first.select_option(label=label)
    page.get_by_role("button", name="Save", exact=True).click()


def wait_for_badge(page, name, text):
    """Wait until the badge shows the state, after a few polls at most."""
    for _ in range(40):
        page.goto(f"/admin/settings_sync/agent/list/?q={name}")
        badge = page.locator(".badge[data-state]").first
        if re.search(text, badge.inner_text()):
            return
        page.wait_for_timeout(250)
    expect(badge).to_contain_text(text)


def test_a_push_appears_in_the_list(portal, open_page):
    query = (PUSHES / "sample_url.query").read_text().replace("C-1001", "whole-way-1")
    assert push(portal, query) == b"Successful"
    page = open_page("supervisor")
    page.goto("/admin/calllogs/calllog/?q=whole-way-1")
    expect(page.get_by_role("row").nth(1)).to_contain_text("98123 45678")
    expect(page.get_by_role("row").nth(1)).to_contain_text("Answered")


def test_a_manager_switches_an_agent_off_and_sees_it_in_force(portal, open_page):
    page = open_page("manager")
    switch_agent(page, "Asha Nair", "Off")
    wait_for_badge(page, "Asha Nair", "In force")
    agents = provider_state(portal)["agents"]
    assert [value for number, value in agents.items() if number == "9800100001"] == ["OFF"]


def test_with_the_broker_stalled_a_save_still_works_and_reaches_the_provider(portal, open_page):
    page = open_page("manager")
    with redis.Redis.from_url((portal.var / "broker" / "url").read_text().strip()) as client:
        broker = client.info("server")["process_id"]
    os.kill(broker, signal.SIGSTOP)
    try:
        switch_agent(page, "Ravi Nair", "Off")
        wait_for_badge(page, "Ravi Nair", "In force")
    finally:
        os.kill(broker, signal.SIGCONT)
    assert "OFF" in provider_state(portal)["agents"]["9800100002"]


def test_a_second_agent_with_the_same_number_is_rejected_with_a_message(portal, open_page):
    page = open_page("manager")
    page.goto("/admin/settings_sync/agent/add/")
    page.fill("[name=name]", "Double")
    page.fill("[name=number]", "+91 98001-00001")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Another agent has this number already.")).to_be_visible()


PAGES = {
    "calls": "/admin/calllogs/calllog/", "agents": "/admin/settings_sync/agent/",
    "list of agents": "/admin/settings_sync/agent/list/", "changes": "/admin/changes/",
    "holidays": "/admin/settings_sync/holiday/", "hours": "/admin/settings_sync/officehours/",
    "provider": "/admin/settings_sync/providersetting/", "home": "/admin/",
}  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_every_page_fits_its_screen_and_is_accessible(portal, open_page, width, theme):
    page = open_page("admin", width=width, theme=theme)
    violations: list[str] = []
    for name, path in PAGES.items():
        page.goto(path)
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{name} is {overflow} pixels too wide at {width}"
        violations += [
            f"{name}: {found['id']} {found['nodes'][0]['html'][:200]}"
            for found in Axe().run(page).response["violations"]
            if found["impact"] in {"serious", "critical"}
        ]
    assert violations == []
