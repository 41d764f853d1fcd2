"""The home screen: call figures of a period, and the state of the office.

The period is a query parameter of the index. When the user chooses another period, htmx loads the figures alone. If
the figures cannot be loaded, the rest of the page is shown with a message.
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
from calllogs.callbacks import queries, waiting_history
from calllogs.dashboard import page_model, query_params
from calllogs.dashboard.query_params import PERIOD_CHOICES, DashboardParams
from calllogs.dashboard.tiles import MissedCallerCounts
from calllogs.statistics import aggregates
from ivrportal.common.query_timeout import QueryTimeout
from settings_sync.models import Agent

logger = logging.getLogger(__name__)
VIEW_CALLS, VIEW_MISSED_CALLERS = "calllogs.view_calllog", "calllogs.view_missedcaller"
CHANGE_OFFICE_HOURS = (
    "settings_sync.change_officehours"  # users with this permission see the office above the figures
)


def get_urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("home/figures/", site.admin_view(require_safe(figures_view)), name="home_figures")]


def figures_view(request: HttpRequest) -> HttpResponse:
    """The figures without the page around them."""
    if not request.user.has_perm(VIEW_CALLS):
        raise PermissionDenied
    visibility = visibility_for(request.user)
    agents = Agent.objects.order_by().filter(visibility.condition())
    names = dict(agents.values_list("number", "name"))
    params, waiting = query_params.parse_params(request.GET), None
    if request.user.has_perm(VIEW_MISSED_CALLERS):
        previous = waiting_history.count_waiting_at(params.period.before().end, visibility.departments)
        waiting = MissedCallerCounts(queries.count_waiting_in(visibility.departments), previous)
    context = build_figures_context(request, params, names=names, waiting=waiting)
    headers = {"Cache-Control": "no-store"}
    return TemplateResponse(request, "calllogs/dashboard/figures.html", context, headers=headers)


def build_index_context(
    request: HttpRequest, params: DashboardParams, *, agents: list[Agent], waiting: MissedCallerCounts
) -> dict[str, Any]:
    """Context of the index. `agents`: all agents; `waiting`: the missed callers that the user may see."""
    user, visibility = request.user, visibility_for(request.user)
    context: dict[str, Any] = {"shows_office_first": user.has_perm(CHANGE_OFFICE_HOURS)}
    if user.has_perm(VIEW_CALLS):
        names = {agent.number: agent.name for agent in agents if visibility.covers(agent.department)}
        context |= build_figures_context(
            request, params, names=names, waiting=waiting if user.has_perm(VIEW_MISSED_CALLERS) else None
        )
    return context


def build_figures_context(
    request: HttpRequest,
    params: DashboardParams,
    *,
    names: Mapping[str, str],
    waiting: MissedCallerCounts | None,
) -> dict[str, Any]:
    """Context of `figures.html`; without `figures` if the database fails or the query times out.

    `names`: names of the agents that the user may see, by number.
    """
    departments = visibility_for(request.user).departments
    home_url, figures_url = reverse("admin:index"), reverse("admin:home_figures")
    context: dict[str, Any] = {
        "params": params,
        "departments_text": aggregates.departments_text(departments),
        "period_choices": [
            (key, label, f"{home_url}?period={key}", f"{figures_url}?period={key}")
            for key, (label, _days) in PERIOD_CHOICES.items()
        ],
        "retry_url": f"{figures_url}?{params.query()}",
    }
    try:
        context["figures"] = page_model.load_page(
            params, names=names, waiting=waiting, departments=departments
        )
    except (DatabaseError, QueryTimeout) as error:
        logger.warning("the home screen's figures could not be read (%s)", type(error).__name__)
    return context
