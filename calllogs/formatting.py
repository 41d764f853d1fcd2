"""Durations and moments as people read them."""

from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime


def to_the_second(moment: Any) -> str:
    """Pushes come close together: `8 Nov 2026, 10:15:07`."""
    return date_format(localtime(moment), "j M Y, H:i:s")


def clock_text(seconds: int | None) -> str:
    """`1:15` for seventy-five seconds, a dash for what is not known."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
