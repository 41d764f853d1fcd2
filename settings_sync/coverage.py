"""Before the last available agent goes off in office hours, a person is asked; while nobody is available, told.

Office hours are those of the portal. A day for which none are set has none: there the guard is silent, because nobody
knows whether callers are let through.
"""

import datetime as dt
from collections import Counter
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

SURE = "sure"
TODAY = ("today_opens", "today_closes", "today_off")


@dataclass(frozen=True, slots=True)
class Alarm:
    """Who is missing in office hours: everybody, or all of some departments."""

    is_nobody: bool = False
    departments: list[str] = field(default_factory=list)
    until: str = ""


def closing_time(now: dt.datetime) -> dt.time | None:
    """When the office closes, if it is open at this moment by its own hours; else None. One query."""
    local = timezone.localtime(now)
    usual = OfficeHours.objects.filter(day=setting_address.WEEKDAYS[local.weekday()])
    row = _with_today(usual, local).values(*TODAY).first()
    return _closes_at(row, local) if row else None


def _with_today(rows: QuerySet, local: dt.datetime) -> QuerySet:
    """Each row with what decides about today, so that no page pays a query for it."""
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
    is_open = plan.opens_at is not None and schedule.answer_for(plan, local.time()).heard == CallerHears.OPEN
    return plan.closes_at if is_open else None


def alarm(agents: Iterable[Agent], closes_at: dt.time | None) -> Alarm:
    """What to say about these agents (all there are) while the office is open until then."""
    agents = list(agents)
    if closes_at is None or not agents:
        return Alarm()
    until = time_format(closes_at, "H:i")
    on = Counter(agent.department for agent in agents if agent.availability == Agent.Availability.AVAIL)
    if not on:
        return Alarm(is_nobody=True, until=until)
    empty = sorted({agent.department for agent in agents if agent.department} - set(on))
    return Alarm(departments=empty, until=until)


def alarm_now() -> Alarm:
    """For a page that does not know the agents yet; one query."""
    local = timezone.localtime()
    rows = _with_today(Agent.objects.order_by(), local).values("department", "availability", *TODAY)
    found = list(rows.distinct())
    if not found:
        return Alarm()
    agents = [Agent(department=row["department"], availability=row["availability"]) for row in found]
    return alarm(agents, _closes_at(found[0], local))


def question(leaving: Iterable[int], *, now: dt.datetime | None = None) -> list[str]:
    """What a person must know before these agents go off, a sentence each; nothing where nobody need be asked.

    Call it in the transaction of the switch, after taking the turn: two people who each switch off one of the last two
    would not be asked otherwise.
    """
    leaving = set(leaving)
    available = list(
        Agent.objects.filter(availability=Agent.Availability.AVAIL).values_list("pk", "department")
    )
    going = {pk: department for pk, department in available if pk in leaving}
    if not going:
        return []
    closes_at = closing_time(now or timezone.now())
    if closes_at is None:
        return []
    until = time_format(closes_at, "H:i")
    staying = [department for pk, department in available if pk not in leaving]
    if not staying:
        return [
            _("Then nobody at all is available, and the office is open until %(until)s.") % {"until": until},
            _("Callers are let through, but there is no one to answer them."),
        ]
    emptied = sorted(set(going.values()) - set(staying) - {""})
    return [
        _("Then nobody in %(department)s is available, and the office is open until %(until)s.")
        % {"department": department, "until": until}
        for department in emptied
    ]


def is_sure(request: HttpRequest) -> bool:
    return bool(request.POST.get(SURE))


def context(request: HttpRequest, lines: list[str], *, back: str) -> dict[str, object]:
    """What was posted goes along unseen, and is posted again with the answer."""
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name not in {"csrfmiddlewaretoken", SURE}
    ]
    return {"lines": lines, "fields": fields, "action": request.get_full_path(), "back": back, "sure": SURE}


def ask(request: HttpRequest, model_admin: object, lines: list[str], *, back: str = "") -> TemplateResponse:
    """The page that asks. Saying yes posts the same once more, saying no leads back and has changed nothing."""
    admin_site = model_admin.admin_site  # type: ignore[attr-defined]
    opts = model_admin.opts  # type: ignore[attr-defined]
    return TemplateResponse(
        request,
        "settings_sync/coverage/confirm.html",
        {
            **admin_site.each_context(request),
            "opts": opts,
            "title": _("Switch off the last one?"),
            **context(request, lines, back=back or request.get_full_path()),
        },
    )
