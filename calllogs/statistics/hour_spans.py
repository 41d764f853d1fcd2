"""The hours and days of the portal's clocks, as moments.

Not UTC's: India's day begins at 18:30 UTC, and a report is about days as people live them. An hour is named by the
moment at which it began. One that the clocks strike twice is two hours; where clocks are moved by half an hour, the
hour in question is longer or shorter. So midnight is always an edge, and no call is in two hours or in none.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.utils import timezone

from calllogs.calls.office_hours_sql import midnight

HOUR = dt.timedelta(hours=1)
_STEP = dt.timedelta(minutes=15)


class Span(NamedTuple):
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


def between(start: dt.datetime, end: dt.datetime) -> Iterator[Span]:
    """The hours from `start`, with which one must begin, to those that begin before `end`."""
    start = start.astimezone(dt.UTC)  # moments in a gap of the clocks equal no others
    while start < end:
        following = after(start)
        yield Span(start, following)
        start = following


def of(starts: set[dt.datetime]) -> list[Span]:
    """The hours that begin at these moments, newest first."""
    return [Span(start, after(start)) for start in sorted(starts, reverse=True)]


def day_start(moment: dt.datetime) -> dt.datetime:
    """The midnight before, or at it, in UTC."""
    day = timezone.localtime(moment, timezone.get_default_timezone()).date()
    return midnight(day).astimezone(dt.UTC)


def days_after(start: dt.datetime, number: int) -> dt.datetime:
    """The midnight so many days after the midnight `start`, or before it."""
    day = timezone.localtime(start, timezone.get_default_timezone()).date() + dt.timedelta(days=number)
    return midnight(day).astimezone(dt.UTC)


def days_of(some: Iterable[Span]) -> list[Span]:
    """The whole days in which these hours lie."""
    starts = sorted({day_start(hour.first) for hour in some})
    return [Span(start, days_after(start, 1)) for start in starts]
