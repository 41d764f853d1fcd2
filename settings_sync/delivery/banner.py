"""What everybody should know on every page: nothing is sent, or a deleted holiday is near. At most one query."""

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

from settings_sync.delivery import account_status as accounts
from settings_sync.delivery.account_status import Account

VIEW = "settings_sync.view_providersetting"


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence on a page; `colour` as a badge's."""

    words: str
    colour: str
    link: str
    link_words: str


def context(request: HttpRequest) -> dict[str, Any]:
    """For `each_context` of the admin site. Lazy: what does not draw the banner does not pay for it."""
    if not request.user.is_authenticated:
        return {}
    return {
        "provider_notices": SimpleLazyObject(lambda: notices(accounts.read())),
        "may_see_provider": SimpleLazyObject(lambda: request.user.has_perm(VIEW)),
    }


def notices(account: Account) -> list[Notice]:
    """The most urgent first."""
    screen = reverse("admin:settings_sync_providersetting_changelist")
    found = []
    if why := accounts.why_words(account):
        waits = account.shut is not None and account.shut.wait_s is not None
        found.append(Notice(why, "warning" if waits else "danger", screen, _("See what waits")))
    if account.reminder_date and account.reminder_id:
        link = reverse("admin:settings_sync_providersetting_change", args=[account.reminder_id])
        found.append(Notice(_reminder(account), "danger", link, _("What to do")))
    if settings.IVR_IS_PLAIN_HTTP and not settings.IVR_IS_LOOPBACK:
        found.append(
            Notice(
                _(
                    "Our key travels to the provider unprotected (plain HTTP): others on the way can read it. "
                    "Ask the provider for an address that begins with https://."
                ),
                "warning",
                screen,
                _("Settings at the provider"),
            )
        )
    return found


def _reminder(account: Account) -> str:
    assert account.reminder_date is not None
    days = (account.reminder_date - timezone.localdate()).days
    when = _("today") if days == 0 else ngettext("in %(n)d day", "in %(n)d days", days) % {"n": days}
    return _(
        "%(when)s callers will hear the holiday message: the holiday on %(date)s was deleted here, but the provider "
        "still has it."
    ) % {"when": when[:1].upper() + when[1:], "date": date_format(account.reminder_date, "j F Y")}
