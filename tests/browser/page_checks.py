"""Checks for every screen: it fits its width, and axe finds nothing serious."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def wait_for_document(page: Page) -> None:
    """Wait for the body, which is missing for a moment during navigation."""
    page.wait_for_function("document.documentElement && document.readyState === 'complete'")


def find_violations(page: Page, name: str) -> list[str]:
    """The violations that axe calls serious, one line each. Fails if the page is wider than its screen."""
    wait_for_document(page)
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, f"{name} is {overflow} pixels too wide at {(page.viewport_size or {}).get('width')}"
    return find_serious_violations(page, name)


def find_serious_violations(page: Page, name: str) -> list[str]:
    return [
        f"{name}: {found['id']} {found['nodes'][0]['html'][:200]}"
        for found in Axe().run(page).response["violations"]
        if found["impact"] in {"serious", "critical"}
    ]
