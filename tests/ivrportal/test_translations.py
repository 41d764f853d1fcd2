"""The Hindi translation of the office's pages is complete and has the same placeholders."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation.template import templatize

from ivrportal.accounts.roles import OFFICE_MANAGERS

ROOT = Path(__file__).resolve().parents[2]
CATALOG = ROOT / "ivrportal/locale/hi/LC_MESSAGES/django.mo"
MARKERS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
PLACES = re.compile(r"%\([a-z_]+\)[sd]|%[sd]")


def texts_of_python(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MARKERS:
            yield from (arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant))


def texts_of_template(path: Path) -> Iterator[str]:
    """Django converts a template to gettext calls before extraction; parse those as Python."""
    for call in re.finditer(
        r"n?gettext\((u?'(?:[^'\\]|\\.)*'|u?\"(?:[^\"\\]|\\.)*\")",
        templatize(path.read_text(encoding="utf-8")),
    ):
        yield ast.literal_eval(call[1])


def office_texts() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "settings_sync").rglob("*.py"):
        if "simulator" not in path.parts:
            found |= set(texts_of_python(path))
    for folder in ("settings_sync", "components", "admin"):
        for path in (ROOT / "templates" / folder).rglob("*.html"):
            found |= set(texts_of_template(path))
    return {text for text in found if isinstance(text, str) and text.strip()}


@pytest.fixture(scope="module")
def hindi() -> dict:
    with CATALOG.open("rb") as file:
        return gettext.GNUTranslations(file)._catalog


def test_every_text_of_the_office_s_pages_is_in_the_catalog(hindi):
    known = {key[0] if isinstance(key, tuple) else key for key in hindi}
    texts = office_texts()
    assert len(texts) > 300, "the search finds what there is"
    assert sorted(text for text in texts if text not in known) == []


def test_every_translation_keeps_the_places_of_the_figures(hindi):
    texts = {key: text for key, text in hindi.items() if key and isinstance(key, str)}
    assert [key for key, text in texts.items() if set(PLACES.findall(text)) != set(PLACES.findall(key))] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("path", "word"),
    [("settings_sync/agent/", "एजेंट"), ("settings_sync/holiday/", "छुट्टी"), ("heard/", "कॉलर")],
)
def test_a_page_speaks_hindi_to_who_asks_for_it(client_for, path, word):
    page = client_for(OFFICE_MANAGERS).get(f"/admin/{path}", headers={"accept-language": "hi"}).text
    assert word in page
