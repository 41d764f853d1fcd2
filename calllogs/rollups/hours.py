"""The hours of the portal's clocks, as moments.

Not UTC's: India's day begins at 18:30 UTC, and a report is about days as people live them. An hour is named by the
moment at which it began. One that the clocks strike twice is two hours; where clocks are moved by half an hour, the
hour in question is longer or shorter. So midnight is always an edge, and no call is in two hours or in none.
"""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from django.utils import timezone

HOUR = dt.timedelta(hours=1)
_STEP = dt.timedelta(minutes=15)


class Hour(NamedTuple):
    """From `first`, before `next`."""

    first: dt.datetime
    next: dt.datetime


def start_of(moment: dt.datetime) -> dt.datetime:
    """When the hour began in which the moment lies, in UTC: the last time that a clock struck."""
    zone, start = timezone.get_default_timezone(), moment.astimezone(dt.UTC)
    while True:
        local = start.astimezone(zone)
        since = dt.timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        if not since:
            return start
        start -= since  # again, if the clocks were moved meanwhile, and not by a whole hour


def after(start: dt.datetime) -> dt.datetime:
    """When the hour ends that begins then."""
    later = start + HOUR
    while (following := start_of(later)) <= start:
        later += _STEP
    return following


def between(start: dt.datetime, end: dt.datetime) -> Iterator[Hour]:
    """The hours from `start`, with which one must begin, to those that begin before `end`."""
    start = start.astimezone(dt.UTC)  # moments in a gap of the clocks equal no others
    while start < end:
        following = after(start)
        yield Hour(start, following)
        start = following


def of(starts: set[dt.datetime]) -> list[Hour]:
    """The hours that begin at these moments, newest first."""
    return [Hour(start, after(start)) for start in sorted(starts, reverse=True)]
