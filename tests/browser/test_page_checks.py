"""The page checks find an unreadable page and a page that is too wide."""

import pytest

from tests.browser.page_checks import find_violations

pytestmark = pytest.mark.browser


def test_unreadable_text_is_reported(browser):
    page = browser.new_page()
    page.set_content("<html lang=en><title>Bad</title><img src=x></html>")
    assert "bad: image-alt" in find_violations(page, "bad")[0]
    page.close()


def test_a_page_that_is_too_wide_fails(browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_content("<div style='width: 500px'>wide</div>")
    with pytest.raises(AssertionError, match=r"wide is 1[0-9]+ pixels too wide at 390"):
        find_violations(page, "wide")
    page.close()
