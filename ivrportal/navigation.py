"""The navigation at the left: pages grouped by job rather than by table, as far as the user may see them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from calllogs.access.visibility import visibility_for

# Attribute of a request whose page has counted the missed callers already.
MISSED_CALLERS = "portal_missed_callers"


def _missed_callers(request: HttpRequest) -> Any:
    from calllogs.callbacks import (
        views,  # late: it registers its screens with the site that imports this module
    )

    return views.badge(request.user, getattr(request, MISSED_CALLERS, None))


@dataclass(frozen=True)
class Page:
    """One entry. `badge` counts what waits there. `for_whole_office` hides it from department-limited users."""

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

    def entry(self, request: HttpRequest) -> dict[str, Any]:
        """The entry as the theme takes it."""
        link = reverse(f"admin:{self.url_name}")
        entry = {"title": self.title, "icon": self.icon, "link": link, "permission": lambda _request: True}
        return entry | {"badge": self.badge(request)} if self.badge else entry


GROUPS: list[tuple[Any, list[Page]]] = [
    (
        _("Calls"),
        [
            Page(_("Calls"), "call", "calllogs_calllog_changelist", "calllogs.view_calllog"),
            Page(
                _("Missed callers"),
                "phone_missed",
                "calllogs_missed",
                "calllogs.view_missedcaller",
                badge=_missed_callers,
            ),
            Page(_("Exports"), "download", "calllogs_export_changelist", "calllogs.view_export"),
            Page(_("Who listened"), "headphones", "calllogs_listening_changelist", "calllogs.view_listening"),
        ],
    ),
    (
        _("At a glance"),
        [
            Page(_("Wall board"), "tv", "board", "calllogs.view_calllog"),
            Page(_("Effect of a change"), "query_stats", "calllogs_effect", "calllogs.view_calllog"),
            Page(_("Reports by mail"), "mail", "calllogs_report_changelist", "calllogs.view_report"),
            Page(_("Alarms"), "notifications_active", "alarms", "calllogs.view_alarm"),
        ],
    ),
    (
        _("Office"),
        [
            Page(_("Agents"), "support_agent", "settings_sync_agent_changelist", "settings_sync.view_agent"),
            Page(
                _("Holidays"), "event_busy", "settings_sync_holiday_changelist", "settings_sync.view_holiday"
            ),
            Page(
                _("Office hours"),
                "schedule",
                "settings_sync_officehours_changelist",
                "settings_sync.view_officehours",
            ),
            Page(_("What callers hear"), "hearing", "heard", "settings_sync.view_officehours"),
            Page(_("History of changes"), "manage_history", "changes", "settings_sync.view_agent"),
        ],
    ),
    (
        _("Provider"),
        [
            Page(
                _("Settings at the provider"),
                "sync_alt",
                "settings_sync_providersetting_changelist",
                "settings_sync.view_providersetting",
            ),
            Page(_("Attempts"), "history", "settings_sync_attempt_changelist", "settings_sync.view_attempt"),
            Page(
                _("Inbox"), "inbox", "calllogs_push_changelist", "calllogs.view_push", for_whole_office=True
            ),
            Page(
                _("Connect the provider"), "cable", "connect", "calllogs.view_pushkey", for_whole_office=True
            ),
            Page(
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
            Page(_("Users"), "person", "auth_user_changelist", "auth.view_user"),
            Page(_("Roles"), "group", "auth_group_changelist", "auth.view_group"),
            Page(
                _("Audit trail"),
                "policy",
                "settings_sync_auditentry_changelist",
                "settings_sync.view_auditentry",
            ),
            Page(_("Locks"), "lock_clock", "locks", "auth.change_user"),
            Page(_("Who saw a number"), "visibility", "calllogs_who_saw", "calllogs.see_who_saw"),
            Page(_("Erase a caller"), "delete_forever", "calllogs_erasures", "calllogs.erase_caller"),
        ],
    ),
]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups and pages that the user of this request may see, as the theme's SIDEBAR setting takes them."""
    shown = [
        {"title": title, "items": [page.entry(request) for page in pages if page.is_allowed(request)]}
        for title, pages in GROUPS
    ]
    return [group for group in shown if group["items"]]
