"""Stretches of time that are reported on, and what each is compared with."""

import datetime as dt
from dataclasses import dataclass, field, replace

from django.utils import timezone

from calllogs.calls.office_hours_sql import midnight


@dataclass(frozen=True, slots=True)
class Period:
    """From `start`, before `end`; aware moments. Days are days of the portal's zone."""

    start: dt.datetime
    end: dt.datetime
    now: dt.datetime = field(default_factory=timezone.now, compare=False, repr=False)

    @classmethod
    def today(cls, now: dt.datetime | None = None) -> "Period":
        return cls.last(1, now)

    @classmethod
    def last(cls, days: int, now: dt.datetime | None = None) -> "Period":
        """So many days, today among them."""
        today = day_of(now or timezone.now())
        return cls.days(today - dt.timedelta(days=days - 1), today, now)

    @classmethod
    def days(cls, first: dt.date, last: dt.date, now: dt.datetime | None = None) -> "Period":
        """From the first day to the last, both whole."""
        return cls(_midnight(first), _midnight(last + dt.timedelta(days=1)), now or timezone.now())

    @property
    def first_day(self) -> dt.date:
        return day_of(self.start)

    @property
    def last_day(self) -> dt.date:
        """The day in which the period ends."""
        return day_of(self.end - dt.timedelta(microseconds=1))

    @property
    def is_of_days(self) -> bool:
        """Whether it is whole days, as the list of calls has them."""
        return all(moment == _midnight(day_of(moment)) for moment in (self.start, self.end))

    def before(self) -> "Period":
        """What to compare with: as long, and just before.

        Whole days go with whole days. While the last of them is not over, the same day before it goes to the same time
        of the clock: a morning is compared with a morning.
        """
        if not self.is_of_days:
            return replace(self, start=self.start - (self.end - self.start), end=self.start)
        length = day_of(self.end) - day_of(self.start)
        return replace(self, start=_earlier(self.start, length), end=_earlier(self.so_far().end, length))

    def so_far(self) -> "Period":
        """What of it is over by now."""
        return replace(self, end=self.now) if self.start < self.now < self.end else self


def day_of(moment: dt.datetime) -> dt.date:
    """The day of the portal's zone in which the moment lies."""
    return timezone.localtime(moment, timezone.get_default_timezone()).date()


def _earlier(moment: dt.datetime, length: dt.timedelta) -> dt.datetime:
    """The same time of the clock, so many days before."""
    zone = timezone.get_default_timezone()
    local = timezone.localtime(moment, zone)
    return (local.replace(tzinfo=None) - length).replace(tzinfo=zone).astimezone(dt.UTC)


def _midnight(day: dt.date) -> dt.datetime:
    """In UTC: a moment that the clocks leave out equals no other in its own zone."""
    return midnight(day).astimezone(dt.UTC)
