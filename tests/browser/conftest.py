"""Fixtures for browser tests against the whole portal, started as by `make run`."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.plugins import chromium
from tests.plugins.demo import PASSWORD, Demo, migrate_in, start_demo

# Generous, because a busy machine is slow.
expect.set_options(timeout=20_000)

# Shared memory goes to /tmp, because containers have a /dev/shm of 64 MB or none.
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-dev-shm-usage",
]  # fmt: skip


def pytest_configure() -> None:
    # For a direct run of pytest; tools/tests.sh has set it already.
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(chromium.node()))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    executable = str(chromium.browser())
    return {**browser_type_launch_args, "executable_path": executable, "args": QUIET}


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated portal to copy from."""
    var = tmp_path_factory.mktemp("migrated") / "var"
    migrate_in(var)
    return var


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Demo]:
    """One per module: its tests share data, isolated from other modules."""
    var = Path(tmp_path_factory.mktemp("portal")) / "var"
    shutil.copytree(migrated, var)
    running = start_demo(var, IVR_RATE_PER_S="50", DEMO_CALLS="200")
    yield running
    running.stop()


@pytest.fixture
def open_page(browser: Browser, portal: Demo) -> Iterator[Callable[..., Page]]:
    """Open the portal signed in as admin, manager or supervisor. Console errors fail the test."""
    contexts = []
    console_errors: list[str] = []

    def sign_in(name: str, *, width: int = 1366, theme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme="dark" if theme == "dark" else "light",
            base_url=portal.url, reduced_motion="reduce",
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: console_errors.append(str(error)))
        page.on(
            "console",
            lambda message: console_errors.append(message.text) if message.type == "error" else None,
        )
        page.goto("/admin/login/")
        page.fill("[name=username]", name)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url("**/admin/")
        return page

    yield sign_in
    for context in contexts:
        context.close()
    assert console_errors == []
