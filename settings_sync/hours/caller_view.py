"""What callers will hear: a moment to pick, and the next seven days as a strip."""

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
from settings_sync.schedule import CallerHears, DayPlan, ScheduleAnswer

VIEW = "settings_sync.view_officehours"
STRIP_DAYS = 7
YEARS = range(2000, 2101)  # beyond, a zone's rules are guesses


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the strip. `kind`: open, holiday, other (hours for this date only) or unset."""

    kind: str
    name: str
    date: str
    words: str
    note: str
    bar: day_bars.Bar
    badge: str
    link: str


@dataclass(frozen=True, slots=True)
class BadgeStyle:
    """How an answer looks: `kind` is open, closed, holiday or unset."""

    kind: str
    words: str
    icon: str


@dataclass(frozen=True, slots=True)
class Week:
    """The strip: what callers hear at this moment, and the days from today on."""

    now: BadgeStyle
    why: str
    days: list[Day]
    closes_at: dt.time | None  # if the office is open at this moment


def week(now: dt.datetime | None = None, *, gate: Callable[[], GateClosed | None] = badges.gate) -> Week:
    """Today and the six days after it, in five queries, four if nothing waits to be sent or `gate` is known."""
    moment = timezone.localtime(now or timezone.now())
    plans = schedule.days(moment.date(), STRIP_DAYS)
    return _week(plans, _gate(plans, gate), moment)


def _week(plans: list[DayPlan], shut: GateClosed | None, moment: dt.datetime) -> Week:
    today = plans[0]
    answer = schedule.answer_for(today, moment.time())
    is_open = answer.heard == CallerHears.OPEN and today.opens_at is not None
    return Week(
        badge_style(today, answer),
        answer.rule,
        [_day(plan, today, shut, moment) for plan in plans],
        today.closes_at if is_open else None,
    )


def _gate(plans: list[DayPlan], gate: Callable[[], GateClosed | None]) -> GateClosed | None:
    """Whether things are sent matters only to what still has to be."""
    return gate() if any(plan.told and plan.told.next_attempt_at for plan in plans) else None


def badge_style(plan: DayPlan, answer: ScheduleAnswer) -> BadgeStyle:
    if plan.holiday is None and plan.opens_at is None:
        return BadgeStyle("unset", _("Not known here: the provider's own hours apply"), "help")
    return {
        CallerHears.OPEN: BadgeStyle("open", _("Open: agents are called"), "phone_in_talk"),
        CallerHears.CLOSED: BadgeStyle("closed", _("Closed: the recorded message"), "voicemail"),
        CallerHears.HOLIDAY: BadgeStyle("holiday", _("Holiday: the holiday message"), "celebration"),
    }[answer.heard]


def standing(plan: DayPlan, today: DayPlan, shut: GateClosed | None) -> str:
    """The badge of the setting that decides, or why the provider does not have it yet and need not."""
    if plan.date < today.date:
        return badges.badge(None, None, without=_("Past"))
    if plan.holiday is None and plan.opens_at is None:
        return badges.badge(None, None, without=_("Nothing set"))
    if plan.is_other and plan.date > today.date:
        return badges.badge(None, None, without=_("Goes out by itself that day"))
    if today.is_other and plan.address == today.address and plan.date > today.date:
        return badges.badge(None, None, without=_("Comes back by itself after today"))
    return badges.badge(plan.told, shut)


def link_to(plan: DayPlan) -> str:
    """Where the day is changed."""
    if plan.holiday is not None:
        return f"{reverse('admin:settings_sync_holiday_changelist')}?q={plan.holiday}"
    return f"{reverse('admin:settings_sync_officehours_changelist')}#{plan.weekday}"


def _day(plan: DayPlan, today: DayPlan, shut: GateClosed | None, moment: dt.datetime) -> Day:
    is_today = plan.date == today.date
    near = {0: _("Today"), 1: _("Tomorrow")}.get((plan.date - today.date).days)
    kind, words, note = _kind(plan)
    return Day(
        kind,
        near or date_format(plan.date, "l"),
        date_format(plan.date, "D j M" if near else "j M"),
        words,
        note,
        day_bars.day_bar(
            None if plan.holiday is not None else plan.opens_at,
            plan.closes_at,
            now=moment.time() if is_today else None,
        ),
        standing(plan, today, shut),
        link_to(plan),
    )


def _kind(plan: DayPlan) -> tuple[str, str, str]:
    if plan.holiday is not None:
        return "holiday", _("Holiday"), plan.holiday
    if plan.opens_at is None or plan.closes_at is None:
        return "unset", _("No hours set"), _("The provider's own apply.")
    hours = day_bars.interval(plan.opens_at, plan.closes_at)
    return ("other", hours, _("This date only")) if plan.is_other else ("open", hours, "")


# --- the page ---


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("heard/", site.admin_view(require_safe(page)), name="heard")]


def page(request: HttpRequest) -> HttpResponse:
    """`?at=2026-11-08T10:00`; now, if left out."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    now, shut = timezone.localtime(), badges.gate()
    text = request.GET.get("at", "")
    moment = _moment(text) if text else now
    dates = [now.date() + dt.timedelta(days=ahead) for ahead in range(STRIP_DAYS)]
    *strip, asked = schedule.plans([*dates, (moment or now).date()])
    context = {
        **admin.site.each_context(request),
        "title": _("What will callers hear?"),
        "at": text if moment is None else f"{moment:%Y-%m-%dT%H:%M}",
        "is_now": not text,
        "is_no_moment": moment is None,
        "zone": zone_words(now),
        "heard_week": _week(strip, shut, now),
        **date_overrides.context(request, date_overrides.usual_hours(), shut, page="heard"),
    }
    if moment is not None:
        context |= _answer(asked, moment) | {
            "badge": standing(asked, strip[0], shut),
            "is_past": moment < now - dt.timedelta(minutes=1),
        }
    return TemplateResponse(request, "settings_sync/hours/caller_view.html", context)


def _answer(plan: DayPlan, moment: dt.datetime) -> dict[str, Any]:
    answer = schedule.answer_for(plan, moment.time())
    return {
        "look": badge_style(plan, answer),
        "rule": answer.rule,
        "is_other": plan.is_other,
        "moment": date_format(moment, "l, j F Y, H:i"),
        "link": link_to(plan),
    }


def _moment(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.year not in YEARS:
        return None
    return timezone.localtime(moment) if moment.tzinfo else timezone.make_aware(moment)


def zone_words(now: dt.datetime) -> str:
    """`Asia/Kolkata (IST, UTC+05:30)`: the zone that all hours are in."""
    offset = f"{now:%z}"
    return f"{timezone.get_current_timezone_name()} ({now:%Z}, UTC{offset[:3]}:{offset[3:5]})"
