"""Typed access to query parameters, with a sentence for each invalid value."""

import datetime as dt
from collections.abc import Callable, Mapping

from django.http import QueryDict
from django.utils.translation import gettext as _

MOST_VALUES, LONGEST_VALUE = 50, 100
YEARS = range(2000, 2101)
LONGEST_TALK_S = 24 * 3600


class QueryParams:
    """Reads values from a QueryDict or a mapping of lists; `problems` are shown to the user. Never raises."""

    def __init__(self, params: QueryDict | Mapping[str, list[str]]) -> None:
        self.params = params
        self.problems: list[str] = []

    def add_problem(self, sentence: str) -> None:
        if sentence not in self.problems:
            self.problems.append(sentence)

    def texts(self, name: str) -> list[str]:
        params = self.params
        values = params.getlist(name) if isinstance(params, QueryDict) else params.get(name, [])
        return [text for text in (value.strip() for value in values) if text]

    def one(self, name: str) -> str:
        return (self.texts(name) or [""])[-1]

    def one_of(self, name: str, known: Mapping[str, object], what: str) -> str:
        text = self.one(name)
        if text and text not in known:
            self._report_unknown(what, text)
            return ""
        return text

    def several(
        self,
        name: str,
        what: str,
        *,
        known: list[str] | None = None,
        canonical: Callable[[str], str] = str,
    ) -> tuple[str, ...]:
        found = []
        for text in self.texts(name):
            if len(text) > LONGEST_VALUE or not _is_storable(text) or (known and text not in known):
                self._report_unknown(what, text)
            else:
                found.append(canonical(text))
        found = list(dict.fromkeys(found))
        if len(found) > MOST_VALUES:
            self.add_problem(
                _("More than %(most)s were chosen for %(what)s; only the first %(most)s count. Choose fewer.")
                % {"most": MOST_VALUES, "what": what}
            )
        return tuple(found[:MOST_VALUES])

    def day(self, name: str, what: str) -> dt.date | None:
        text = self.one(name)
        if not text:
            return None
        try:
            day = dt.date.fromisoformat(text) if len(text) == 10 else None
        except ValueError:
            day = None
        if day is None or day.year not in YEARS:
            self.add_problem(
                _(
                    "The %(what)s “%(text)s” is no date that the portal knows, and is left out. Write 2026-11-08."
                )
                % {"what": what, "text": _shorten(text)}
            )
            return None
        return day

    def seconds(self, name: str, what: str) -> int | None:
        text = self.one(name)
        if not text:
            return None
        parts = text.split(":")
        is_time = len(parts) <= 3 and all(
            part.isascii() and part.isdigit() and len(part) < 7 for part in parts
        )
        seconds = (
            sum(int(part) * 60**power for power, part in enumerate(reversed(parts))) if is_time else None
        )
        if seconds is None or seconds > LONGEST_TALK_S:
            self.add_problem(
                _("The %(what)s “%(text)s” is no time, and is left out. Write seconds, or minutes as 1:30.")
                % {"what": what, "text": _shorten(text)}
            )
            return None
        return seconds

    def search(self, *, longest: int) -> str:
        text = " ".join(self.one("q").split())
        if len(text) > longest or not _is_storable(text):
            self.add_problem(
                _("The search was left out: a number or a call id has at most %(most)s plain characters.")
                % {"most": longest}
            )
            return ""
        return text

    def _report_unknown(self, what: str, text: str) -> None:
        self.add_problem(
            _("The %(what)s “%(text)s” is not known, and is left out. Choose one of the list.")
            % {"what": what, "text": _shorten(text)}
        )


def _is_storable(text: str) -> bool:
    """Reject control characters: databases refuse NUL and lone surrogates, and nobody types the others."""
    return text.isprintable()


def _shorten(text: str) -> str:
    text = "".join(char if char.isprintable() else "\ufffd" for char in text)
    return text if len(text) <= 40 else text[:39] + "…"
