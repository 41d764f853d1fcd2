"""The wall board: today on a big screen. It draws itself anew every ten seconds; who looks at it touches nothing.

A request of htmx gets the figures alone. Who is signed out meanwhile gets one sentence, with status 286: that ends
htmx's polling, and is no sign-in form in the middle of a wall.
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
from calllogs.callbacks.presentation import duration
from calllogs.dashboard import wallboard
from calllogs.dashboard.wallboard import Team, Wall
from calllogs.models import CallLog
from calllogs.models.alarm import ALARM_LOOK
from calllogs.models.call import STATUS_LOOK
from ivrportal.common.phone import mask

VIEW = "calllogs.view_calllog"
STOP_POLLING = 286
SOON, LONG = dt.timedelta(minutes=15), dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Call:
    at: str
    caller: str
    status: str
    look: str
    icon: str
    what: str


@dataclass(frozen=True, slots=True)
class TeamWords:
    name: str
    available: int
    total: int
    names: str


def urls(site: admin.AdminSite) -> list[URLPattern]:
    def board(request: HttpRequest) -> HttpResponse:
        if request.headers.get("HX-Request"):
            return part(request, site)
        return inner(request)

    inner = site.admin_view(page)
    # No theme, so nothing is evaluated, and no style stands in the page.
    strict = csp_replace({"script-src": ["'self'"], "style-src-attr": ["'none'"], "img-src": ["'self'"]})
    return [path("board/", strict(require_safe(board)), name="board")]


def page(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    context = {**words(wallboard.read(visibility_for(request.user))), "title": _("Wall board")}
    return TemplateResponse(request, "calllogs/dashboard/wallboard.html", context)


def part(request: HttpRequest, site: admin.AdminSite) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    if not site.has_permission(request) or not request.user.has_perm(VIEW):
        back = urlencode({REDIRECT_FIELD_NAME: reverse("admin:board")})
        context = {
            "sign_in": f"{reverse('admin:login')}?{back}",
            "is_signed_in": site.has_permission(request),
        }
        return TemplateResponse(
            request,
            "calllogs/dashboard/wallboard_signed_out.html",
            context,
            status=STOP_POLLING,
            headers=headers,
        )
    board = words(wallboard.read(visibility_for(request.user)))
    return TemplateResponse(request, "calllogs/dashboard/wallboard_body.html", board, headers=headers)


def words(wall: Wall) -> dict[str, Any]:
    now = timezone.localtime()
    waited = now - wall.waits_since if wall.waits_since else None
    return {
        "wall": wall,
        "told": time_format(now, "H:i:s"),
        "day": date_format(now, "l, j F"),
        "office": _office(wall),
        "answered_percent": f"{100 * wall.answered / wall.calls:.0f}" if wall.calls else "–",
        "waited": duration(waited) if waited else "",
        "urgency": "calm" if waited is None or waited < SOON else "soon" if waited < LONG else "long",
        "talk": _minutes(wall.talk_seconds),
        "teams": [_team(team) for team in wall.teams],
        "last": [_call(call, wall.names) for call in wall.last],
        "alarms": [(ALARM_LOOK[alarm.kind][1], alarm.get_kind_display()) for alarm in wall.alarms],
    }


def _office(wall: Wall) -> str:
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


def _minutes(seconds: float | None) -> str:
    return "–" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _team(team: Team) -> TeamWords:
    more = team.available - len(team.names)
    names = ", ".join(team.names)
    if more > 0:
        names = _("%(names)s and %(n)d more") % {"names": names, "n": more}
    return TeamWords(team.name or _("No department"), team.available, team.total, names or _("Nobody"))


def _call(call: CallLog, names: dict[str, str]) -> Call:
    look, icon = STATUS_LOOK[call.status]
    local = timezone.localtime(call.started_at)
    is_today = local.date() == timezone.localdate()
    return Call(
        time_format(local, "H:i") if is_today else date_format(local, "j M, H:i"),
        mask(call.caller) if call.caller[-2:].isdigit() else _("number hidden"),
        call.get_status_display(),
        look,
        icon,
        names.get(call.agent_number) or call.department,
    )
