"""A department-limited supervisor and an office manager without whole numbers: list, call, export."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations
from tests.calllogs.exports.exporting import read_csv_rows
from tests.plugins.demo import change_database

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
CALLS, QUEUE = "/admin/calllogs/calllog/", "/admin/calllogs/missed/"
MOBILE, HALF = re.compile(r"\b[6-9]\d{4} \d{5}\b"), re.compile(r"[6-9]\d••• ••\d{3}")


@pytest.fixture
def sales(portal):
    """The supervisor may see Sales only."""
    change_database(
        portal,
        "INSERT OR IGNORE INTO calllogs_departmentlimit (person_id, department)"
        " SELECT id, 'Sales' FROM auth_user WHERE username = 'supervisor'",
    )


def check_screen(page, name):
    assert find_violations(page, name) == []
    if place := os.environ.get("PICTURES"):
        width = (page.viewport_size or {}).get("width")
        page.screenshot(path=Path(place) / f"{name}-{width}.png", full_page=True)


def export_csv(page):
    page.get_by_role("radio", name="CSV").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    return read_csv_rows(Path(download.value.path()).read_bytes())


@pytest.mark.parametrize("width", [1366, 390])
def test_a_supervisor_of_one_department_finds_its_calls_only(portal, open_page, sales, width):
    page = open_page("supervisor", width=width)
    page.goto(f"{CALLS}?column=department")
    assert set(page.locator(".calls-link").all_inner_texts()) == {"Sales"}
    page.goto(CALLS)
    assert MOBILE.search(page.locator(".calls-table").inner_text())
    check_screen(page, "limited-list")
    page.goto(f"{CALLS}?department=Billing")
    expect(page.get_by_text("You may see calls of Sales only")).to_be_visible()
    page.goto(CALLS)
    page.locator(".calls-link").first.click()
    expect(page.get_by_text("What happened")).to_be_visible()
    expect(page.locator("a[href='/admin/calllogs/push/']")).to_have_count(0)
    page.goto(f"{CALLS}export/")
    expect(page.get_by_text("all calls (only of Sales)")).to_be_visible()
    check_screen(page, "limited-export")
    assert {row[4] for row in export_csv(page)} == {"Sales"}


@pytest.mark.parametrize("width", [1366, 390])
def test_an_office_manager_sees_masked_numbers_and_searches_by_them(portal, open_page, width):
    page = open_page("manager", width=width)
    page.goto(CALLS)
    half = HALF.search(page.locator(".calls-table").inner_text())[0]
    page.get_by_label("Number or call id").fill(half)
    page.get_by_label("Number or call id").press("Enter")
    expect(page.locator(".calls-table")).to_contain_text(half)
    page.goto(f"{CALLS}?q=98123")
    expect(page.get_by_text("You see the first two and the last three digits")).to_be_visible()
    check_screen(page, "half-list")
    page.goto(CALLS)
    page.locator(".calls-link").first.click()
    expect(page.locator(".call-who")).to_contain_text("••")
    check_screen(page, "half-call")
    page.goto(f"{QUEUE}?q=210&show=waiting")
    check_screen(page, "half-queue")
    page.goto(QUEUE)
    assert page.locator("a[href^='tel:']").count() == 0
