"""What callers hear at a moment: open, closed or holiday; by which rule; and whether the provider has been told."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from settings_sync import setting_address
from settings_sync.models import Holiday, OfficeHours, OtherHours, ProviderSetting
from settings_sync.models.provider_setting import State

LAST_MINUTE = dt.time(23, 59)  # stands for midnight: the provider takes no later end


class CallerHears(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True)
class ScheduleAnswer:
    """`rule` says why, in words; `address` is the setting that decides, and `is_in_force` whether it is confirmed."""

    heard: CallerHears
    rule: str
    address: str
    is_in_force: bool


@dataclass(frozen=True, slots=True)
class DayPlan:
    """A date as callers will meet it: a holiday's name, or hours; neither where no hours are set."""

    date: dt.date
    address: str
    is_in_force: bool
    holiday: str | None = None
    opens_at: dt.time | None = None
    closes_at: dt.time | None = None
    is_other: bool = False  # other hours than the weekday's usual ones
    told: ProviderSetting | None = None  # the setting that decides, as it stands at the provider

    @property
    def weekday(self) -> str:
        return setting_address.WEEKDAYS[self.date.weekday()]


def at(moment: dt.datetime) -> ScheduleAnswer:
    """What a caller hears at an aware moment, by the portal's zone and records."""
    local = timezone.localtime(moment)
    return answer_for(days(local.date(), 1)[0], local.time())


def answer_for(plan: DayPlan, time: dt.time) -> ScheduleAnswer:
    """The same for a time of a day whose plan is known."""
    if plan.holiday is not None:
        day = date_format(plan.date, "j M Y")
        rule = _("Holiday: %(name)s") % {"name": plan.holiday or day}
        return ScheduleAnswer(CallerHears.HOLIDAY, rule, plan.address, plan.is_in_force)
    if plan.opens_at is None or plan.closes_at is None:
        rule = _("No hours are set for %(day)s: the provider's own apply.") % {"day": _(plan.weekday)}
        return ScheduleAnswer(CallerHears.OPEN, rule, plan.address, False)
    names = {
        "day": date_format(plan.date, "j M Y") if plan.is_other else _(plan.weekday),
        "opens": time_format(plan.opens_at, "H:i"),
        "closes": time_format(plan.closes_at, "H:i"),
    }
    rule = _("%(day)s: open from %(opens)s to %(closes)s") % names
    found = CallerHears.OPEN if is_open(plan.opens_at, plan.closes_at, time) else CallerHears.CLOSED
    return ScheduleAnswer(found, rule, plan.address, plan.is_in_force)


def is_open(opens_at: dt.time, closes_at: dt.time, time: dt.time) -> bool:
    """Whether a time of day lies in the hours; the closing minute itself does not."""
    return opens_at <= time and (time < closes_at or closes_at == LAST_MINUTE)


def days(first: dt.date, count: int) -> list[DayPlan]:
    """The plans of `count` days from `first`."""
    return plans([first + dt.timedelta(days=ahead) for ahead in range(count)])


def plans(dates: list[dt.date]) -> list[DayPlan]:
    """The plan of each date, in four queries however many they are."""
    holidays = dict(Holiday.objects.filter(date__in=dates).values_list("date", "name"))
    others = {other.date: other for other in OtherHours.objects.filter(date__in=dates)}
    usual = {hours.day: hours for hours in OfficeHours.objects.all()}
    addresses = [
        *map(setting_address.holiday_address, dates),
        *map(setting_address.hours_address, setting_address.WEEKDAYS),
    ]
    told = {row.address: row for row in ProviderSetting.objects.filter(address__in=addresses)}
    return [_plan(date, holidays, others, usual, told) for date in dates]


def _plan(
    date: dt.date,
    holidays: dict[dt.date, str],
    others: dict[dt.date, OtherHours],
    usual: dict[str, OfficeHours],
    told: dict[str, ProviderSetting],
) -> DayPlan:
    weekday = setting_address.WEEKDAYS[date.weekday()]
    if date in holidays:
        address = setting_address.holiday_address(date)
        row = told.get(address)
        is_in_force = _is_in_force(row, setting_address.CLOSED_ALL_DAY)
        return DayPlan(date, address, is_in_force, holiday=holidays[date], told=row)
    address = setting_address.hours_address(weekday)
    row = told.get(address)
    hours: OfficeHours | OtherHours | None = others.get(date) or usual.get(weekday)
    if hours is None:
        return DayPlan(date, address, False, told=row)
    return DayPlan(
        date,
        address,
        _is_in_force(row, setting_address.interval(hours.opens_at, hours.closes_at)),
        opens_at=hours.opens_at,
        closes_at=hours.closes_at,
        is_other=date in others,
        told=row,
    )


def _is_in_force(row: ProviderSetting | None, value: str) -> bool:
    return row is not None and row.state == State.IN_FORCE and row.confirmed == value
