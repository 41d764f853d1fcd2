"""The screens of a department-limited supervisor say whose calls they count, also on a phone and in dark mode."""

import os
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations
from tests.plugins.demo import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
LIMIT_SCRIPT = """
from django.contrib.auth.models import User
from calllogs.models import DepartmentLimit, Report
from django.utils import timezone
person = User.objects.get(username="supervisor")
DepartmentLimit.objects.create(person=person, department="Sales")
Report.objects.create(name="Sales every day", maker=person, on_since=timezone.now())
"""


@pytest.fixture(scope="module")
def limit(portal):
    environment = {**os.environ, "PORTAL_MODE": "demo", "VAR_DIR": str(portal.var)}
    for name in ("DATABASE_URL", "REDIS_URL", "IVR_API_URL"):
        environment.pop(name, None)
    command = [sys.executable, "manage.py", "shell", "-c", LIMIT_SCRIPT]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=60, capture_output=True)


@pytest.mark.usefixtures("limit")
@pytest.mark.parametrize(("width", "theme"), [(1366, "light"), (1366, "dark"), (390, "light"), (390, "dark")])
def test_the_screens_name_the_departments_and_are_accessible(open_page, width, theme):
    page = open_page("supervisor", width=width, theme=theme)
    violations: list[str] = []
    for name, address in (
        ("home", "/admin/?period=90d"),
        ("today", "/admin/"),
        ("effect", "/admin/calllogs/effect/?period=90d"),
        ("reports", "/admin/calllogs/report/"),
        ("report", "/admin/calllogs/report/1/change/"),
        ("board", "/admin/board/"),
        ("alarms", "/admin/alarms/"),
    ):
        page.goto(address)
        if name in ("home", "today", "effect", "report", "board"):
            expect(page.locator("body")).to_contain_text("Departments: Sales")
        if name == "home":
            expect(page.locator("body")).to_contain_text("shown to people who see all departments")
        violations += find_violations(page, f"{name} at {width}, {theme}")
        if folder := os.environ.get("LOOK_AT"):
            page.screenshot(path=f"{folder}/{name}-{width}-{theme}.png", full_page=True)
    assert violations == []
