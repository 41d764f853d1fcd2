"""The wall board: the figures of today on a big screen. It updates every ten seconds without any input.

A request from htmx gets the figures alone. After a sign-out it gets a short message with status 286, which ends htmx's
polling, instead of a sign-in form inside the board.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from csp.decorators import csp_replace
from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from calllogs.access.visibility import visibility_for
from calllogs.callbacks.presentation import format_waiting_time
from calllogs.dashboard import wallboard
from calllogs.dashboard.wallboard import TeamAvailability, WallboardData
from calllogs.models import CallLog
from calllogs.models.alarm import ALARM_STYLE
from calllogs.models.call import STATUS_BADGE
from ivrportal.common.phone import mask

VIEW = "calllogs.view_calllog"
STOP_POLLING = 286
SOON, LONG = dt.timedelta(minutes=15), dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RecentCall:
    at: str
    caller: str
    status: str
    colour: str
    icon: str
    agent: str  # the agent's name, otherwise the department


@dataclass(frozen=True, slots=True)
class TeamRow:
    name: str
    available: int
    total: int
    names: str


def get_urls(site: admin.AdminSite) -> list[URLPattern]:
    def board(request: HttpRequest) -> HttpResponse:
        if request.headers.get("HX-Request"):
            return wallboard_figures(request, site)
        return page_view(request)

    page_view = site.admin_view(wallboard_page)
    # The page does not use the admin theme, so it needs neither eval nor inline styles.
    strict_csp = csp_replace({"script-src": ["'self'"], "style-src-attr": ["'none'"], "img-src": ["'self'"]})
    return [path("board/", strict_csp(require_safe(board)), name="board")]


def wallboard_page(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    context = {
        **build_context(wallboard.load_wallboard(visibility_for(request.user))),
        "title": _("Wall board"),
    }
    return TemplateResponse(request, "calllogs/dashboard/wallboard.html", context)


def wallboard_figures(request: HttpRequest, site: admin.AdminSite) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    if not site.has_permission(request) or not request.user.has_perm(VIEW):
        back = urlencode({REDIRECT_FIELD_NAME: reverse("admin:board")})
        context = {
            "sign_in_url": f"{reverse('admin:login')}?{back}",
            "is_signed_in": site.has_permission(request),
        }
        return TemplateResponse(
            request,
            "calllogs/dashboard/wallboard_signed_out.html",
            context,
            status=STOP_POLLING,
            headers=headers,
        )
    board = build_context(wallboard.load_wallboard(visibility_for(request.user)))
    return TemplateResponse(request, "calllogs/dashboard/wallboard_body.html", board, headers=headers)


def build_context(wall: WallboardData) -> dict[str, Any]:
    now = timezone.localtime()
    waited = now - wall.waiting_since if wall.waiting_since else None
    return {
        "wall": wall,
        "updated_at": time_format(now, "H:i:s"),
        "day": date_format(now, "l, j F"),
        "office": _office_text(wall),
        "answered_percent": f"{100 * wall.answered / wall.calls:.0f}" if wall.calls else "–",
        "waited": format_waiting_time(waited) if waited else "",
        "urgency": "calm" if waited is None or waited < SOON else "soon" if waited < LONG else "long",
        "talk": _format_minutes(wall.talk_seconds),
        "teams": [_build_team_row(team) for team in wall.teams],
        "last": [_build_call_row(call, wall.names) for call in wall.last],
        "alarms": [(ALARM_STYLE[alarm.kind][1], alarm.get_kind_display()) for alarm in wall.alarms],
    }


def _office_text(wall: WallboardData) -> str:
    if wall.plan.holiday is not None:
        return _("Holiday: callers hear the holiday message")
    if wall.plan.opens_at is None or wall.plan.closes_at is None:
        return ""
    hours = {
        "opens": time_format(wall.plan.opens_at, "H:i"),
        "closes": time_format(wall.plan.closes_at, "H:i"),
    }
    return (
        _("Open until %(closes)s") if wall.is_open else _("Closed; today %(opens)s to %(closes)s")
    ) % hours


def _format_minutes(seconds: float | None) -> str:
    return "–" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _build_team_row(team: TeamAvailability) -> TeamRow:
    more = team.available - len(team.names)
    names = ", ".join(team.names)
    if more > 0:
        names = _("%(names)s and %(n)d more") % {"names": names, "n": more}
    return TeamRow(team.name or _("No department"), team.available, team.total, names or _("Nobody"))


def _build_call_row(call: CallLog, names: dict[str, str]) -> RecentCall:
    colour, icon = STATUS_BADGE[call.status]
    local = timezone.localtime(call.started_at)
    is_today = local.date() == timezone.localdate()
    return RecentCall(
        time_format(local, "H:i") if is_today else date_format(local, "j M, H:i"),
        mask(call.caller) if call.caller[-2:].isdigit() else _("number hidden"),
        call.get_status_display(),
        colour,
        icon,
        names.get(call.agent_number) or call.department,
    )
