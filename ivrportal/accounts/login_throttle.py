"""Who fails too often waits: counted by django-axes for each account and address, with limits of our own.

- One account from one address: AXES_FAILURE_LIMIT failures (wrong passwords and wrong codes alike).
- One address, whatever the accounts: a whole office may sit behind it, so the limit is higher.
- One account, whatever the addresses: then only those wait from which it was never used lately, and the owner gets in.

Every lock ends by itself (AXES_COOLOFF_TIME after the last failure that counted): tries during a lock do not count.
"""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.db.models import Max, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.common.network import client_address

ADDRESS_LIMIT = 40
ACCOUNT_LIMIT = 20
KNOWN_FOR = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Lock:
    """`username` or `address` is empty where the lock holds for all of them."""

    username: str
    address: str
    failures: int
    until: dt.datetime


class Handler(AxesDatabaseHandler):
    """axes' own, with a limit for each way of counting; it knows one limit for all."""

    def get_failures(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """As many as would be of one account from one address."""
        username, address = get_client_username(request, credentials), request.axes_ip_address
        recent = AccessAttempt.objects.filter(attempt_time__gte=threshold())
        found = [
            _count(recent.filter(username=username, ip_address=address)),
            _count(recent.filter(ip_address=address)) * settings.AXES_FAILURE_LIMIT // ADDRESS_LIMIT,
        ]
        of_account = _count(recent.filter(username=username))
        if of_account >= ACCOUNT_LIMIT and not is_known(username, address):
            found.append(of_account * settings.AXES_FAILURE_LIMIT // ACCOUNT_LIMIT)
        return max(found)

    def user_logged_in(self, sender: Any, request: Any, user: Any, **told: Any) -> None:
        super().user_logged_in(sender, request, user, **told)
        AccessLog.objects.filter(attempt_time__lt=timezone.now() - KNOWN_FOR).delete()

    def reset_user_attempts(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """Only this account at this address: a sign-in of one's own must not wash an address clean."""
        username = get_client_username(request, credentials)
        mine = AccessAttempt.objects.filter(username=username, ip_address=request.axes_ip_address)
        return int(mine.delete()[0])


def address_of(request: HttpRequest) -> str | None:
    """The client's, judged by TRUSTED_PROXIES from the right; None if it is no address that a database takes."""
    address = client_address(request.META).partition("%")[0]
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None


def is_known(username: str | None, address: str | None) -> bool:
    """Did this account sign in from there lately?"""
    since = timezone.now() - KNOWN_FOR
    return bool(
        address
        and AccessLog.objects.filter(username=username, ip_address=address, attempt_time__gte=since).exists()
    )


def may_try(request: HttpRequest, username: str) -> bool:
    """For what axes does not ask itself: the second step."""
    return bool(AxesProxyHandler.is_allowed(request, {"username": username}))


def note_failure(request: HttpRequest, username: str) -> None:
    """A wrong code counts as a wrong password does; the answer of the view is replaced if it was one too many."""
    user_login_failed.send(sender=__name__, credentials={"username": username}, request=request)


def refuse(request: HttpRequest, username: str) -> HttpResponse:
    return locked_page(request, None, {"username": username})


def note_lock(request: HttpRequest, username: str, **_told: Any) -> None:
    """On record once, when it begins: axes tells of every further try as well."""
    if getattr(request, "axes_failures_since_start", None) is not None:
        audit_log.record(Action.LOCKED, request=request, person=username or "")


def locked_page(request: HttpRequest, _response: Any, credentials: dict[str, Any] | None) -> HttpResponse:
    from django.contrib import admin  # late: its site is ours, and asks for this very module

    until = _until(get_client_username(request, credentials), address_of(request))
    seconds = max(1, int((until - timezone.now()).total_seconds()))
    context = {
        **admin.site.each_context(request),
        "title": _("Too many tries"),
        "until": until,
        "minutes": -(-seconds // 60),
    }
    headers = {"Retry-After": str(seconds), "Cache-Control": "no-store"}
    return TemplateResponse(
        request, "accounts/locked_out.html", context, status=429, headers=headers
    ).render()


# --- for the screen --------------------------------------------------------------------------------------


def locks() -> list[Lock]:
    """What is locked at this moment, the newest first: three queries."""
    recent = AccessAttempt.objects.filter(attempt_time__gte=threshold())
    counted = [
        (("username", "ip_address"), settings.AXES_FAILURE_LIMIT),
        (("ip_address",), ADDRESS_LIMIT),
        (("username",), ACCOUNT_LIMIT),
    ]
    found = [
        Lock(
            row.get("username") or "",
            row.get("ip_address") or "",
            row["failures"],
            row["last"] + settings.AXES_COOLOFF_TIME,
        )
        for fields, limit in counted
        for row in recent.order_by()
        .values(*fields)
        .annotate(failures=Sum("failures_since_start"), last=Max("attempt_time"))
        .filter(failures__gte=limit)
    ]
    return sorted(found, key=lambda lock: lock.until, reverse=True)


def lift(*, username: str = "", address: str = "") -> int:
    """Forget the failures of this account, of this address, or of both together; how many rows they were."""
    wanted = {name: value for name, value in (("username", username), ("ip_address", address)) if value}
    return int(AccessAttempt.objects.filter(**wanted).delete()[0]) if wanted else 0


def threshold() -> dt.datetime:
    return timezone.now() - settings.AXES_COOLOFF_TIME


def _count(attempts: QuerySet[AccessAttempt]) -> int:
    return attempts.aggregate(n=Sum("failures_since_start"))["n"] or 0


def _until(username: str | None, address: str | None) -> dt.datetime:
    recent = AccessAttempt.objects.filter(attempt_time__gte=threshold())
    last = (recent.filter(username=username) | recent.filter(ip_address=address)).aggregate(
        last=Max("attempt_time")
    )["last"]
    return (last or timezone.now()) + settings.AXES_COOLOFF_TIME
