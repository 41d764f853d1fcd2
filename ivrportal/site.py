"""The admin site: its name, its pages that belong to no model, and the home screen."""

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
        # Imported late, here and below: the admin modules register their screens with this site.
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
            *account_views.urls(self),
            *lockout_views.urls(self),
            *connect_views.urls(self),
            *callbacks_views.urls(self),
            *erasure_views.urls(self),
            *exports_views.urls(self),
            *alarms_views.urls(self),
            *wallboard_view.urls(self),
            *access_report_view.urls(self),
            *impact_views.urls(self),
            *dashboard_views.urls(self),
            *caller_view.urls(self),
            *history_views.urls(self),
            *super().get_urls(),
        ]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from ivrportal.accounts import login_views

        return login_views.sign_in(request, self)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        from ivrportal.accounts import account_views as own_account_views

        return own_account_views.change_password(request, super().password_change)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        from settings_sync.delivery import banner

        # The theme writes its colours into every page; they are in portal/colors.css, so that no style is inline.
        return {**super().each_context(request), "colors": {}, **banner.context(request)}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from calllogs.alarms import views as alarms_views
        from calllogs.dashboard import query_params
        from calllogs.dashboard import views as dashboard_views
        from calllogs.dashboard.page_model import MissedCallerCounts
        from settings_sync import coverage
        from settings_sync.delivery import account_status, banner
        from settings_sync.hours import caller_view as hours_caller_view

        # Lazy: who may not see the office hours or the agents does not pay for the strip and the alarm.
        gate: Any = SimpleLazyObject(account_status.read)
        week: Any = SimpleLazyObject(lambda: hours_caller_view.week(gate=lambda: gate.shut))
        agents = list(Agent.objects.only("number", "name", "department", "availability").order_by())
        asked = query_params.from_query(request.GET)
        now = gauges.now(visibility_for(request.user).departments, then=asked.period.before().end)
        setattr(
            request, navigation.MISSED_CALLERS, now.missed_callers
        )  # counted once for the page and its navigation
        context = {
            "now": now,
            "sees_all": not visibility_for(request.user).is_limited,
            "agents": len(agents),
            "agents_available": sum(agent.availability == Agent.Availability.AVAIL for agent in agents),
            "heard_week": week,
            "home_alarms": SimpleLazyObject(lambda: alarms_views.home(request)),
            "alarm": SimpleLazyObject(lambda: coverage.alarm(agents, week.closes_at)),
            # The banner and the strip of days ask about the same account.
            "provider_notices": SimpleLazyObject(lambda: banner.notices(gate)),
            **dashboard_views.context(
                request,
                asked,
                agents=agents,
                waiting=MissedCallerCounts(now.missed_callers, now.missed_callers_then),
            ),
        }
        return super().index(request, {**context, **(extra_context or {})})
