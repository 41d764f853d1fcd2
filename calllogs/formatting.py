"""Display formats of durations and moments."""

from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime


def format_moment(moment: Any) -> str:
    """`8 Nov 2026, 10:15:07`: with seconds, since pushes come close together."""
    return date_format(localtime(moment), "j M Y, H:i:s")


def format_duration(seconds: int | None) -> str:
    """`1:15` for 75 seconds, `1:00:05` with hours, a dash for None."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
