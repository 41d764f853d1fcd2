"""What callers hear: the page for a chosen moment, and the strip of the next seven days."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from settings_sync import schedule
from settings_sync.delivery import badges
from settings_sync.delivery.circuit import GateClosed
from settings_sync.hours import date_overrides, day_bars
from settings_sync.hours.override_forms import load_usual_hours
from settings_sync.schedule import CallerHears, DayPlan, ScheduleAnswer

VIEW_PERMISSION = "settings_sync.view_officehours"
STRIP_DAYS = 7
SUPPORTED_YEARS = range(2000, 2101)  # outside, time zone rules are guesses


@dataclass(frozen=True, slots=True)
class StripDay:
    """One day of the strip. `kind` is open, holiday, other (hours for this date only) or unset."""

    kind: str
    name: str
    date: str
    label: str
    note: str
    bar: day_bars.DayBar
    badge: str
    link: str


@dataclass(frozen=True, slots=True)
class BadgeStyle:
    """The style of an answer; `kind` is open, closed, holiday or unset."""

    kind: str
    label: str
    icon: str


@dataclass(frozen=True, slots=True)
class WeekStrip:
    """What callers hear now, and the days from today on."""

    now: BadgeStyle
    rule: str
    days: list[StripDay]
    closes_at: dt.time | None  # None if the office is closed now


def load_week_strip(
    now: dt.datetime | None = None,
    *,
    get_closed_reason: Callable[[], GateClosed | None] = badges.load_closed_reason,
) -> WeekStrip:
    """Today and the next six days, in five queries; four if no setting is pending or the gate state is known."""
    moment = timezone.localtime(now or timezone.now())
    plans = schedule.plan_days(moment.date(), STRIP_DAYS)
    return _build_week_strip(plans, _closed_reason_if_pending(plans, get_closed_reason), moment)


def _build_week_strip(plans: list[DayPlan], closed: GateClosed | None, moment: dt.datetime) -> WeekStrip:
    today = plans[0]
    answer = schedule.answer_for(today, moment.time())
    is_open = answer.caller_hears == CallerHears.OPEN and today.opens_at is not None
    return WeekStrip(
        badge_style(today, answer),
        answer.rule,
        [_build_day(plan, today, closed, moment) for plan in plans],
        today.closes_at if is_open else None,
    )


def _closed_reason_if_pending(
    plans: list[DayPlan], get_closed_reason: Callable[[], GateClosed | None]
) -> GateClosed | None:
    """The gate state affects only the badges of pending settings."""
    return (
        get_closed_reason() if any(plan.setting and plan.setting.next_attempt_at for plan in plans) else None
    )


def badge_style(plan: DayPlan, answer: ScheduleAnswer) -> BadgeStyle:
    if plan.holiday is None and plan.opens_at is None:
        return BadgeStyle("unset", _("Not known here: the provider's own hours apply"), "help")
    return {
        CallerHears.OPEN: BadgeStyle("open", _("Open: agents are called"), "phone_in_talk"),
        CallerHears.CLOSED: BadgeStyle("closed", _("Closed: the recorded message"), "voicemail"),
        CallerHears.HOLIDAY: BadgeStyle("holiday", _("Holiday: the holiday message"), "celebration"),
    }[answer.caller_hears]


def setting_badge(plan: DayPlan, today: DayPlan, closed: GateClosed | None) -> str:
    """The badge of the deciding setting, or the reason why the provider does not need it yet."""
    if plan.date < today.date:
        return badges.render_badge(None, None, without=_("Past"))
    if plan.holiday is None and plan.opens_at is None:
        return badges.render_badge(None, None, without=_("Nothing set"))
    if plan.is_override and plan.date > today.date:
        return badges.render_badge(None, None, without=_("Goes out by itself that day"))
    if today.is_override and plan.address == today.address and plan.date > today.date:
        return badges.render_badge(None, None, without=_("Comes back by itself after today"))
    return badges.render_badge(plan.setting, closed)


def edit_link(plan: DayPlan) -> str:
    """The page on which the day is edited."""
    if plan.holiday is not None:
        return f"{reverse('admin:settings_sync_holiday_changelist')}?q={plan.holiday}"
    return f"{reverse('admin:settings_sync_officehours_changelist')}#{plan.weekday}"


def _build_day(plan: DayPlan, today: DayPlan, closed: GateClosed | None, moment: dt.datetime) -> StripDay:
    is_today = plan.date == today.date
    relative = {0: _("Today"), 1: _("Tomorrow")}.get((plan.date - today.date).days)
    kind, label, note = _describe_plan(plan)
    return StripDay(
        kind,
        relative or date_format(plan.date, "l"),
        date_format(plan.date, "D j M" if relative else "j M"),
        label,
        note,
        day_bars.day_bar(
            None if plan.holiday is not None else plan.opens_at,
            plan.closes_at,
            now=moment.time() if is_today else None,
        ),
        setting_badge(plan, today, closed),
        edit_link(plan),
    )


def _describe_plan(plan: DayPlan) -> tuple[str, str, str]:
    if plan.holiday is not None:
        return "holiday", _("Holiday"), plan.holiday
    if plan.opens_at is None or plan.closes_at is None:
        return "unset", _("No hours set"), _("The provider's own apply.")
    hours = day_bars.format_interval(plan.opens_at, plan.closes_at)
    return ("other", hours, _("This date only")) if plan.is_override else ("open", hours, "")


# --- the page ---


def get_urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("heard/", site.admin_view(require_safe(caller_view_page)), name="heard")]


def caller_view_page(request: HttpRequest) -> HttpResponse:
    """`?at=2026-11-08T10:00`; now if omitted."""
    if not request.user.has_perm(VIEW_PERMISSION):
        raise PermissionDenied
    now, closed = timezone.localtime(), badges.load_closed_reason()
    text = request.GET.get("at", "")
    moment = _parse_moment(text) if text else now
    dates = [now.date() + dt.timedelta(days=ahead) for ahead in range(STRIP_DAYS)]
    *strip, plan = schedule.plan_dates([*dates, (moment or now).date()])
    context = {
        **admin.site.each_context(request),
        "title": _("What will callers hear?"),
        "at": text if moment is None else f"{moment:%Y-%m-%dT%H:%M}",
        "is_now": not text,
        "is_invalid": moment is None,
        "zone": format_zone(now),
        "week_strip": _build_week_strip(strip, closed, now),
        **date_overrides.build_context(request, load_usual_hours(), closed, return_to="heard"),
    }
    if moment is not None:
        context |= _answer_context(plan, moment) | {
            "badge": setting_badge(plan, strip[0], closed),
            "is_past": moment < now - dt.timedelta(minutes=1),
        }
    return TemplateResponse(request, "settings_sync/hours/caller_view.html", context)


def _answer_context(plan: DayPlan, moment: dt.datetime) -> dict[str, Any]:
    answer = schedule.answer_for(plan, moment.time())
    return {
        "style": badge_style(plan, answer),
        "rule": answer.rule,
        "is_override": plan.is_override,
        "moment": date_format(moment, "l, j F Y, H:i"),
        "link": edit_link(plan),
    }


def _parse_moment(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.year not in SUPPORTED_YEARS:
        return None
    return timezone.localtime(moment) if moment.tzinfo else timezone.make_aware(moment)


def format_zone(now: dt.datetime) -> str:
    """`Asia/Kolkata (IST, UTC+05:30)`, the zone of all displayed hours."""
    offset = f"{now:%z}"
    return f"{timezone.get_current_timezone_name()} ({now:%Z}, UTC{offset[:3]}:{offset[3:5]})"
