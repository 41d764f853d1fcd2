"""The judges of screens judge: a page that nobody can read is found, and one that is too wide."""

import pytest

from tests.browser.page_checks import looked_at

pytestmark = pytest.mark.browser


def test_what_cannot_be_read_is_told(browser):
    page = browser.new_page()
    page.set_content("<html lang=en><title>Bad</title><img src=x></html>")
    assert "bad: image-alt" in looked_at(page, "bad")[0]
    page.close()


def test_what_does_not_fit_fails(browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_content("<div style='width: 500px'>wide</div>")
    with pytest.raises(AssertionError, match=r"wide is 1[0-9]+ pixels too wide at 390"):
        looked_at(page, "wide")
    page.close()
