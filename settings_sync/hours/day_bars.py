"""A day as a bar from 0 to 24 hours, as numbers for an SVG: one unit is one minute."""

import datetime as dt
from dataclasses import dataclass

from django.utils.formats import time_format
from django.utils.translation import gettext as _

from settings_sync.schedule import LAST_MINUTE

DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Bar:
    """The open stretch; `width` 0 where there is none. `words` is what the bar says to those who do not see it."""

    start: int
    width: int
    words: str
    now: int | None = None  # where the day stands, for today


def day_bar(opens_at: dt.time | None, closes_at: dt.time | None, *, now: dt.time | None = None) -> Bar:
    at = None if now is None else minute(now)
    if opens_at is None or closes_at is None or closes_at <= opens_at:
        return Bar(0, 0, _("No open time"), at)
    end = DAY_MINUTES if closes_at == LAST_MINUTE else minute(closes_at)
    words = _("Open from %(opens)s to %(closes)s") % {"opens": clock(opens_at), "closes": clock(closes_at)}
    return Bar(minute(opens_at), end - minute(opens_at), words, at)


def minute(time: dt.time) -> int:
    return time.hour * 60 + time.minute


def clock(time: dt.time) -> str:
    return time_format(time, "H:i")


def interval(opens_at: dt.time, closes_at: dt.time) -> str:
    """`09:30–18:30` for a person; a day that ends at 23:59 is open until midnight."""
    end = _("midnight") if closes_at == LAST_MINUTE else clock(closes_at)
    return f"{clock(opens_at)}–{end}"
