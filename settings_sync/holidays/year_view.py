"""The context of the holidays page: a year as twelve months, and the list below."""

import calendar
import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import MONTHS, WEEKDAYS, WEEKDAYS_ABBR
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from settings_sync import setting_address
from settings_sync.delivery import account_status as accounts
from settings_sync.delivery import badges, circuit
from settings_sync.delivery.account_status import AccountStatus
from settings_sync.holidays import india
from settings_sync.models import Holiday, ProviderSetting
from settings_sync.models.provider_setting import STATE_STYLES, State

FIRST_YEAR, LAST_YEAR = 2000, 2100
MAX_UPCOMING, MAX_PAST = 100, 50
DECEMBER = 12


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day of the calendar. `css_classes` are for its cell, `title` names the holiday and its state."""

    number: int
    iso: str
    label: str
    css_classes: str = ""
    title: str = ""
    link: str = ""
    is_today: bool = False
    is_free: bool = False  # selecting it adds a holiday


class _HolidayData:
    """All holidays with their provider settings, in three queries."""

    def __init__(self) -> None:
        self.today = timezone.localdate()
        self.holidays = list(Holiday.objects.order_by("date"))
        self.by_date = {holiday.date: holiday for holiday in self.holidays}
        rows = ProviderSetting.objects.filter(kind=setting_address.HOLIDAY)
        self.settings = {setting_address.holiday_date(row.address): row for row in rows}
        self.account: AccountStatus = accounts.load()
        # The URLs are resolved once, because a year has 365 links.
        self.holiday_url = reverse("admin:settings_sync_holiday_changelist")
        self.setting_url = reverse("admin:settings_sync_providersetting_changelist")


def build_context(request: HttpRequest, *, may_add: bool) -> dict[str, Any]:
    """The context of the holidays page."""
    data = _HolidayData()
    year = _parse_year(request.GET.get("year", ""))
    months = _months(year, data.today)
    is_all = "all" in request.GET
    upcoming = [holiday for holiday in data.holidays if holiday.date >= data.today]
    past = [holiday for holiday in reversed(data.holidays) if holiday.date < data.today]
    return {
        "heading": str(year) if year else f"{_format_month(months[0])} – {_format_month(months[-1])}",
        "is_year": year is not None,
        "year_before": _year_if_supported(year - 1 if year else data.today.year),
        "year_after": _year_if_supported((year or data.today.year) + 1),
        "months": [
            _build_month(data, *month, is_of_year=year is not None, may_add=may_add) for month in months
        ],
        "weekdays": [(WEEKDAYS_ABBR[day], WEEKDAYS[day]) for day in range(7)],
        "count_shown": sum((holiday.date.year, holiday.date.month) in months for holiday in data.holidays),
        "next": next(iter(upcoming), None),
        "next_when": format_distance(upcoming[0].date, data.today) if upcoming else "",
        "upcoming": [_list_row(data, holiday) for holiday in upcoming[: None if is_all else MAX_UPCOMING]],
        "upcoming_count": len(upcoming),
        "past": [_list_row(data, holiday) for holiday in past[:MAX_PAST]],
        "past_count": len(past),
        "has_more_past": len(past) > MAX_PAST,
        "withdrawn": _withdrawn(data),
        "hint_year": _hint_year(data),
    }


def _parse_year(text: str) -> int | None:
    is_year = len(text) == 4 and text.isascii() and text.isdigit()
    return min(max(int(text), FIRST_YEAR), LAST_YEAR) if is_year else None


def _year_if_supported(year: int) -> int | None:
    return year if FIRST_YEAR <= year <= LAST_YEAR else None


def _months(year: int | None, today: dt.date) -> list[tuple[int, int]]:
    """(year, month) of a calendar year, or of the twelve months from this one on if `year` is None."""
    if year:
        return [(year, month) for month in range(1, 13)]
    return [
        (today.year + (today.month + ahead > 12), (today.month - 1 + ahead) % 12 + 1) for ahead in range(12)
    ]


def _format_month(month: tuple[int, int]) -> str:
    return f"{MONTHS[month[1]]} {month[0]}"


def _build_month(
    data: _HolidayData, year: int, month: int, *, is_of_year: bool, may_add: bool
) -> dict[str, Any]:
    weeks = calendar.Calendar().monthdatescalendar(year, month)
    return {
        "name": MONTHS[month] if is_of_year else _format_month((year, month)),
        "weeks": [
            [_build_day(data, date, may_add=may_add) if date.month == month else None for date in week]
            for week in weeks
        ],
    }


def _build_day(data: _HolidayData, date: dt.date, *, may_add: bool) -> CalendarDay:
    label = f"{WEEKDAYS[date.weekday()]}, {date.day} {MONTHS[date.month]} {date.year}"
    is_today, is_past = date == data.today, date < data.today
    holiday, setting = data.by_date.get(date), data.settings.get(date)
    age = " day-past" if is_past else ""
    if holiday:
        state = (
            badges.state_label(setting, data.account.closed_reason)
            if setting
            else _unsent_label(holiday, data.today)
        )
        return CalendarDay(
            date.day,
            date.isoformat(),
            f"{label}: {holiday.name or _('holiday')}, {state}",
            f"day-holiday {_badge_class(data, setting)}{age}",
            title=f"{holiday.name or _('Holiday')} ({state})",
            link=f"{data.holiday_url}{holiday.pk}/change/",
            is_today=is_today,
        )
    if setting and setting.state == State.WITHDRAWN:
        state = str(State.WITHDRAWN.label)
        link = f"{data.setting_url}{setting.pk}/change/"
        css_classes = f"day-holiday day-withdrawn{age}"
        return CalendarDay(
            date.day, date.isoformat(), f"{label}: {state}", css_classes, state, link, is_today
        )
    if is_past or not may_add:
        return CalendarDay(date.day, date.isoformat(), label, age.strip(), is_today=is_today)
    link = f"{data.holiday_url}add/?date={date.isoformat()}"
    return CalendarDay(date.day, date.isoformat(), label, link=link, is_today=is_today, is_free=True)


def _badge_class(data: _HolidayData, setting: ProviderSetting | None) -> str:
    if setting is None:
        return "badge-base"
    return f"badge-{STATE_STYLES[circuit.displayed_state(setting, data.account.closed_reason)][0]}"


def _unsent_label(holiday: Holiday, today: dt.date) -> str:
    return _("past: not sent") if holiday.date < today else _("not sent")


def _list_row(data: _HolidayData, holiday: Holiday) -> dict[str, Any]:
    without = _unsent_label(holiday, data.today).capitalize()
    return {
        "id": holiday.pk,
        "date": holiday.date,
        "weekday": WEEKDAYS[holiday.date.weekday()],
        "name": holiday.name,
        "when": format_distance(holiday.date, data.today),
        "is_estimated": holiday.date >= data.today and india.is_estimated(holiday.name),
        "badge": badges.render_badge(
            data.settings.get(holiday.date), data.account.closed_reason, without=without
        ),
        "link": f"{data.holiday_url}{holiday.pk}/change/",
    }


def format_distance(date: dt.date, today: dt.date) -> str:
    """`today`, `tomorrow`, `in 12 days`, `in 3 months`; empty for the past."""
    days = (date - today).days
    if days < 0:
        return ""
    if days <= 1:
        return _("tomorrow") if days else _("today")
    if days < 60:
        return ngettext("in %(n)d day", "in %(n)d days", days) % {"n": days}
    months = round(days / 30.4)
    return ngettext("in %(n)d month", "in %(n)d months", months) % {"n": months}


def _withdrawn(data: _HolidayData) -> list[dict[str, Any]]:
    """Days deleted here on which callers will still hear the holiday message."""
    return [
        {
            "date": date_format(date, "l, j F Y"),
            "link": f"{data.setting_url}{setting.pk}/change/",
        }
        for date, setting in sorted(data.settings.items(), key=lambda item: item[0])
        if setting.state == State.WITHDRAWN and date >= data.today
    ]


def _hint_year(data: _HolidayData) -> int | None:
    """Next year, from 1 December on, as long as it has no holiday; else None."""
    following = data.today.year + 1
    if data.today.month < DECEMBER or any(date.year == following for date in data.by_date):
        return None
    return following
