"""Notices on every page: sending is off, a deleted holiday is near, plain HTTP. At most one query."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from settings_sync.delivery import account_status
from settings_sync.delivery.account_status import AccountStatus

VIEW_PERMISSION = "settings_sync.view_providersetting"


@dataclass(frozen=True, slots=True)
class BannerNotice:
    """One notice with its link; `colour` is a badge colour."""

    text: str
    colour: str
    link: str
    link_text: str


def banner_context(request: HttpRequest) -> dict[str, Any]:
    """Context for the admin site's `each_context`. Lazy, so that pages without the banner run no query."""
    if not request.user.is_authenticated:
        return {}
    return {
        "provider_notices": SimpleLazyObject(lambda: build_notices(account_status.load())),
        "may_see_provider": SimpleLazyObject(lambda: request.user.has_perm(VIEW_PERMISSION)),
    }


def build_notices(account: AccountStatus) -> list[BannerNotice]:
    """Return the notices, most urgent first."""
    list_url = reverse("admin:settings_sync_providersetting_changelist")
    notices = []
    if text := account_status.format_closed_reason(account):
        opens_automatically = account.closed_reason is not None and account.closed_reason.wait_s is not None
        colour = "warning" if opens_automatically else "danger"
        notices.append(BannerNotice(text, colour, list_url, _("See what waits")))
    if account.reminder_date and account.reminder_id:
        link = reverse("admin:settings_sync_providersetting_change", args=[account.reminder_id])
        notices.append(BannerNotice(_format_reminder(account), "danger", link, _("What to do")))
    if settings.IVR_IS_PLAIN_HTTP and not settings.IVR_IS_LOOPBACK:
        notices.append(
            BannerNotice(
                _(
                    "Our key travels to the provider unprotected (plain HTTP): others on the way can read it. "
                    "Ask the provider for an address that begins with https://."
                ),
                "warning",
                list_url,
                _("Settings at the provider"),
            )
        )
    return notices


def _format_reminder(account: AccountStatus) -> str:
    assert account.reminder_date is not None
    days = (account.reminder_date - timezone.localdate()).days
    when = _("today") if days == 0 else ngettext("in %(n)d day", "in %(n)d days", days) % {"n": days}
    return _(
        "%(when)s callers will hear the holiday message: the holiday on %(date)s was deleted here, but the provider "
        "still has it."
    ) % {"when": when[:1].upper() + when[1:], "date": date_format(account.reminder_date, "j F Y")}
