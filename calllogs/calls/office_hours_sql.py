"""Whether calls began within office hours, as a condition of the database: `schedule.said`, for millions of calls;
and whether they began on a weekday, or in an hour of the clock.

The hours, holidays and other hours that are set today are meant, whenever the call was. A moment becomes a minute of
the week and a number of the day in the portal's zone by plain arithmetic; the week is a map with a mark for each of
its 10,080 minutes, so that the minute is worked out once for each call, however many hours there are.
"""

import datetime as dt
from functools import lru_cache
from typing import Any

from django.db.models import (
    BinaryField,
    BooleanField,
    Case,
    CharField,
    DateField,
    F,
    Func,
    IntegerField,
    Q,
    TimeField,
    Value,
    When,
)
from django.db.models.functions import Cast
from django.db.models.lookups import In
from django.utils import timezone
from django.utils.translation import gettext_lazy

from settings_sync import schedule, setting_address
from settings_sync.models import Holiday, OfficeHours, OtherHours

_Hours = tuple[dt.time, dt.time]
DAY, WEEK = 24 * 60, 7 * 24 * 60
_EPOCH = dt.date(1970, 1, 1)
_EPOCH_WEEKDAY = _EPOCH.weekday()
ON_WEEKDAYS = {
    "Monday": gettext_lazy("on Mondays"),
    "Tuesday": gettext_lazy("on Tuesdays"),
    "Wednesday": gettext_lazy("on Wednesdays"),
    "Thursday": gettext_lazy("on Thursdays"),
    "Friday": gettext_lazy("on Fridays"),
    "Saturday": gettext_lazy("on Saturdays"),
    "Sunday": gettext_lazy("on Sundays"),
}
HOURS = {str(hour): hour for hour in range(24)}
_MOST_DAYS = 100  # whose hours are told to the database one by one
_FIRST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def midnight(day: dt.date) -> dt.datetime:
    """The moment at which a day of the portal's zone begins."""
    return dt.datetime.combine(day, dt.time.min, timezone.get_default_timezone())


def condition(*, is_open: bool, first: dt.date | None = None, last: dt.date | None = None) -> Q:
    """Calls that began while the office was open, or while it was not. `first` and `last`: no other days matter."""
    usual_hours, others, holidays = _plan(first, last)
    week, days = _week(usual_hours), sorted({*holidays, *others})
    opened = Q()
    for date, (opens_at, closes_at) in others.items():
        opened |= Q(started_at__gte=_moment(date, opens_at), started_at__lt=_end(date, closes_at))
    if 0 not in week:  # always open: what is left are a few stretches of time, which an index finds
        closed = Q(pk__in=[])
        for date in days:
            closed |= Q(started_at__gte=midnight(date), started_at__lt=midnight(date + dt.timedelta(days=1)))
        closed &= ~opened if others else Q()
        return ~closed if is_open and days else Q() if is_open else closed
    usual = Q(_IsMarked(_LocalMinute(), week))
    special = (
        Q(In(_LocalDay(_LocalMinute()), [(date - _EPOCH).days for date in days])) if days else Q(pk__in=[])
    )
    if is_open:
        return (usual & ~special) | opened if others else usual & ~special
    return (~usual | special) & ~opened if others else ~usual | special


def at_clock(*, weekday: str, hour: str, first: dt.date | None, last: dt.date | None) -> Q:
    """Calls that began on that weekday (`Monday`), in that hour of the clock (`9`), or both; "" is any."""
    if first is None or last is None or (last - first).days >= _MOST_DAYS:
        return Q(_IsMarked(_LocalMinute(), _clock_marks(weekday, hour)))
    stretches = []
    for number in range((last - first).days + 1):
        day = first + dt.timedelta(days=number)
        if weekday in ("", setting_address.WEEKDAYS[day.weekday()]):
            begins = _moment(day, dt.time(int(hour))) if hour else midnight(day)
            is_to_midnight = hour in ("", "23")
            ends = (
                midnight(day + dt.timedelta(days=1))
                if is_to_midnight
                else _moment(day, dt.time(int(hour) + 1))
            )
            stretches.append((begins.astimezone(dt.UTC), ends.astimezone(dt.UTC)))
    meant = Q(pk__in=[])
    for begins, ends in stretches:
        meant |= Q(started_at__gte=begins, started_at__lt=ends)
    if not stretches:
        return meant
    # The ends are told once more: they are what an index begins to read at.
    return Q(started_at__gte=stretches[0][0], started_at__lt=stretches[-1][1]) & meant


def _clock_marks(weekday: str, hour: str) -> bytes:
    """A mark for each minute of a week from Monday on: 1 where it is meant."""
    day = b"".join((b"\x01" if hour in ("", str(number)) else b"\x00") * 60 for number in range(24))
    return b"".join(day if weekday in ("", name) else b"\x00" * DAY for name in setting_address.WEEKDAYS)


# --- the office's plan -----------------------------------------------------------------------------------


def _plan(
    first: dt.date | None, last: dt.date | None
) -> tuple[dict[str, _Hours], dict[dt.date, _Hours], set[dt.date]]:
    """Usual hours by weekday, other hours by date, and holidays; by one query, since a page has few to spend."""
    no_weekday, no_time = Value("", CharField()), Cast(Value(None), TimeField())
    usual = OfficeHours.objects.order_by().values_list(
        "day", Cast(Value(None), DateField()), "opens_at", "closes_at"
    )
    other = _between(OtherHours, first, last).values_list(no_weekday, "date", "opens_at", "closes_at")
    closed = _between(Holiday, first, last).values_list(no_weekday, "date", no_time, no_time)
    found = list(usual.union(other, closed, all=True))
    holidays = {date for _weekday, date, opens_at, _closes_at in found if opens_at is None}
    return (
        {weekday: (opens, closes) for weekday, _date, opens, closes in found if weekday},
        {date: (opens, closes) for _weekday, date, opens, closes in found if date and date not in holidays},
        holidays,
    )


def _week(usual: dict[str, _Hours]) -> bytes:
    """A mark for each minute of a week from Monday on: 1 where the office is open. No hours: the provider's own."""
    marks = bytearray(b"\x01" * WEEK)
    for number, name in enumerate(setting_address.WEEKDAYS):
        if name in usual:
            opens_at, closes_at = usual[name]
            opens, closes = (
                _minute(opens_at),
                DAY if closes_at == schedule.LAST_MINUTE else _minute(closes_at),
            )
            day = b"\x00" * opens + b"\x01" * (closes - opens) + b"\x00" * (DAY - closes)
            marks[number * DAY : (number + 1) * DAY] = day
    return bytes(marks)


def _between(kind: Any, first: dt.date | None, last: dt.date | None) -> Any:
    rows = kind.objects.order_by()
    rows = rows.filter(date__gte=first) if first else rows
    return rows.filter(date__lte=last) if last else rows


def _minute(time: dt.time) -> int:
    return time.hour * 60 + time.minute


def _moment(date: dt.date, time: dt.time) -> dt.datetime:
    return dt.datetime.combine(date, time, timezone.get_default_timezone())


def _end(date: dt.date, time: dt.time) -> dt.datetime:
    return midnight(date + dt.timedelta(days=1)) if time == schedule.LAST_MINUTE else _moment(date, time)


# --- arithmetic in the database ----------------------------------------------------------------------------


class _LocalMinute(Func):
    """Minutes that the portal's clocks have counted since 1970, when the call began."""

    def __init__(self) -> None:
        super().__init__(F("started_at"), _offset(), output_field=IntegerField())

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_context: Any) -> Any:
        (moment, parameters), (offset, more) = map(compiler.compile, self.source_expressions)
        seconds = f"floor(extract(epoch FROM {moment}))::bigint"
        if connection.vendor == "sqlite":
            seconds = f"CAST(strftime('%%s', {moment}) AS integer)"
        return f"(({seconds} + {offset}) / 60)", [*parameters, *more]


class _LocalDay(Func):
    """Days since 1 January 1970, of minutes."""

    template = f"(%(expressions)s / {DAY})"
    output_field = IntegerField()


class _IsMarked(Func):
    """Whether the map has a mark at a minute's place in its week; a map has a byte for each minute."""

    output_field = BooleanField()

    def __init__(self, minute: Func, marks: bytes) -> None:
        super().__init__(minute, Value(marks, output_field=BinaryField()))

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_context: Any) -> Any:
        (minute, parameters), (marks, more) = map(compiler.compile, self.source_expressions)
        place = f"({minute} + {_EPOCH_WEEKDAY * DAY}) %% {WEEK}"
        if connection.vendor == "sqlite":
            return f"(substr({marks}, {place} + 1, 1) = x'01')", [*more, *parameters]
        return f"(get_byte({marks}, ({place})::integer) = 1)", [*more, *parameters]


def _offset() -> Value | Case:
    """Seconds that the portal's clocks are ahead of UTC, at the moment of a call."""
    until = (timezone.now() + dt.timedelta(days=2)).date()
    changes = _changes(timezone.get_default_timezone(), until)
    (_beginning, first), *later = changes
    if not later:
        return Value(first)
    return Case(
        *(When(started_at__gte=at, then=Value(offset)) for at, offset in reversed(later)),
        default=Value(first),
    )


@lru_cache(maxsize=2)
def _changes(zone: dt.tzinfo, until: dt.date) -> list[tuple[dt.datetime, int]]:
    """When the clocks were put forward or back, and how far ahead they were from then on; India's never are."""

    def offset(moment: dt.datetime) -> int:
        return int((moment.astimezone(zone).utcoffset() or dt.timedelta()).total_seconds())

    moment, end = _FIRST, dt.datetime.combine(until, dt.time.min, dt.UTC)
    found = [(moment, offset(moment))]
    while moment < end:
        following = moment + dt.timedelta(days=7)
        if offset(following) != found[-1][1]:
            before, after = moment, following
            while after - before > dt.timedelta(seconds=1):
                middle = before + (after - before) / 2
                before, after = (middle, after) if offset(middle) == found[-1][1] else (before, middle)
            found.append((after.replace(microsecond=0), offset(after)))
        moment = following
    return found
