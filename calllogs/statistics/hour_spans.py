"""The hours and days of the portal's time zone, as UTC datetimes.

Reports use local days: India's day begins at 18:30 UTC. An hour is identified by the time at which it began. An hour
that the clocks repeat counts as two hours. Where clocks are moved by half an hour, that hour is longer or shorter. So
midnight is always the start of an hour, and each call belongs to exactly one hour.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.utils import timezone

from calllogs.calls.office_hours_sql import midnight

HOUR = dt.timedelta(hours=1)
_STEP = dt.timedelta(minutes=15)


class TimeSpan(NamedTuple):
    """From `first` (inclusive) to `next` (exclusive)."""

    first: dt.datetime
    next: dt.datetime


def hour_start(moment: dt.datetime) -> dt.datetime:
    """The start of the hour that contains the moment, in UTC."""
    zone, start = timezone.get_default_timezone(), moment.astimezone(dt.UTC)
    while True:
        local = start.astimezone(zone)
        since = dt.timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        if not since:
            return start
        start -= since  # repeated if the clocks were moved in between by a fraction of an hour


def hour_end(start: dt.datetime) -> dt.datetime:
    """The end of the hour that begins at `start`."""
    later = start + HOUR
    while (following := hour_start(later)) <= start:
        later += _STEP
    return following


def hours_between(start: dt.datetime, end: dt.datetime) -> Iterator[TimeSpan]:
    """The hours that begin at or after `start` and before `end`. `start` must be the start of an hour."""
    start = start.astimezone(dt.UTC)  # local times skipped by the clocks do not compare equal to others
    while start < end:
        following = hour_end(start)
        yield TimeSpan(start, following)
        start = following


def hours_starting_at(starts: set[dt.datetime]) -> list[TimeSpan]:
    """The hours that begin at these times, latest first."""
    return [TimeSpan(start, hour_end(start)) for start in sorted(starts, reverse=True)]


def day_start(moment: dt.datetime) -> dt.datetime:
    """The last midnight at or before the moment, in UTC."""
    day = timezone.localtime(moment, timezone.get_default_timezone()).date()
    return midnight(day).astimezone(dt.UTC)


def midnight_after(start: dt.datetime, number: int) -> dt.datetime:
    """The midnight `number` days after the midnight `start`, in UTC; `number` may be negative."""
    day = timezone.localtime(start, timezone.get_default_timezone()).date() + dt.timedelta(days=number)
    return midnight(day).astimezone(dt.UTC)


def days_containing(hours: Iterable[TimeSpan]) -> list[TimeSpan]:
    """The whole days that contain these hours, in order."""
    starts = sorted({day_start(hour.first) for hour in hours})
    return [TimeSpan(start, midnight_after(start, 1)) for start in starts]
