"""The admin site: its title, the pages that belong to no model, and the home screen."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from calllogs.access.visibility import visibility_for
from ivrportal import navigation
from ivrportal.common import admin_theme
from ivrportal.observability import gauges
from settings_sync.models import Agent


class PortalSite(admin_theme.AdminSite):
    site_header = site_title = _("IVR Portal")
    index_title = _("Home")

    def get_urls(self) -> list[Any]:
        # Late imports, here and below: the admin modules register themselves with this site.
        from calllogs.alarms import views as alarms_views
        from calllogs.callbacks import views as callbacks_views
        from calllogs.dashboard import views as dashboard_views
        from calllogs.dashboard import wallboard_view
        from calllogs.exports import views as exports_views
        from calllogs.impact import views as impact_views
        from calllogs.intake import connect_views
        from calllogs.privacy import access_report_view, erasure_views
        from ivrportal.accounts import account_views, lockout_views
        from settings_sync.history import views as history_views
        from settings_sync.hours import caller_view

        return [
            *account_views.get_urls(self),
            *lockout_views.get_urls(self),
            *connect_views.get_urls(self),
            *callbacks_views.get_urls(self),
            *erasure_views.get_urls(self),
            *exports_views.get_urls(self),
            *alarms_views.get_urls(self),
            *wallboard_view.get_urls(self),
            *access_report_view.get_urls(self),
            *impact_views.get_urls(self),
            *dashboard_views.get_urls(self),
            *caller_view.get_urls(self),
            *history_views.get_urls(self),
            *super().get_urls(),
        ]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from ivrportal.accounts import login_views

        return login_views.password_step(request, self)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        from ivrportal.accounts import account_views

        return account_views.change_password(request, super().password_change)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        from settings_sync.delivery import banner

        # Empty, so that the theme writes no inline style into pages; its colours are in portal/colors.css.
        return {**super().each_context(request), "colors": {}, **banner.banner_context(request)}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from calllogs.alarms import views as alarms_views
        from calllogs.dashboard import query_params
        from calllogs.dashboard import views as dashboard_views
        from calllogs.dashboard.tiles import MissedCallerCounts
        from settings_sync import coverage
        from settings_sync.delivery import account_status, banner
        from settings_sync.hours import caller_view as hours_caller_view

        # Lazy: without permission to see office hours or agents, the template does not evaluate these.
        gate: Any = SimpleLazyObject(account_status.load)
        week: Any = SimpleLazyObject(
            lambda: hours_caller_view.load_week_strip(get_closed_reason=lambda: gate.closed_reason)
        )
        agents = list(Agent.objects.only("number", "name", "department", "availability").order_by())
        params = query_params.parse_params(request.GET)
        visibility = visibility_for(request.user)
        counts = gauges.current_counts(visibility.departments, before=params.period.before().end)
        # Counted once, for the page and for its navigation.
        setattr(request, navigation.MISSED_CALLERS, counts.missed_callers)
        context = {
            "now": counts,
            "sees_all": not visibility.is_limited,
            "agents": len(agents),
            "agents_available": sum(agent.availability == Agent.Availability.AVAIL for agent in agents),
            "week_strip": week,
            "home_alarms": SimpleLazyObject(lambda: alarms_views.build_home_alarms(request)),
            "alarm": SimpleLazyObject(lambda: coverage.find_alarm(agents, week.closes_at)),
            # The banner and the week strip share the provider account's status.
            "provider_notices": SimpleLazyObject(lambda: banner.build_notices(gate)),
            **dashboard_views.build_index_context(
                request,
                params,
                agents=agents,
                waiting=MissedCallerCounts(counts.missed_callers, counts.missed_callers_before),
            ),
        }
        return super().index(request, {**context, **(extra_context or {})})
