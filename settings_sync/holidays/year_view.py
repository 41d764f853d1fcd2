"""What the holidays' page draws: a year as twelve small months, and the list beneath."""

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
from settings_sync.delivery.account_status import Account
from settings_sync.holidays import india
from settings_sync.models import Holiday, ProviderSetting
from settings_sync.models.provider_setting import STATE_LOOK, State

FIRST_YEAR, LAST_YEAR = 2000, 2100
SHOWN_UPCOMING, SHOWN_PAST = 100, 50
DECEMBER = 12


@dataclass(frozen=True, slots=True)
class Day:
    """A square of the calendar. `look` are its classes, `title` what is celebrated on it."""

    number: int
    iso: str
    label: str
    look: str = ""
    title: str = ""
    link: str = ""
    is_today: bool = False
    is_free: bool = False  # a click adds a holiday


class _Record:
    """All holidays and what the provider has of them, in three queries."""

    def __init__(self) -> None:
        self.today = timezone.localdate()
        self.holidays = list(Holiday.objects.order_by("date"))
        self.by_date = {holiday.date: holiday for holiday in self.holidays}
        rows = ProviderSetting.objects.filter(kind=setting_address.HOLIDAY)
        self.settings = {setting_address.holiday_date(row.address): row for row in rows}
        self.account: Account = accounts.read()
        # A year has 365 links: their beginnings are looked up once.
        self.holiday_url = reverse("admin:settings_sync_holiday_changelist")
        self.setting_url = reverse("admin:settings_sync_providersetting_changelist")


def page(request: HttpRequest, *, may_add: bool) -> dict[str, Any]:
    """The context of the holidays' page."""
    record = _Record()
    year = _year(request.GET.get("year", ""))
    months = _months(year, record.today)
    is_all = "all" in request.GET
    upcoming = [holiday for holiday in record.holidays if holiday.date >= record.today]
    past = [holiday for holiday in reversed(record.holidays) if holiday.date < record.today]
    return {
        "heading": str(year) if year else f"{_caption(months[0])} – {_caption(months[-1])}",
        "is_year": year is not None,
        "year_before": _in_range(year - 1 if year else record.today.year),
        "year_after": _in_range((year or record.today.year) + 1),
        "months": [_month(record, *month, is_of_year=year is not None, may_add=may_add) for month in months],
        "weekdays": [(WEEKDAYS_ABBR[day], WEEKDAYS[day]) for day in range(7)],
        "count_shown": sum((holiday.date.year, holiday.date.month) in months for holiday in record.holidays),
        "next": next(iter(upcoming), None),
        "next_when": when(upcoming[0].date, record.today) if upcoming else "",
        "upcoming": [_line(record, holiday) for holiday in upcoming[: None if is_all else SHOWN_UPCOMING]],
        "upcoming_count": len(upcoming),
        "past": [_line(record, holiday) for holiday in past[:SHOWN_PAST]],
        "past_count": len(past),
        "has_more_past": len(past) > SHOWN_PAST,
        "withdrawn": _withdrawn(record),
        "hint_year": _hint_year(record),
    }


def _year(text: str) -> int | None:
    is_year = len(text) == 4 and text.isascii() and text.isdigit()
    return min(max(int(text), FIRST_YEAR), LAST_YEAR) if is_year else None


def _in_range(year: int) -> int | None:
    return year if FIRST_YEAR <= year <= LAST_YEAR else None


def _months(year: int | None, today: dt.date) -> list[tuple[int, int]]:
    """A calendar year's twelve, or the twelve from this month on: in November a year is mostly past."""
    if year:
        return [(year, month) for month in range(1, 13)]
    return [
        (today.year + (today.month + ahead > 12), (today.month - 1 + ahead) % 12 + 1) for ahead in range(12)
    ]


def _caption(month: tuple[int, int]) -> str:
    return f"{MONTHS[month[1]]} {month[0]}"


def _month(record: _Record, year: int, month: int, *, is_of_year: bool, may_add: bool) -> dict[str, Any]:
    weeks = calendar.Calendar().monthdatescalendar(year, month)
    return {
        "name": MONTHS[month] if is_of_year else _caption((year, month)),
        "weeks": [
            [_day(record, date, may_add=may_add) if date.month == month else None for date in week]
            for week in weeks
        ],
    }


def _day(record: _Record, date: dt.date, *, may_add: bool) -> Day:
    label = f"{WEEKDAYS[date.weekday()]}, {date.day} {MONTHS[date.month]} {date.year}"
    is_today, is_past = date == record.today, date < record.today
    holiday, setting = record.by_date.get(date), record.settings.get(date)
    age = " day-past" if is_past else ""
    if holiday:
        words = (
            badges.state_label(setting, record.account.shut) if setting else _without(holiday, record.today)
        )
        return Day(
            date.day,
            date.isoformat(),
            f"{label}: {holiday.name or _('holiday')}, {words}",
            f"day-holiday {_colour(record, setting)}{age}",
            title=f"{holiday.name or _('Holiday')} ({words})",
            link=f"{record.holiday_url}{holiday.pk}/change/",
            is_today=is_today,
        )
    if setting and setting.state == State.WITHDRAWN:
        words = str(State.WITHDRAWN.label)
        link = f"{record.setting_url}{setting.pk}/change/"
        look = f"day-holiday day-withdrawn{age}"
        return Day(date.day, date.isoformat(), f"{label}: {words}", look, words, link, is_today)
    if is_past or not may_add:
        return Day(date.day, date.isoformat(), label, age.strip(), is_today=is_today)
    link = f"{record.holiday_url}add/?date={date.isoformat()}"
    return Day(date.day, date.isoformat(), label, link=link, is_today=is_today, is_free=True)


def _colour(record: _Record, setting: ProviderSetting | None) -> str:
    if setting is None:
        return "badge-base"
    return f"badge-{STATE_LOOK[circuit.shown_state(setting, record.account.shut)][0]}"


def _without(holiday: Holiday, today: dt.date) -> str:
    return _("past: not sent") if holiday.date < today else _("not sent")


def _line(record: _Record, holiday: Holiday) -> dict[str, Any]:
    without = _without(holiday, record.today).capitalize()
    return {
        "id": holiday.pk,
        "date": holiday.date,
        "weekday": WEEKDAYS[holiday.date.weekday()],
        "name": holiday.name,
        "when": when(holiday.date, record.today),
        "is_estimated": holiday.date >= record.today and india.is_estimated(holiday.name),
        "badge": badges.badge(record.settings.get(holiday.date), record.account.shut, without=without),
        "link": f"{record.holiday_url}{holiday.pk}/change/",
    }


def when(date: dt.date, today: dt.date) -> str:
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


def _withdrawn(record: _Record) -> list[dict[str, Any]]:
    """Days that were deleted here and on which callers will still hear the holiday message."""
    return [
        {
            "date": date_format(date, "l, j F Y"),
            "link": f"{record.setting_url}{setting.pk}/change/",
        }
        for date, setting in sorted(record.settings.items(), key=lambda item: item[0])
        if setting.state == State.WITHDRAWN and date >= record.today
    ]


def _hint_year(record: _Record) -> int | None:
    """Next year, from 1 December on, while none of its holidays is entered."""
    following = record.today.year + 1
    if record.today.month < DECEMBER or any(date.year == following for date in record.by_date):
        return None
    return following
