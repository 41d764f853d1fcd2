"""The periods of reports, and the periods they are compared with."""

import datetime as dt
from dataclasses import dataclass, field, replace

from django.utils import timezone

from calllogs.calls.office_hours_sql import midnight


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` (inclusive) to `end` (exclusive); aware datetimes. Days are days of the portal's time zone."""

    start: dt.datetime
    end: dt.datetime
    now: dt.datetime = field(default_factory=timezone.now, compare=False, repr=False)

    @classmethod
    def today(cls, now: dt.datetime | None = None) -> "Period":
        return cls.last(1, now)

    @classmethod
    def last(cls, days: int, now: dt.datetime | None = None) -> "Period":
        """The last `days` days, including today."""
        today = day_of(now or timezone.now())
        return cls.days(today - dt.timedelta(days=days - 1), today, now)

    @classmethod
    def days(cls, first: dt.date, last: dt.date, now: dt.datetime | None = None) -> "Period":
        """From the first to the last day, both inclusive."""
        return cls(_midnight(first), _midnight(last + dt.timedelta(days=1)), now or timezone.now())

    @property
    def first_day(self) -> dt.date:
        return day_of(self.start)

    @property
    def last_day(self) -> dt.date:
        """The last day that overlaps the period."""
        return day_of(self.end - dt.timedelta(microseconds=1))

    @property
    def is_of_days(self) -> bool:
        """Whether the period begins and ends at midnight, as filters of the call list do."""
        return all(moment == _midnight(day_of(moment)) for moment in (self.start, self.end))

    def before(self) -> "Period":
        """The period to compare with: as long as this one, and immediately before it.

        Whole days are compared with whole days. While the last day is not over, the previous period ends at the same
        time of its last day, so that a morning is compared with a morning.
        """
        if not self.is_of_days:
            return replace(self, start=self.start - (self.end - self.start), end=self.start)
        length = day_of(self.end) - day_of(self.start)
        return replace(self, start=_earlier(self.start, length), end=_earlier(self.so_far().end, length))

    def so_far(self) -> "Period":
        """The part of the period up to now."""
        return replace(self, end=self.now) if self.start < self.now < self.end else self


def day_of(moment: dt.datetime) -> dt.date:
    """The day in the portal's time zone that contains the moment."""
    return timezone.localtime(moment, timezone.get_default_timezone()).date()


def _earlier(moment: dt.datetime, length: dt.timedelta) -> dt.datetime:
    """The same local time, `length` days earlier."""
    zone = timezone.get_default_timezone()
    local = timezone.localtime(moment, zone)
    return (local.replace(tzinfo=None) - length).replace(tzinfo=zone).astimezone(dt.UTC)


def _midnight(day: dt.date) -> dt.datetime:
    """In UTC, because a local time skipped by the clocks does not compare equal to others in its own zone."""
    return midnight(day).astimezone(dt.UTC)
