"""What every screen owes everybody: it fits its width, and axe finds nothing serious in it."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def wait_for_document(page: Page) -> None:
    """A page that has just been left for another has none for a moment."""
    page.wait_for_function("document.documentElement && document.readyState === 'complete'")


def looked_at(page: Page, name: str) -> list[str]:
    """What axe calls serious there, a line each. Fails at once where the page is too wide for its screen."""
    wait_for_document(page)
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, f"{name} is {overflow} pixels too wide at {(page.viewport_size or {}).get('width')}"
    return serious(page, name)


def serious(page: Page, name: str) -> list[str]:
    return [
        f"{name}: {found['id']} {found['nodes'][0]['html'][:200]}"
        for found in Axe().run(page).response["violations"]
        if found["impact"] in {"serious", "critical"}
    ]
