"""Guard against office hours without an available agent: a confirmation before it happens, an alarm while it lasts.

Office hours are those of the portal. On a day without hours the guard does nothing, because it is unknown whether
callers are let through.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _

from settings_sync import schedule, setting_address
from settings_sync.models import Agent, Holiday, OfficeHours, OtherHours
from settings_sync.schedule import CallerHears

CONFIRMED_PARAMETER = "sure"
TODAY_FIELDS = ("today_opens", "today_closes", "today_off")


@dataclass(frozen=True, slots=True)
class CoverageAlarm:
    """Missing agents during office hours: all agents, or all of the named departments. `until` is the closing time."""

    is_nobody: bool = False
    departments: list[str] = field(default_factory=list)
    until: str = ""


def closing_time(now: dt.datetime) -> dt.time | None:
    """Return today's closing time if the office is open at `now`, else None. One query."""
    local = timezone.localtime(now)
    usual = OfficeHours.objects.filter(day=setting_address.WEEKDAYS[local.weekday()])
    row = _with_today(usual, local).values(*TODAY_FIELDS).first()
    return _closes_at(row, local) if row else None


def _with_today(rows: QuerySet, local: dt.datetime) -> QuerySet:
    """Annotate each row with today's hours and holiday, so that pages need no extra query."""
    usual = OfficeHours.objects.filter(day=setting_address.WEEKDAYS[local.weekday()]).order_by()
    other = OtherHours.objects.filter(date=local.date()).order_by()
    return rows.annotate(
        today_opens=Coalesce(Subquery(other.values("opens_at")[:1]), Subquery(usual.values("opens_at")[:1])),
        today_closes=Coalesce(
            Subquery(other.values("closes_at")[:1]), Subquery(usual.values("closes_at")[:1])
        ),
        today_off=Exists(Holiday.objects.filter(date=local.date())),
    )


def _closes_at(row: dict[str, Any], local: dt.datetime) -> dt.time | None:
    plan = schedule.DayPlan(
        local.date(),
        "",
        False,
        holiday="" if row["today_off"] else None,
        opens_at=row["today_opens"],
        closes_at=row["today_closes"],
    )
    is_open = (
        plan.opens_at is not None and schedule.answer_for(plan, local.time()).caller_hears == CallerHears.OPEN
    )
    return plan.closes_at if is_open else None


def find_alarm(agents: Iterable[Agent], closes_at: dt.time | None) -> CoverageAlarm:
    """Return the alarm for `agents` (all agents of the office). `closes_at` is None while the office is closed."""
    agents = list(agents)
    if closes_at is None or not agents:
        return CoverageAlarm()
    until = time_format(closes_at, "H:i")
    available = {agent.department for agent in agents if agent.availability == Agent.Availability.AVAIL}
    if not available:
        return CoverageAlarm(is_nobody=True, until=until)
    empty = sorted({agent.department for agent in agents if agent.department} - available)
    return CoverageAlarm(departments=empty, until=until)


def load_alarm() -> CoverageAlarm:
    """Return the current alarm, for pages that have not loaded the agents; one query."""
    local = timezone.localtime()
    rows = _with_today(Agent.objects.order_by(), local).values("department", "availability", *TODAY_FIELDS)
    distinct = list(rows.distinct())
    if not distinct:
        return CoverageAlarm()
    agents = [Agent(department=row["department"], availability=row["availability"]) for row in distinct]
    return find_alarm(agents, _closes_at(distinct[0], local))


def build_questions(leaving: Iterable[int], *, now: dt.datetime | None = None) -> list[str]:
    """Return the sentences to confirm before these agents are switched off; empty if no confirmation is needed.

    Call it in the transaction of the switch, after `Circuit.lock`. Otherwise two users who each switch off one of the
    last two agents would not be asked.
    """
    leaving = set(leaving)
    available = list(
        Agent.objects.filter(availability=Agent.Availability.AVAIL).values_list("pk", "department")
    )
    leaving_departments = {department for pk, department in available if pk in leaving}
    if not leaving_departments:
        return []
    closes_at = closing_time(now or timezone.now())
    if closes_at is None:
        return []
    until = time_format(closes_at, "H:i")
    remaining_departments = {department for pk, department in available if pk not in leaving}
    if not remaining_departments:
        return [
            _("Then nobody at all is available, and the office is open until %(until)s.") % {"until": until},
            _("Callers are let through, but there is no one to answer them."),
        ]
    emptied = sorted(leaving_departments - remaining_departments - {""})
    return [
        _("Then nobody in %(department)s is available, and the office is open until %(until)s.")
        % {"department": department, "until": until}
        for department in emptied
    ]


def is_confirmed(request: HttpRequest) -> bool:
    return bool(request.POST.get(CONFIRMED_PARAMETER))


def confirmation_context(request: HttpRequest, lines: list[str], *, back: str) -> dict[str, object]:
    """Return the context of `confirm_form.html`. The posted fields become hidden inputs and are posted again."""
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name not in {"csrfmiddlewaretoken", CONFIRMED_PARAMETER}
    ]
    return {
        "lines": lines,
        "fields": fields,
        "action": request.get_full_path(),
        "back": back,
        "confirmed_parameter": CONFIRMED_PARAMETER,
    }


def confirmation_page(
    request: HttpRequest, model_admin: object, lines: list[str], *, back: str = ""
) -> TemplateResponse:
    """Render the confirmation page. Yes posts the same request again; no returns to `back` without a change."""
    admin_site = model_admin.admin_site  # type: ignore[attr-defined]
    opts = model_admin.opts  # type: ignore[attr-defined]
    return TemplateResponse(
        request,
        "settings_sync/coverage/confirm.html",
        {
            **admin_site.each_context(request),
            "opts": opts,
            "title": _("Switch off the last one?"),
            **confirmation_context(request, lines, back=back or request.get_full_path()),
        },
    )
