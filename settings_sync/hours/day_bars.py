"""The opening hours of a day as a bar from 0 to 24 hours, in minutes, for an SVG."""

import datetime as dt
from dataclasses import dataclass

from django.utils.formats import time_format
from django.utils.translation import gettext as _

from settings_sync.schedule import LAST_MINUTE

DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class DayBar:
    """The open interval in minutes; `width` is 0 without one. `label` is the text for screen readers."""

    start: int
    width: int
    label: str
    now: int | None = None  # the current minute, for today


def day_bar(opens_at: dt.time | None, closes_at: dt.time | None, *, now: dt.time | None = None) -> DayBar:
    now_minute = None if now is None else minute_of_day(now)
    if opens_at is None or closes_at is None or closes_at <= opens_at:
        return DayBar(0, 0, _("No open time"), now_minute)
    end = DAY_MINUTES if closes_at == LAST_MINUTE else minute_of_day(closes_at)
    label = _("Open from %(opens)s to %(closes)s") % {
        "opens": format_clock(opens_at),
        "closes": format_clock(closes_at),
    }
    return DayBar(minute_of_day(opens_at), end - minute_of_day(opens_at), label, now_minute)


def minute_of_day(time: dt.time) -> int:
    return time.hour * 60 + time.minute


def format_clock(time: dt.time) -> str:
    return time_format(time, "H:i")


def format_interval(opens_at: dt.time, closes_at: dt.time) -> str:
    """`09:30–18:30` for display; 23:59 is shown as midnight."""
    end = _("midnight") if closes_at == LAST_MINUTE else format_clock(closes_at)
    return f"{format_clock(opens_at)}–{end}"
