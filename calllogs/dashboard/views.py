"""The home screen: what the calls of a period come to, and how the office stands.

The period stands in the address of the index. The picture of the calls can be asked for alone, by htmx, when another
period is picked; if it cannot be read, the rest of the page stands, and says so.
"""

import logging
from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe

from calllogs.access.visibility import visibility_for
from calllogs.callbacks import hourly_counts, queries
from calllogs.dashboard import page_model, query_params
from calllogs.dashboard.page_model import MissedCallerCounts
from calllogs.dashboard.query_params import PICKS, DashboardParams
from calllogs.statistics import aggregates
from ivrportal.common.query_timeout import QueryTimeout
from settings_sync.models import Agent

logger = logging.getLogger(__name__)
VIEW, DESK = "calllogs.view_calllog", "calllogs.view_missedcaller"
LEADS = "settings_sync.change_officehours"  # whoever may change the hours wants to know first how the office stands


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("home/figures/", site.admin_view(require_safe(figures)), name="home_figures")]


def figures(request: HttpRequest) -> HttpResponse:
    """The picture of the calls alone."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    sight = visibility_for(request.user)
    agents = Agent.objects.order_by().filter(sight.condition())
    names = dict(agents.values_list("number", "name"))
    asked, waiting = query_params.from_query(request.GET), None
    if request.user.has_perm(DESK):
        waited = hourly_counts.at(asked.period.before().end, sight.departments)
        waiting = MissedCallerCounts(queries.waiting_in(sight.departments), waited)
    found = build_page(request, asked, names=names, waiting=waiting)
    headers = {"Cache-Control": "no-store"}
    return TemplateResponse(request, "calllogs/dashboard/figures.html", found, headers=headers)


def context(
    request: HttpRequest, asked: DashboardParams, *, agents: list[Agent], waiting: MissedCallerCounts
) -> dict[str, Any]:
    """For the index; `agents` are all that there are, `waiting` the missed callers whom the person may see."""
    user, sight = request.user, visibility_for(request.user)
    found: dict[str, Any] = {"office_leads": user.has_perm(LEADS)}
    if user.has_perm(VIEW):
        names = {agent.number: agent.name for agent in agents if sight.covers(agent.department)}
        found |= build_page(request, asked, names=names, waiting=waiting if user.has_perm(DESK) else None)
    return found


def build_page(
    request: HttpRequest,
    asked: DashboardParams,
    *,
    names: Mapping[str, str],
    waiting: MissedCallerCounts | None,
) -> dict[str, Any]:
    """What `home_figures.html` draws; without a picture, if the database does not give it.

    `names` are of the agents whom the person may see, by number.
    """
    departments = visibility_for(request.user).departments
    home, alone = reverse("admin:index"), reverse("admin:home_figures")
    found: dict[str, Any] = {
        "asked": asked,
        "whose": aggregates.departments_words(departments),
        "picks": [
            (key, words, f"{home}?period={key}", f"{alone}?period={key}")
            for key, (words, _n) in PICKS.items()
        ],
        "again": f"{alone}?{asked.query()}",
    }
    try:
        found["picture"] = page_model.read(asked, names=names, waiting=waiting, departments=departments)
    except (DatabaseError, QueryTimeout) as error:
        logger.warning("the home screen's figures could not be read (%s)", type(error).__name__)
    return found
