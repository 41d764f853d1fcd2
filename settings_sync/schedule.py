"""What callers hear at a given time: open, closed or holiday, by which rule, and whether it is confirmed."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from settings_sync import setting_address
from settings_sync.models import Holiday, OfficeHours, OtherHours, ProviderSetting
from settings_sync.models.provider_setting import State

LAST_MINUTE = dt.time(23, 59)  # means midnight: the provider accepts no later end


class CallerHears(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True)
class ScheduleAnswer:
    """`rule` explains the answer, `address` is the setting that decides, `is_in_force` whether it is confirmed."""

    caller_hears: CallerHears
    rule: str
    address: str
    is_in_force: bool


@dataclass(frozen=True, slots=True)
class DayPlan:
    """What applies to callers on a date: a holiday's name, or hours, or neither if no hours are set."""

    date: dt.date
    address: str
    is_in_force: bool
    holiday: str | None = None
    opens_at: dt.time | None = None
    closes_at: dt.time | None = None
    is_override: bool = False  # hours for this date only instead of the weekday's usual ones
    setting: ProviderSetting | None = None  # the setting that decides

    @property
    def weekday(self) -> str:
        return setting_address.WEEKDAYS[self.date.weekday()]


def answer_at(moment: dt.datetime) -> ScheduleAnswer:
    """Return what a caller hears at an aware datetime, by the office's records."""
    local = timezone.localtime(moment)
    return answer_for(plan_days(local.date(), 1)[0], local.time())


def answer_for(plan: DayPlan, time: dt.time) -> ScheduleAnswer:
    """Return what a caller hears at a local time of a day with this plan."""
    if plan.holiday is not None:
        day = date_format(plan.date, "j M Y")
        rule = _("Holiday: %(name)s") % {"name": plan.holiday or day}
        return ScheduleAnswer(CallerHears.HOLIDAY, rule, plan.address, plan.is_in_force)
    if plan.opens_at is None or plan.closes_at is None:
        rule = _("No hours are set for %(day)s: the provider's own apply.") % {"day": _(plan.weekday)}
        return ScheduleAnswer(CallerHears.OPEN, rule, plan.address, False)
    parameters = {
        "day": date_format(plan.date, "j M Y") if plan.is_override else _(plan.weekday),
        "opens": time_format(plan.opens_at, "H:i"),
        "closes": time_format(plan.closes_at, "H:i"),
    }
    rule = _("%(day)s: open from %(opens)s to %(closes)s") % parameters
    caller_hears = CallerHears.OPEN if is_open(plan.opens_at, plan.closes_at, time) else CallerHears.CLOSED
    return ScheduleAnswer(caller_hears, rule, plan.address, plan.is_in_force)


def is_open(opens_at: dt.time, closes_at: dt.time, time: dt.time) -> bool:
    """Whether a time of day lies within the hours. The closing time itself does not."""
    return opens_at <= time and (time < closes_at or closes_at == LAST_MINUTE)


def plan_days(first: dt.date, count: int) -> list[DayPlan]:
    """Return the plans of `count` days from `first` on."""
    return plan_dates([first + dt.timedelta(days=ahead) for ahead in range(count)])


def plan_dates(dates: list[dt.date]) -> list[DayPlan]:
    """Return the plan of each date; four queries for any number of dates."""
    holidays = dict(Holiday.objects.filter(date__in=dates).values_list("date", "name"))
    others = {other.date: other for other in OtherHours.objects.filter(date__in=dates)}
    usual = {hours.day: hours for hours in OfficeHours.objects.all()}
    addresses = [
        *map(setting_address.holiday_address, dates),
        *map(setting_address.hours_address, setting_address.WEEKDAYS),
    ]
    settings = {row.address: row for row in ProviderSetting.objects.filter(address__in=addresses)}
    return [_build_plan(date, holidays, others, usual, settings) for date in dates]


def _build_plan(
    date: dt.date,
    holidays: dict[dt.date, str],
    others: dict[dt.date, OtherHours],
    usual: dict[str, OfficeHours],
    settings: dict[str, ProviderSetting],
) -> DayPlan:
    weekday = setting_address.WEEKDAYS[date.weekday()]
    if date in holidays:
        address = setting_address.holiday_address(date)
        row = settings.get(address)
        is_in_force = _is_in_force(row, setting_address.CLOSED_ALL_DAY)
        return DayPlan(date, address, is_in_force, holiday=holidays[date], setting=row)
    address = setting_address.hours_address(weekday)
    row = settings.get(address)
    hours: OfficeHours | OtherHours | None = others.get(date) or usual.get(weekday)
    if hours is None:
        return DayPlan(date, address, False, setting=row)
    return DayPlan(
        date,
        address,
        _is_in_force(row, setting_address.format_interval(hours.opens_at, hours.closes_at)),
        opens_at=hours.opens_at,
        closes_at=hours.closes_at,
        is_override=date in others,
        setting=row,
    )


def _is_in_force(row: ProviderSetting | None, value: str) -> bool:
    return row is not None and row.state == State.IN_FORCE and row.confirmed == value
