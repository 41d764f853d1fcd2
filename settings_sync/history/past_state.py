"""What the office wanted, and what the provider had confirmed, at a past moment.

Wanted is read off the history of our records; what the provider had, off the requests that it answered `Success`: from
the moment of that answer it has that value, until the next one.
"""

import bisect
import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from django.db.models import Q
from django.utils import timezone

from settings_sync import setting_address
from settings_sync.delivery.outcomes import Outcome
from settings_sync.history.change_log import DELETED
from settings_sync.models import Attempt, Holiday, OfficeHours, OtherHours, ProviderSetting
from settings_sync.schedule import CallerHears, is_open

# Steps of one thing through time: from this moment on, this value; "" is none.
Steps = list[tuple[dt.datetime, str]]
Event = tuple[dt.datetime, str, str]

BEFORE = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PastPlan:
    """A date's plan at a moment: `09:30-18:30`, `HOLIDAY`, or "" where nothing is known."""

    wanted: str
    had: str


def callers_heard(value: str, time: dt.time) -> CallerHears | None:
    """What callers hear at a time of day under such a plan; None where nothing is known."""
    if value == setting_address.CLOSED_ALL_DAY:
        return CallerHears.HOLIDAY
    opens, dash, closes = value.partition("-")
    if not dash:
        return None
    within = is_open(dt.time.fromisoformat(opens), dt.time.fromisoformat(closes), time)
    return CallerHears.OPEN if within else CallerHears.CLOSED


@dataclass(frozen=True, slots=True)
class PastPlans:
    wanted: dict[str, Steps] = field(default_factory=dict)
    had: dict[str, Steps] = field(default_factory=dict)

    def at(self, moment: dt.datetime) -> PastPlan:
        date = timezone.localdate(moment)
        holiday, hours = (
            setting_address.holiday_address(date),
            setting_address.hours_address(setting_address.WEEKDAYS[date.weekday()]),
        )
        wanted = (
            _value(self.wanted.get(holiday), moment)
            or _value(self.wanted.get(_other(date)), moment)
            or _value(self.wanted.get(hours), moment)
        )
        had = _value(self.had.get(holiday), moment) or _value(self.had.get(hours), moment)
        return PastPlan(wanted, had)


def read(moments: Collection[dt.datetime]) -> PastPlans:
    """What is needed to answer for these moments, in five queries."""
    if not moments:
        return PastPlans()
    first, last = min(moments), max(moments)
    return PastPlans(_wanted({timezone.localdate(moment) for moment in moments}), _had(first, last))


def _other(date: dt.date) -> str:
    return f"other:{date.isoformat()}"


def _value(steps: Steps | None, moment: dt.datetime) -> str:
    if not steps:
        return ""
    place = bisect.bisect_right(steps, moment, key=lambda step: step[0])
    return steps[place - 1][1] if place else ""


# --- wanted: the records' history ------------------------------------------------------------------------


def _wanted(dates: set[dt.date]) -> dict[str, Steps]:
    # A record may have been of another date before: so its whole history, for those that were ever of one of these.
    near = Q(date__in=dates) if len(dates) <= 100 else Q(date__range=(min(dates), max(dates)))
    steps: dict[str, Steps] = {}
    hours = OfficeHours.history.order_by("history_date", "history_id")
    steps |= _steps((row, setting_address.hours_address(row.day), _interval(row)) for row in hours)
    holidays = Holiday.history.filter(id__in=Holiday.history.filter(near).values("id"))
    steps |= _steps(
        (row, setting_address.holiday_address(row.date), setting_address.CLOSED_ALL_DAY)
        for row in holidays.order_by("history_date", "history_id")
    )
    others = OtherHours.history.filter(id__in=OtherHours.history.filter(near).values("id"))
    steps |= _steps(
        (row, _other(row.date), _interval(row)) for row in others.order_by("history_date", "history_id")
    )
    return steps


def _interval(row: OfficeHours | OtherHours) -> str:
    return setting_address.interval(row.opens_at, row.closes_at)


def _steps(rows: Iterable[tuple[object, str, str]]) -> dict[str, Steps]:
    """The history of records, in its order, as steps by address."""
    steps: dict[str, Steps] = defaultdict(list)
    was: dict[int, str] = {}  # the address that a record had last
    for row, address, value in rows:
        key, at, kind = row.id, row.history_date, row.history_type  # type: ignore[attr-defined]
        if key in was and was[key] != address:
            steps[was[key]].append((at, ""))
        steps[address].append((at, "" if kind == DELETED else value))
        was[key] = address
    return steps


# --- had: the provider's answers -------------------------------------------------------------------------


def _had(first: dt.datetime, last: dt.datetime) -> dict[str, Steps]:
    steps: dict[str, Steps] = defaultdict(list)
    for at, address, value in sorted([*_known_before(first - BEFORE), *_told(first - BEFORE, last)]):
        if address == setting_address.DAILY:
            for day in setting_address.WEEKDAYS:
                steps[setting_address.hours_address(day)].append((at, value))
        else:
            steps[address].append((at, value))
    return steps


def _told(first: dt.datetime, last: dt.datetime) -> list[Event]:
    """What was confirmed in a period."""
    rows = (
        Attempt.objects.filter(_of_the_office(), outcome=Outcome.CONFIRMED, started_at__range=(first, last))
        .order_by()
        .values_list("started_at", "duration_ms", "address", "value")
    )
    return [(at + dt.timedelta(milliseconds=took or 0), address, value) for at, took, address, value in rows]


def _known_before(moment: dt.datetime) -> list[Event]:
    """What each setting had been confirmed as last, before a moment."""
    settings = ProviderSetting.objects.filter(
        kind__in=[setting_address.HOURS, setting_address.HOLIDAY], first_sent_at__lt=moment
    )
    rows = settings.values_list("id", "address", "confirmed", "confirmed_at")
    known = [(at, address, value) for _, address, value, at in rows if at and at < moment]
    later = [pk for pk, _, _, at in rows if not (at and at < moment)]
    if later:  # confirmed again since: the requests remember what was before
        tries = Attempt.objects.filter(setting_id__in=later, outcome=Outcome.CONFIRMED, started_at__lt=moment)
        told = tries.order_by("started_at").values_list("started_at", "address", "value")
        known += {address: (at, address, value) for at, address, value in told}.values()
    return known


def _of_the_office() -> Q:
    """Without the holidays that the provider's support took back: their setting is gone, and nobody knows when."""
    holidays = Q(address__startswith=f"{setting_address.HOLIDAY}:", setting__isnull=False)
    return Q(address__startswith=f"{setting_address.HOURS}:") | holidays
