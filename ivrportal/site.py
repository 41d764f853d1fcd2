"""The admin site: its name, and navigation by job rather than by table."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse_lazy
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from calllogs.access.visibility import sight_of
from ivrportal.common import admin_theme
from ivrportal.observability import gauges
from settings_sync.models import Agent

_COUNTED = "portal_missed_callers"


class PortalSite(admin_theme.AdminSite):
    site_header = site_title = _("IVR Portal")
    index_title = _("Home")

    def get_urls(self) -> list[Any]:
        from calllogs.alarms import views
        from calllogs.callbacks import views as callbacks_views
        from calllogs.dashboard import views as dashboard_views
        from calllogs.dashboard import wallboard_view
        from calllogs.exports import views as exports_views
        from calllogs.impact import views as impact_views
        from calllogs.intake import (
            connect_views,  # late: the admin modules register themselves with this very site
        )
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
            *views.urls(self),
            *wallboard_view.urls(self),
            *access_report_view.urls(self),
            *impact_views.urls(self),
            *dashboard_views.urls(self),
            *caller_view.urls(self),
            *history_views.urls(self),
            *super().get_urls(),
        ]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from ivrportal.accounts import login_views  # late: it needs the models

        return login_views.sign_in(request, self)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        from ivrportal.accounts import account_views as own_account_views  # late, for the same reason

        return own_account_views.change_password(request, super().password_change)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        from settings_sync.delivery import banner  # late, for the same reason

        # The theme writes its colours into every page; they are in portal/colors.css, so that no style is inline.
        return {**super().each_context(request), "colors": {}, **banner.context(request)}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from calllogs.alarms import views as alarms_views
        from calllogs.dashboard import query_params
        from calllogs.dashboard import views as dashboard_views  # late, for the same reason
        from calllogs.dashboard.page_model import Waiting
        from settings_sync import coverage
        from settings_sync.delivery import account_status, banner
        from settings_sync.hours import caller_view as hours_caller_view

        # Lazy: who may not see the office hours or the agents does not pay for the strip and the alarm.
        gate: Any = SimpleLazyObject(account_status.read)
        week: Any = SimpleLazyObject(lambda: hours_caller_view.week(gate=lambda: gate.shut))
        agents = list(Agent.objects.only("number", "name", "department", "availability").order_by())
        asked = query_params.from_query(request.GET)
        now = gauges.now(sight_of(request.user).departments, then=asked.period.before().end)
        setattr(request, _COUNTED, now.missed_callers)  # once for the page and its navigation
        context = {
            "now": now,
            "sees_all": not sight_of(request.user).is_limited,
            "agents": len(agents),
            "agents_available": sum(agent.availability == Agent.Availability.AVAIL for agent in agents),
            "heard_week": week,
            "home_alarms": SimpleLazyObject(lambda: alarms_views.home(request)),
            "alarm": SimpleLazyObject(lambda: coverage.alarm(agents, week.closes_at)),
            # The banner and the strip of days ask about the same account.
            "provider_notices": SimpleLazyObject(lambda: banner.notices(gate)),
            **dashboard_views.context(
                request, asked, agents=agents, waiting=Waiting(now.missed_callers, now.missed_callers_then)
            ),
        }
        return super().index(request, {**context, **(extra_context or {})})


def _may(permission: str) -> Any:
    return lambda request: request.user.has_perm(permission)


def _whole(item: dict[str, Any]) -> dict[str, Any]:
    """Of a page about the whole office: not for who is limited to departments."""
    may = item["permission"]
    return {**item, "permission": lambda request: may(request) and not sight_of(request.user).is_limited}


def _item(title: Any, icon: str, url_name: str, permission: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{url_name}"),
        "permission": _may(permission),
    }


def _missed(request: HttpRequest) -> Any:
    from calllogs.callbacks import (
        views as callbacks_views,  # late: the admin modules register themselves with this very site
    )

    return callbacks_views.badge(request.user, getattr(request, _COUNTED, None))


def _shown(request: HttpRequest, item: dict[str, Any]) -> dict[str, Any]:
    """With its badge counted, for those who see it."""
    return {**item, "badge": item["badge"](request)} if "badge" in item else item


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """What a person may do, grouped by job."""
    groups: list[dict[str, Any]] = [
        {
            "title": _("Calls"),
            "items": [
                _item(_("Calls"), "call", "calllogs_calllog_changelist", "calllogs.view_calllog"),
                _item(_("Missed callers"), "phone_missed", "calllogs_missed", "calllogs.view_missedcaller")
                | {"badge": _missed},
                _item(_("Exports"), "download", "calllogs_export_changelist", "calllogs.view_export"),
                _item(
                    _("Who listened"),
                    "headphones",
                    "calllogs_listening_changelist",
                    "calllogs.view_listening",
                ),
            ],
        },
        {
            "title": _("At a glance"),
            "items": [
                _item(_("Wall board"), "tv", "board", "calllogs.view_calllog"),
                _item(_("Effect of a change"), "query_stats", "calllogs_effect", "calllogs.view_calllog"),
                _item(_("Reports by mail"), "mail", "calllogs_report_changelist", "calllogs.view_report"),
                _item(_("Alarms"), "notifications_active", "alarms", "calllogs.view_alarm"),
            ],
        },
        {
            "title": _("Office"),
            "items": [
                _item(
                    _("Agents"), "support_agent", "settings_sync_agent_changelist", "settings_sync.view_agent"
                ),
                _item(
                    _("Holidays"),
                    "event_busy",
                    "settings_sync_holiday_changelist",
                    "settings_sync.view_holiday",
                ),
                _item(
                    _("Office hours"),
                    "schedule",
                    "settings_sync_officehours_changelist",
                    "settings_sync.view_officehours",
                ),
                _item(_("What callers hear"), "hearing", "heard", "settings_sync.view_officehours"),
                _item(_("History of changes"), "manage_history", "changes", "settings_sync.view_agent"),
            ],
        },
        {
            "title": _("Provider"),
            "items": [
                _item(
                    _("Settings at the provider"),
                    "sync_alt",
                    "settings_sync_providersetting_changelist",
                    "settings_sync.view_providersetting",
                ),
                _item(
                    _("Attempts"), "history", "settings_sync_attempt_changelist", "settings_sync.view_attempt"
                ),
                _whole(_item(_("Inbox"), "inbox", "calllogs_push_changelist", "calllogs.view_push")),
                _whole(_item(_("Connect the provider"), "cable", "connect", "calllogs.view_pushkey")),
                _whole(_item(_("Push keys"), "key", "calllogs_pushkey_changelist", "calllogs.view_pushkey")),
            ],
        },
        {
            "title": _("People"),
            "items": [
                _item(_("Users"), "person", "auth_user_changelist", "auth.view_user"),
                _item(_("Roles"), "group", "auth_group_changelist", "auth.view_group"),
                _item(
                    _("Audit trail"),
                    "policy",
                    "settings_sync_auditentry_changelist",
                    "settings_sync.view_auditentry",
                ),
                _item(_("Locks"), "lock_clock", "locks", "auth.change_user"),
                _item(_("Who saw a number"), "visibility", "calllogs_who_saw", "calllogs.see_who_saw"),
                _item(_("Erase a caller"), "delete_forever", "calllogs_erasures", "calllogs.erase_caller"),
            ],
        },
    ]
    for group in groups:
        group["items"] = [_shown(request, item) for item in group["items"] if item["permission"](request)]
    return [group for group in groups if group["items"]]
