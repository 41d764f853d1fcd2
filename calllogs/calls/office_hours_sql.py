"""SQL conditions on a call's start: within office hours, on a weekday, or in an hour of the day.

The hours, holidays and other hours that are set today apply to all calls, old ones too. The database converts a start
to a minute of the week and a day number in the portal's zone by integer arithmetic, and looks the minute up in a map
of the week with one byte for each of its 10,080 minutes. So the cost does not depend on the number of hours.
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
_MOST_DAYS = 100  # up to this many days, each day becomes a time range in the query
_FIRST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def midnight(day: dt.date) -> dt.datetime:
    """The start of a day in the portal's zone, as an aware datetime."""
    return dt.datetime.combine(day, dt.time.min, timezone.get_default_timezone())


def condition(*, is_open: bool, first: dt.date | None = None, last: dt.date | None = None) -> Q:
    """Calls that started while the office was open or closed.

    `first` and `last`: only holidays and other hours of these days are read.
    """
    weekly_hours, other_hours, holidays = _load_plan(first, last)
    week, days = _open_minutes(weekly_hours), sorted({*holidays, *other_hours})
    opened = Q()
    for date, (opens_at, closes_at) in other_hours.items():
        opened |= Q(
            started_at__gte=_local_datetime(date, opens_at), started_at__lt=_closing_datetime(date, closes_at)
        )
    if 0 not in week:  # the weekly hours never close, so a few time ranges remain, and an index finds them
        closed = Q(pk__in=[])  # no calls
        for date in days:
            closed |= Q(started_at__gte=midnight(date), started_at__lt=midnight(date + dt.timedelta(days=1)))
        closed &= ~opened if other_hours else Q()
        return ~closed if is_open and days else Q() if is_open else closed
    usual = Q(_IsMarked(_LocalMinute(), week))
    special = (
        Q(In(_LocalDay(_LocalMinute()), [(date - _EPOCH).days for date in days])) if days else Q(pk__in=[])
    )
    if is_open:
        return (usual & ~special) | opened if other_hours else usual & ~special
    return (~usual | special) & ~opened if other_hours else ~usual | special


def clock_condition(*, weekday: str, hour: str, first: dt.date | None, last: dt.date | None) -> Q:
    """Calls that started on a weekday (`Monday`), in an hour of the day (`9`), or both; "" means any."""
    if first is None or last is None or (last - first).days >= _MOST_DAYS:
        return Q(_IsMarked(_LocalMinute(), _clock_minutes(weekday, hour)))
    ranges = []
    for number in range((last - first).days + 1):
        day = first + dt.timedelta(days=number)
        if weekday in ("", setting_address.WEEKDAYS[day.weekday()]):
            begins = _local_datetime(day, dt.time(int(hour))) if hour else midnight(day)
            is_to_midnight = hour in ("", "23")
            ends = (
                midnight(day + dt.timedelta(days=1))
                if is_to_midnight
                else _local_datetime(day, dt.time(int(hour) + 1))
            )
            ranges.append((begins.astimezone(dt.UTC), ends.astimezone(dt.UTC)))
    condition = Q(pk__in=[])
    for begins, ends in ranges:
        condition |= Q(started_at__gte=begins, started_at__lt=ends)
    if not ranges:
        return condition
    # The outer bounds are repeated so that the index scan has a start and an end.
    return Q(started_at__gte=ranges[0][0], started_at__lt=ranges[-1][1]) & condition


def _clock_minutes(weekday: str, hour: str) -> bytes:
    """Map of the week from Monday, one byte per minute: 1 if the minute matches."""
    day = b"".join((b"\x01" if hour in ("", str(number)) else b"\x00") * 60 for number in range(24))
    return b"".join(day if weekday in ("", name) else b"\x00" * DAY for name in setting_address.WEEKDAYS)


# --- office hours ------------------------------------------------------------------------------------------


def _load_plan(
    first: dt.date | None, last: dt.date | None
) -> tuple[dict[str, _Hours], dict[dt.date, _Hours], set[dt.date]]:
    """Load weekly hours by weekday, other hours by date, and holidays, in one query."""
    no_weekday, no_time = Value("", CharField()), Cast(Value(None), TimeField())
    usual = OfficeHours.objects.order_by().values_list(
        "day", Cast(Value(None), DateField()), "opens_at", "closes_at"
    )
    other = _dated_between(OtherHours, first, last).values_list(no_weekday, "date", "opens_at", "closes_at")
    closed = _dated_between(Holiday, first, last).values_list(no_weekday, "date", no_time, no_time)
    rows = list(usual.union(other, closed, all=True))
    holidays = {date for _weekday, date, opens_at, _closes_at in rows if opens_at is None}
    return (
        {weekday: (opens, closes) for weekday, _date, opens, closes in rows if weekday},
        {date: (opens, closes) for _weekday, date, opens, closes in rows if date and date not in holidays},
        holidays,
    )


def _open_minutes(usual: dict[str, _Hours]) -> bytes:
    """Map of the week from Monday, one byte per minute: 1 if open. A weekday without hours counts as open."""
    marks = bytearray(b"\x01" * WEEK)
    for number, name in enumerate(setting_address.WEEKDAYS):
        if name in usual:
            opens_at, closes_at = usual[name]
            opens, closes = (
                _minute_of_day(opens_at),
                DAY if closes_at == schedule.LAST_MINUTE else _minute_of_day(closes_at),
            )
            day = b"\x00" * opens + b"\x01" * (closes - opens) + b"\x00" * (DAY - closes)
            marks[number * DAY : (number + 1) * DAY] = day
    return bytes(marks)


def _dated_between(model: Any, first: dt.date | None, last: dt.date | None) -> Any:
    rows = model.objects.order_by()
    rows = rows.filter(date__gte=first) if first else rows
    return rows.filter(date__lte=last) if last else rows


def _minute_of_day(time: dt.time) -> int:
    return time.hour * 60 + time.minute


def _local_datetime(date: dt.date, time: dt.time) -> dt.datetime:
    return dt.datetime.combine(date, time, timezone.get_default_timezone())


def _closing_datetime(date: dt.date, time: dt.time) -> dt.datetime:
    return (
        midnight(date + dt.timedelta(days=1)) if time == schedule.LAST_MINUTE else _local_datetime(date, time)
    )


# --- arithmetic in the database ----------------------------------------------------------------------------


class _LocalMinute(Func):
    """Local minutes since 1 January 1970 at the start of the call, in the portal's zone."""

    def __init__(self) -> None:
        super().__init__(F("started_at"), _utc_offset(), output_field=IntegerField())

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_context: Any) -> Any:
        (moment, parameters), (offset, more) = map(compiler.compile, self.source_expressions)
        seconds = f"floor(extract(epoch FROM {moment}))::bigint"
        if connection.vendor == "sqlite":
            seconds = f"CAST(strftime('%%s', {moment}) AS integer)"
        return f"(({seconds} + {offset}) / 60)", [*parameters, *more]


class _LocalDay(Func):
    """Days since 1 January 1970, from minutes."""

    template = f"(%(expressions)s / {DAY})"
    output_field = IntegerField()


class _IsMarked(Func):
    """True if the week's map holds 1 for a minute; the map has one byte for each minute of the week."""

    output_field = BooleanField()

    def __init__(self, minute: Func, marks: bytes) -> None:
        super().__init__(minute, Value(marks, output_field=BinaryField()))

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_context: Any) -> Any:
        (minute, parameters), (marks, more) = map(compiler.compile, self.source_expressions)
        position = f"({minute} + {_EPOCH_WEEKDAY * DAY}) %% {WEEK}"
        if connection.vendor == "sqlite":
            return f"(substr({marks}, {position} + 1, 1) = x'01')", [*more, *parameters]
        return f"(get_byte({marks}, ({position})::integer) = 1)", [*more, *parameters]


def _utc_offset() -> Value | Case:
    """The portal zone's UTC offset in seconds at the start of a call."""
    until = (timezone.now() + dt.timedelta(days=2)).date()
    changes = _utc_offset_changes(timezone.get_default_timezone(), until)
    (_beginning, first), *later = changes
    if not later:
        return Value(first)
    return Case(
        *(When(started_at__gte=at, then=Value(offset)) for at, offset in reversed(later)),
        default=Value(first),
    )


@lru_cache(maxsize=2)
def _utc_offset_changes(zone: dt.tzinfo, until: dt.date) -> list[tuple[dt.datetime, int]]:
    """Return (moment, UTC offset in seconds from then on) pairs since 2000; India has one only."""

    def offset(moment: dt.datetime) -> int:
        return int((moment.astimezone(zone).utcoffset() or dt.timedelta()).total_seconds())

    moment, end = _FIRST, dt.datetime.combine(until, dt.time.min, dt.UTC)
    changes = [(moment, offset(moment))]
    while moment < end:
        following = moment + dt.timedelta(days=7)
        if offset(following) != changes[-1][1]:
            before, after = moment, following
            while after - before > dt.timedelta(seconds=1):
                middle = before + (after - before) / 2
                before, after = (middle, after) if offset(middle) == changes[-1][1] else (before, middle)
            changes.append((after.replace(microsecond=0), offset(after)))
        moment = following
    return changes
