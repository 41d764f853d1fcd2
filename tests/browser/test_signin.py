"""Login in a browser: required set-up, codes, recovery codes, lockout; and the user screens."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.page_checks import find_violations, wait_for_document
from tests.ivrportal.accounts.signing_in import code_of
from tests.plugins.demo import PASSWORD, start_demo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
SCREENS = [(1366, False), (390, True)]


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """A demo whose supervisors (and superusers) must have a second factor."""
    running = start_demo(
        Path(tmp_path_factory.mktemp("portal")) / "var", DEMO_CALLS="20", SECOND_FACTOR_ROLES="Supervisors"
    )
    yield running
    running.stop()


@pytest.fixture
def login_browser(browser, portal):
    """A fresh browser at the login page. Console errors fail the test."""
    contexts, complaints = [], []

    def opened():
        context = browser.new_context(base_url=portal.url, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type == "error" and "429" not in message.text
                else None
            ),
        )
        page.goto("/admin/login/")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def give_password(page, name, password=PASSWORD):
    page.fill("[name=username]", name)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")


def read_secret(page):
    import base64

    secret = page.locator(".signin-secret").inner_text()
    return base64.b32decode(secret.replace(" ", "")).hex()


def give_code(page, code):
    page.fill("[name=code]", code)
    page.press("[name=code]", "Enter")


def set_up(page, name):
    """Log in and set up a phone. Returns `(key, recovery codes)`."""
    give_password(page, name)
    page.wait_for_url("**/second-factor/")
    key = read_secret(page)
    give_code(page, code_of(key))
    expect(page.get_by_text("They are shown this once.")).to_be_visible()
    codes = page.locator(".signin-codes code").all_inner_texts()
    assert len(codes) == 10
    page.get_by_role("link", name="I have kept them").click()
    page.wait_for_url("**/admin/")
    return key, codes


def open_user_menu(page):
    """The theme's menu at the bottom of the navigation, by an attribute that both supported theme versions have."""
    page.locator("[x-bind\\:class*='openUserLinks']").click()


def sign_out(page):
    open_user_menu(page)
    page.get_by_role("button", name="Log out").click()


def check_screens(page, name, found):
    """Check the page wide and light, then narrow and dark. Sets the mode without a reload."""
    for width, is_dark in SCREENS:
        page.set_viewport_size({"width": width, "height": 844})
        wait_for_document(page)
        page.evaluate(f"document.documentElement.classList.toggle('dark', {str(is_dark).lower()})")
        found += find_violations(page, f"{name} {width} {'dark' if is_dark else 'light'}")
    page.set_viewport_size({"width": 1366, "height": 844})
    page.evaluate("document.documentElement.classList.remove('dark')")


def test_a_supervisor_logs_in(login_browser):
    found = []
    page = login_browser()
    check_screens(page, "sign-in", found)
    give_password(page, "supervisor")
    page.wait_for_url("**/second-factor/")
    check_screens(page, "set-up", found)
    page.goto("/admin/calllogs/calllog/")
    page.wait_for_url("**/second-factor/")
    key = read_secret(page)
    give_code(page, "000000")
    expect(page.get_by_text("This code does not fit.")).to_be_visible()
    assert read_secret(page) == key
    give_code(page, code_of(key))
    expect(page.get_by_text("They are shown this once.")).to_be_visible()
    check_screens(page, "codes", found)
    codes = page.locator(".signin-codes code").all_inner_texts()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save as a file").click()
    assert Path(saved.value.path()).read_text(encoding="utf-8").split() == codes
    page.get_by_role("link", name="I have kept them").click()
    page.wait_for_url("**/admin/")

    sign_out(page)
    page.goto("/admin/login/")
    give_password(page, "supervisor")
    page.wait_for_url("**/second-step/")
    check_screens(page, "second step", found)
    give_code(page, "000000")
    expect(page.get_by_text("This code is wrong or was used before.")).to_be_visible()
    check_screens(page, "wrong code", found)
    give_code(page, code_of(key, steps=1))  # the next code, because the set-up has used the current one
    page.wait_for_url("**/admin/")

    sign_out(page)
    page.goto("/admin/login/")
    give_password(page, "supervisor")
    page.get_by_role("link", name="Use a recovery code instead").click()
    check_screens(page, "recovery", found)
    give_code(page, codes[0])
    page.wait_for_url("**/admin/")
    expect(page.get_by_text("You signed in with a recovery code; 9 are left.")).to_be_visible()
    open_user_menu(page)
    page.get_by_role("link", name="Your account").click()
    expect(page.get_by_text("9 recovery codes are left.")).to_be_visible()
    check_screens(page, "account", found)
    page.get_by_role("link", name="Use another phone").click()
    check_screens(page, "another phone", found)
    page.goto("/admin/account/recovery-codes/")
    check_screens(page, "new codes", found)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Make new codes").click()
    expect(page.locator(".signin-codes code")).to_have_count(10)
    check_screens(page, "new codes made", found)
    page.goto("/admin/password_change/")
    check_screens(page, "password", found)

    sign_out(page)
    page.goto("/admin/login/")
    give_password(page, "supervisor")
    page.get_by_role("link", name="Use a recovery code instead").click()
    give_code(page, codes[1])
    expect(page.get_by_text("not one of your recovery codes")).to_be_visible()
    page.get_by_role("button", name="Sign in as somebody else").click()
    give_password(page, "manager")
    page.wait_for_url("**/admin/")
    assert found == []


def test_an_administrator_manages_users(login_browser):
    found = []
    stranger = login_browser()
    for _ in range(5):
        stranger.goto("/admin/login/")
        give_password(stranger, "uma", "wrong password")
    expect(stranger.get_by_text(re.compile("Try again after .* in 15 minutes"))).to_be_visible()
    check_screens(stranger, "locked", found)
    page = login_browser()
    set_up(page, "admin")
    page.goto("/admin/auth/user/add/")
    page.fill("[name=username]", "uma")
    page.fill("[name=password1]", "five words are quite enough")
    page.fill("[name=password2]", "five words are quite enough")
    page.get_by_role("checkbox", name="Office managers").check()
    check_screens(page, "new person", found)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    page.goto("/admin/auth/user/")
    check_screens(page, "people", found)
    page.get_by_role("link", name="uma", exact=True).click()
    expect(page.get_by_text("Locked until")).to_be_visible()
    check_screens(page, "person", found)
    page.get_by_role("link", name="Lift it").click()
    check_screens(page, "locks", found)
    page.get_by_role("button", name="Lift this lock").first.click()
    expect(page.get_by_text("The lock is lifted")).to_be_visible()
    expect(page.get_by_text("Nobody is locked out.")).to_be_visible()
    check_screens(page, "no locks", found)
    stranger.goto("/admin/login/")
    give_password(stranger, "uma", "five words are quite enough")
    stranger.wait_for_url("**/admin/")
    page.goto("/admin/auth/group/")
    check_screens(page, "roles", found)
    page.get_by_role("link", name="Supervisors").first.click()
    check_screens(page, "role", found)
    page.goto("/admin/auth/user/")
    page.get_by_role("link", name="uma", exact=True).click()
    page.get_by_role("link", name="Set a new password").click()
    check_screens(page, "password of another", found)
    assert found == []
