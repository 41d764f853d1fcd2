"""India's national and state holidays, as the `holidays` library lists them. Plain Python.

The library's dates are good guesses, not gazettes: it says "(estimated)" behind the name of a day that waits for the
moon to be seen, and a state may set any day that moves by a day. What was found out about the library stands here.
"""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

# Loaded at its first use: it brings the holidays of all countries with it, and 8 MiB.
from holidays import India  # type: ignore[attr-defined]

FIRST_YEAR, LAST_YEAR = 2001, 2035  # the years for which the library knows the Hindu calendar
ALL_INDIA = ""
LANGUAGES = {"en": "en_IN", "hi": "hi"}
# Easter moves too, but by a rule that leaves no doubt.
_EASTER = ("Maundy Thursday", "Good Friday", "Holy Saturday", "Easter Sunday")
_AROUND = (-2, -1, 1, 2)  # years that tell whether a day moves
_OFFICIAL = ("public", "government")  # the library has a state's list under the one or the other


class Kind(StrEnum):
    NATIONAL = "national"  # on the list for all of India
    STATE = "state"
    OPTIONAL = "optional"  # each office chooses some of these


class Doubt(StrEnum):
    NONE = ""
    MOVES = "moves"  # it follows the moon, or the sun's way through the stars: a state may choose the day beside it
    ESTIMATED = "estimated"  # the library itself is not sure


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A date and all that is celebrated on it. A date is certain if one of its holidays is."""

    date: dt.date
    name: str
    kind: Kind
    doubt: Doubt


def states() -> list[tuple[str, str]]:
    """(code, name) of the states and union territories, by name."""
    names: dict[str, str] = {}
    for name, code in India.subdivisions_aliases.items():
        if len(name) > 2 and name.isascii():  # other spellings, and old codes, stand beside
            names.setdefault(code, name)
    return sorted(names.items(), key=lambda state: state[1])


def suggestions(state: str, year: int, *, language: str = "en") -> list[Suggestion]:
    """A year's holidays of a state (or ALL_INDIA), by date. Raises ValueError for a state or year that is not known."""
    if state not in {ALL_INDIA, *dict(states())}:
        raise ValueError(f"no state {state!r}")
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"no list for {year}")
    return list(_suggestions(state, year, LANGUAGES.get(language, LANGUAGES["en"])))


def is_estimated(name: str) -> bool:
    """Whether a name carries the library's mark, in any of our languages."""
    return any(_mark(language) in name for language in LANGUAGES.values())


@lru_cache(maxsize=64)
def _suggestions(state: str, year: int, language: str) -> tuple[Suggestion, ...]:
    official = _list(state, year, language, _OFFICIAL)
    optional = _list(state, year, language, ("optional",))
    national = _list(ALL_INDIA, year, language, ("public",))
    moving = _moving(state, year, language)
    mark = _mark(language)
    found = []
    for date in sorted({*official, *optional}):
        names = official.get(date) or optional[date]
        if date not in official:
            kind = Kind.OPTIONAL
        else:
            kind = Kind.NATIONAL if set(names) & set(national.get(date, [])) else Kind.STATE
        doubt = min((_doubt(name, moving, mark) for name in names), key=list(Doubt).index)
        if doubt != Doubt.ESTIMATED:  # then the mark would raise a doubt about the date that there is not
            names = [name.replace(mark, "").strip() for name in names]
        found.append(Suggestion(date, "; ".join(names), kind, doubt))
    return tuple(found)


def _doubt(name: str, moving: frozenset[str], mark: str) -> Doubt:
    if mark in name:
        return Doubt.ESTIMATED
    return Doubt.MOVES if name in moving else Doubt.NONE


def _moving(state: str, year: int, language: str) -> frozenset[str]:
    """Names that fall on another day of the year in the years around, but for Easter's."""
    days: dict[str, set[tuple[int, int]]] = {}
    for offset in (0, *_AROUND):
        near = min(max(year + offset, FIRST_YEAR), LAST_YEAR)
        for date, names in _list(state, near, language, (*_OFFICIAL, "optional")).items():
            for name in names:
                days.setdefault(name, set()).add((date.month, date.day))
    library = _library(state, year, language, ("public",))
    certain = {library.tr(name) for name in _EASTER}
    return frozenset(name for name, seen in days.items() if len(seen) > 1 and name not in certain)


def _list(state: str, year: int, language: str, categories: tuple[str, ...]) -> dict[dt.date, list[str]]:
    library = _library(state, year, language, categories)
    return {date: list(dict.fromkeys(library.get_list(date))) for date in library}


@lru_cache(maxsize=256)
def _library(state: str, year: int, language: str, categories: tuple[str, ...]) -> India:
    return India(subdiv=state or None, years=year, language=language, categories=categories)


@lru_cache(maxsize=8)
def _mark(language: str) -> str:
    """`(estimated)`, as the library says it in this language."""
    library = India(years=2001, language=language)
    return str(library.tr(library.estimated_label)).replace("%s", "").strip()
