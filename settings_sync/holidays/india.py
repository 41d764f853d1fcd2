"""India's national and state holidays from the `holidays` library. Plain Python, no Django.

The library's dates are predictions, not official notifications: it appends "(estimated)" to the name of a holiday that
depends on a moon sighting, and a state may shift any movable holiday by a day.
"""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

# A lazy loader: the first use imports the holidays of all countries, 8 MiB.
from holidays import India  # type: ignore[attr-defined]

FIRST_YEAR, LAST_YEAR = 2001, 2035  # the library has the Hindu calendar for these years
ALL_INDIA = ""
LANGUAGES = {"en": "en_IN", "hi": "hi"}
# Easter moves as well, but its date is certain.
_EASTER_HOLIDAYS = ("Maundy Thursday", "Good Friday", "Holy Saturday", "Easter Sunday")
_NEIGHBOUR_YEARS = (-2, -1, 1, 2)  # offsets of the years compared to detect movable holidays
_OFFICIAL_CATEGORIES = ("public", "government")  # the library uses one or the other, depending on the state


class HolidayKind(StrEnum):
    NATIONAL = "national"  # in the list for all of India
    STATE = "state"
    OPTIONAL = "optional"  # each office chooses some of these


class DateDoubt(StrEnum):
    NONE = ""
    MOVES = "moves"  # lunar or solar calendar: a state may set an adjacent day
    ESTIMATED = "estimated"  # marked as estimated by the library


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A date with all its holidays. The date is certain if that of one of them is."""

    date: dt.date
    name: str
    kind: HolidayKind
    doubt: DateDoubt


def states() -> list[tuple[str, str]]:
    """(code, name) of the states and union territories, by name."""
    names: dict[str, str] = {}
    for name, code in India.subdivisions_aliases.items():
        if len(name) > 2 and name.isascii():  # skips codes and other spellings
            names.setdefault(code, name)
    return sorted(names.items(), key=lambda state: state[1])


def suggestions(state: str, year: int, *, language: str = "en") -> list[Suggestion]:
    """A year's holidays of a state or ALL_INDIA, by date. Raises ValueError for an unknown state or year."""
    if state not in {ALL_INDIA, *dict(states())}:
        raise ValueError(f"no state {state!r}")
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"no list for {year}")
    return list(_build_suggestions(state, year, LANGUAGES.get(language, LANGUAGES["en"])))


def is_estimated(name: str) -> bool:
    """Whether a name has the library's "(estimated)" mark, in any supported language."""
    return any(_estimated_mark(language) in name for language in LANGUAGES.values())


@lru_cache(maxsize=64)
def _build_suggestions(state: str, year: int, language: str) -> tuple[Suggestion, ...]:
    official = _names_by_date(state, year, language, _OFFICIAL_CATEGORIES)
    optional = _names_by_date(state, year, language, ("optional",))
    national = _names_by_date(ALL_INDIA, year, language, ("public",))
    moving = _moving_names(state, year, language)
    mark = _estimated_mark(language)
    found = []
    for date in sorted({*official, *optional}):
        names = official.get(date) or optional[date]
        if date not in official:
            kind = HolidayKind.OPTIONAL
        else:
            kind = HolidayKind.NATIONAL if set(names) & set(national.get(date, [])) else HolidayKind.STATE
        doubt = min((_classify_doubt(name, moving, mark) for name in names), key=list(DateDoubt).index)
        if doubt != DateDoubt.ESTIMATED:  # the date is certain, so no name keeps the mark
            names = [name.replace(mark, "").strip() for name in names]
        found.append(Suggestion(date, "; ".join(names), kind, doubt))
    return tuple(found)


def _classify_doubt(name: str, moving: frozenset[str], mark: str) -> DateDoubt:
    if mark in name:
        return DateDoubt.ESTIMATED
    return DateDoubt.MOVES if name in moving else DateDoubt.NONE


def _moving_names(state: str, year: int, language: str) -> frozenset[str]:
    """Names whose date differs in the neighbouring years, except those of Easter."""
    days: dict[str, set[tuple[int, int]]] = {}
    for offset in (0, *_NEIGHBOUR_YEARS):
        neighbour = min(max(year + offset, FIRST_YEAR), LAST_YEAR)
        for date, names in _names_by_date(
            state, neighbour, language, (*_OFFICIAL_CATEGORIES, "optional")
        ).items():
            for name in names:
                days.setdefault(name, set()).add((date.month, date.day))
    library = _load_library(state, year, language, ("public",))
    certain = {library.tr(name) for name in _EASTER_HOLIDAYS}
    return frozenset(name for name, dates in days.items() if len(dates) > 1 and name not in certain)


def _names_by_date(
    state: str, year: int, language: str, categories: tuple[str, ...]
) -> dict[dt.date, list[str]]:
    library = _load_library(state, year, language, categories)
    return {date: list(dict.fromkeys(library.get_list(date))) for date in library}


@lru_cache(maxsize=256)
def _load_library(state: str, year: int, language: str, categories: tuple[str, ...]) -> India:
    return India(subdiv=state or None, years=year, language=language, categories=categories)


@lru_cache(maxsize=8)
def _estimated_mark(language: str) -> str:
    """The library's `(estimated)` mark in this language."""
    library = India(years=2001, language=language)
    return str(library.tr(library.estimated_label)).replace("%s", "").strip()
