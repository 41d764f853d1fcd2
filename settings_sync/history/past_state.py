"""The desired and the confirmed plan of a date at a past moment.

The desired plan comes from the history of our records. The confirmed plan comes from the attempts that the provider
answered with `Success`: from that response on it has the value, until the next one.
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

# Values of one address by the moment from which they hold, ascending; "" means no value.
ValueHistory = list[tuple[dt.datetime, str]]
ConfirmedValue = tuple[dt.datetime, str, str]  # confirmed at, address, value

LOOKBACK = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PastPlan:
    """The plan of a date at a moment: `09:30-18:30`, `HOLIDAY`, or "" if unknown."""

    desired: str
    confirmed: str


def callers_heard(value: str, time: dt.time) -> CallerHears | None:
    """What callers hear at a time of day under a plan's value; None if the value is unknown."""
    if value == setting_address.CLOSED_ALL_DAY:
        return CallerHears.HOLIDAY
    opens, dash, closes = value.partition("-")
    if not dash:
        return None
    is_within_hours = is_open(dt.time.fromisoformat(opens), dt.time.fromisoformat(closes), time)
    return CallerHears.OPEN if is_within_hours else CallerHears.CLOSED


@dataclass(frozen=True, slots=True)
class PastPlans:
    desired: dict[str, ValueHistory] = field(default_factory=dict)
    confirmed: dict[str, ValueHistory] = field(default_factory=dict)

    def at(self, moment: dt.datetime) -> PastPlan:
        date = timezone.localdate(moment)
        holiday, hours = (
            setting_address.holiday_address(date),
            setting_address.hours_address(setting_address.WEEKDAYS[date.weekday()]),
        )
        desired = (
            _value_at(self.desired.get(holiday), moment)
            or _value_at(self.desired.get(_override_key(date)), moment)
            or _value_at(self.desired.get(hours), moment)
        )
        confirmed = _value_at(self.confirmed.get(holiday), moment) or _value_at(
            self.confirmed.get(hours), moment
        )
        return PastPlan(desired, confirmed)


def load_past_plans(moments: Collection[dt.datetime]) -> PastPlans:
    """Load the value histories that cover these moments, in at most six queries."""
    if not moments:
        return PastPlans()
    first, last = min(moments), max(moments)
    return PastPlans(
        _desired_values({timezone.localdate(moment) for moment in moments}), _confirmed_values(first, last)
    )


def _override_key(date: dt.date) -> str:
    return f"other:{date.isoformat()}"


def _value_at(history: ValueHistory | None, moment: dt.datetime) -> str:
    if not history:
        return ""
    position = bisect.bisect_right(history, moment, key=lambda entry: entry[0])
    return history[position - 1][1] if position else ""


# --- desired: the history of our records ------------------------------------------------------------------------


def _desired_values(dates: set[dt.date]) -> dict[str, ValueHistory]:
    # A record may have had another date before, so the whole history of every record that ever had one of these.
    date_condition = Q(date__in=dates) if len(dates) <= 100 else Q(date__range=(min(dates), max(dates)))
    histories: dict[str, ValueHistory] = {}
    hours = OfficeHours.history.order_by("history_date", "history_id")
    histories |= _collect_values(
        (row, setting_address.hours_address(row.day), _format_interval(row)) for row in hours
    )
    holidays = Holiday.history.filter(id__in=Holiday.history.filter(date_condition).values("id"))
    histories |= _collect_values(
        (row, setting_address.holiday_address(row.date), setting_address.CLOSED_ALL_DAY)
        for row in holidays.order_by("history_date", "history_id")
    )
    others = OtherHours.history.filter(id__in=OtherHours.history.filter(date_condition).values("id"))
    histories |= _collect_values(
        (row, _override_key(row.date), _format_interval(row))
        for row in others.order_by("history_date", "history_id")
    )
    return histories


def _format_interval(row: OfficeHours | OtherHours) -> str:
    return setting_address.format_interval(row.opens_at, row.closes_at)


def _collect_values(rows: Iterable[tuple[object, str, str]]) -> dict[str, ValueHistory]:
    """`{address: value history}` from history rows in ascending order."""
    histories: dict[str, ValueHistory] = defaultdict(list)
    address_of_record: dict[int, str] = {}  # the previous address of each record
    for row, address, value in rows:
        key, at, history_type = row.id, row.history_date, row.history_type  # type: ignore[attr-defined]
        if key in address_of_record and address_of_record[key] != address:
            histories[address_of_record[key]].append((at, ""))
        histories[address].append((at, "" if history_type == DELETED else value))
        address_of_record[key] = address
    return histories


# --- confirmed: the provider's responses -------------------------------------------------------------------------


def _confirmed_values(first: dt.datetime, last: dt.datetime) -> dict[str, ValueHistory]:
    histories: dict[str, ValueHistory] = defaultdict(list)
    for at, address, value in sorted(
        [*_last_confirmed_before(first - LOOKBACK), *_confirmed_between(first - LOOKBACK, last)]
    ):
        if address == setting_address.DAILY:
            for day in setting_address.WEEKDAYS:
                histories[setting_address.hours_address(day)].append((at, value))
        else:
            histories[address].append((at, value))
    return histories


def _confirmed_between(first: dt.datetime, last: dt.datetime) -> list[ConfirmedValue]:
    """The values confirmed in a period."""
    rows = (
        Attempt.objects.filter(
            _schedule_attempts(), outcome=Outcome.CONFIRMED, started_at__range=(first, last)
        )
        .order_by()
        .values_list("started_at", "duration_ms", "address", "value")
    )
    return [
        (at + dt.timedelta(milliseconds=duration_ms or 0), address, value)
        for at, duration_ms, address, value in rows
    ]


def _last_confirmed_before(moment: dt.datetime) -> list[ConfirmedValue]:
    """The last confirmed value of each setting before a moment."""
    settings = ProviderSetting.objects.filter(
        kind__in=[setting_address.HOURS, setting_address.HOLIDAY], first_sent_at__lt=moment
    )
    rows = settings.values_list("id", "address", "confirmed", "confirmed_at")
    known = [(at, address, value) for _, address, value, at in rows if at and at < moment]
    later = [pk for pk, _, _, at in rows if not (at and at < moment)]
    if later:  # Confirmed again since then: the earlier value is in the attempts.
        attempts = Attempt.objects.filter(
            setting_id__in=later, outcome=Outcome.CONFIRMED, started_at__lt=moment
        )
        confirmed = attempts.order_by("started_at").values_list("started_at", "address", "value")
        known += {address: (at, address, value) for at, address, value in confirmed}.values()
    return known


def _schedule_attempts() -> Q:
    """Excludes holidays removed by the provider's support: their removal has no known moment."""
    holidays = Q(address__startswith=f"{setting_address.HOLIDAY}:", setting__isnull=False)
    return Q(address__startswith=f"{setting_address.HOURS}:") | holidays
