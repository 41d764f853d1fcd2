"""The sidebar navigation: pages grouped by task, limited to those that the user may see."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from calllogs.access.visibility import visibility_for

# Request attribute with the number of missed callers, set by a page that has counted them already.
MISSED_CALLERS = "portal_missed_callers"


def _missed_callers_badge(request: HttpRequest) -> Any:
    from calllogs.callbacks import (
        views,  # late: it registers its screens with the site that imports this module
    )

    return views.waiting_badge(request.user, getattr(request, MISSED_CALLERS, None))


@dataclass(frozen=True)
class NavigationItem:
    """One page. `badge` is a counter beside its title. `for_whole_office` hides it from department-limited users."""

    title: Any
    icon: str
    url_name: str
    permission: str
    badge: Callable[[HttpRequest], Any] | None = None
    for_whole_office: bool = False

    def is_allowed(self, request: HttpRequest) -> bool:
        user: Any = request.user
        if not user.has_perm(self.permission):
            return False
        return not (self.for_whole_office and visibility_for(user).is_limited)

    def to_theme(self, request: HttpRequest) -> dict[str, Any]:
        """The item in the format of the theme's SIDEBAR setting."""
        link = reverse(f"admin:{self.url_name}")
        item = {"title": self.title, "icon": self.icon, "link": link, "permission": lambda _request: True}
        return item | {"badge": self.badge(request)} if self.badge else item


GROUPS: list[tuple[Any, list[NavigationItem]]] = [
    (
        _("Calls"),
        [
            NavigationItem(_("Calls"), "call", "calllogs_calllog_changelist", "calllogs.view_calllog"),
            NavigationItem(
                _("Missed callers"),
                "phone_missed",
                "calllogs_missed",
                "calllogs.view_missedcaller",
                badge=_missed_callers_badge,
            ),
            NavigationItem(_("Exports"), "download", "calllogs_export_changelist", "calllogs.view_export"),
            NavigationItem(
                _("Who listened"), "headphones", "calllogs_listening_changelist", "calllogs.view_listening"
            ),
        ],
    ),
    (
        _("At a glance"),
        [
            NavigationItem(_("Wall board"), "tv", "board", "calllogs.view_calllog"),
            NavigationItem(
                _("Effect of a change"), "query_stats", "calllogs_effect", "calllogs.view_calllog"
            ),
            NavigationItem(
                _("Reports by mail"), "mail", "calllogs_report_changelist", "calllogs.view_report"
            ),
            NavigationItem(_("Alarms"), "notifications_active", "alarms", "calllogs.view_alarm"),
        ],
    ),
    (
        _("Office"),
        [
            NavigationItem(
                _("Agents"), "support_agent", "settings_sync_agent_changelist", "settings_sync.view_agent"
            ),
            NavigationItem(
                _("Holidays"), "event_busy", "settings_sync_holiday_changelist", "settings_sync.view_holiday"
            ),
            NavigationItem(
                _("Office hours"),
                "schedule",
                "settings_sync_officehours_changelist",
                "settings_sync.view_officehours",
            ),
            NavigationItem(_("What callers hear"), "hearing", "heard", "settings_sync.view_officehours"),
            NavigationItem(_("History of changes"), "manage_history", "changes", "settings_sync.view_agent"),
        ],
    ),
    (
        _("Provider"),
        [
            NavigationItem(
                _("Settings at the provider"),
                "sync_alt",
                "settings_sync_providersetting_changelist",
                "settings_sync.view_providersetting",
            ),
            NavigationItem(
                _("Attempts"), "history", "settings_sync_attempt_changelist", "settings_sync.view_attempt"
            ),
            NavigationItem(
                _("Inbox"), "inbox", "calllogs_push_changelist", "calllogs.view_push", for_whole_office=True
            ),
            NavigationItem(
                _("Connect the provider"), "cable", "connect", "calllogs.view_pushkey", for_whole_office=True
            ),
            NavigationItem(
                _("Push keys"),
                "key",
                "calllogs_pushkey_changelist",
                "calllogs.view_pushkey",
                for_whole_office=True,
            ),
        ],
    ),
    (
        _("People"),
        [
            NavigationItem(_("Users"), "person", "auth_user_changelist", "auth.view_user"),
            NavigationItem(_("Roles"), "group", "auth_group_changelist", "auth.view_group"),
            NavigationItem(
                _("Audit trail"),
                "policy",
                "settings_sync_auditentry_changelist",
                "settings_sync.view_auditentry",
            ),
            NavigationItem(_("Locks"), "lock_clock", "locks", "auth.change_user"),
            NavigationItem(_("Who saw a number"), "visibility", "calllogs_who_saw", "calllogs.see_who_saw"),
            NavigationItem(
                _("Erase a caller"), "delete_forever", "calllogs_erasures", "calllogs.erase_caller"
            ),
        ],
    ),
]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups and pages that the user may see, in the format of the theme's SIDEBAR setting."""
    groups = [
        {"title": title, "items": [item.to_theme(request) for item in items if item.is_allowed(request)]}
        for title, items in GROUPS
    ]
    return [group for group in groups if group["items"]]
