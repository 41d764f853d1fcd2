"""Login throttling: django-axes counts failures, wrong passwords and wrong codes alike. The limits are ours.

- One account from one address: AXES_FAILURE_LIMIT failures.
- One address, any account: ADDRESS_LIMIT, which is higher because a whole office may share the address.
- One account, any address: ACCOUNT_LIMIT. It locks only addresses that the account has not used lately, so the owner
  can still log in.

A lock ends AXES_COOLOFF_TIME after the last counted failure; attempts during a lock are not counted.
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
KNOWN_ADDRESS_PERIOD = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Lock:
    """An empty `username` or `address` means every account or every address."""

    username: str
    address: str
    failures: int
    until: dt.datetime


class Handler(AxesDatabaseHandler):
    """The handler of axes with a separate limit for each way of counting; axes supports only one limit."""

    def get_failures(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """The highest of the three counts, scaled to AXES_FAILURE_LIMIT."""
        username, address = get_client_username(request, credentials), request.axes_ip_address
        recent = AccessAttempt.objects.filter(attempt_time__gte=counting_since())
        counts = [
            _count_failures(recent.filter(username=username, ip_address=address)),
            _count_failures(recent.filter(ip_address=address)) * settings.AXES_FAILURE_LIMIT // ADDRESS_LIMIT,
        ]
        of_account = _count_failures(recent.filter(username=username))
        if of_account >= ACCOUNT_LIMIT and not is_known_address(username, address):
            counts.append(of_account * settings.AXES_FAILURE_LIMIT // ACCOUNT_LIMIT)
        return max(counts)

    def user_logged_in(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        super().user_logged_in(sender, request, user, **kwargs)
        AccessLog.objects.filter(attempt_time__lt=timezone.now() - KNOWN_ADDRESS_PERIOD).delete()

    def reset_user_attempts(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """Only this account from this address: an attacker's own login must not clear the address's other failures."""
        username = get_client_username(request, credentials)
        attempts = AccessAttempt.objects.filter(username=username, ip_address=request.axes_ip_address)
        return int(attempts.delete()[0])


def address_of(request: HttpRequest) -> str | None:
    """The client's address, with TRUSTED_PROXIES considered. None if it is not a valid IP address."""
    address = client_address(request.META).partition("%")[0]
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None


def is_known_address(username: str | None, address: str | None) -> bool:
    """True if this account has logged in from this address within KNOWN_ADDRESS_PERIOD."""
    since = timezone.now() - KNOWN_ADDRESS_PERIOD
    return bool(
        address
        and AccessLog.objects.filter(username=username, ip_address=address, attempt_time__gte=since).exists()
    )


def is_login_allowed(request: HttpRequest, username: str) -> bool:
    """For the second step, which axes does not check."""
    return bool(AxesProxyHandler.is_allowed(request, {"username": username}))


def record_failure(request: HttpRequest, username: str) -> None:
    """Count a wrong code like a wrong password. AxesMiddleware replaces the response if the limit is reached."""
    user_login_failed.send(sender=__name__, credentials={"username": username}, request=request)


def locked_response(request: HttpRequest, username: str) -> HttpResponse:
    return locked_page(request, None, {"username": username})


def record_lock(request: HttpRequest, username: str, **_: Any) -> None:
    """Record a lock once, when it begins. Axes sends the signal for every further attempt too."""
    if getattr(request, "axes_failures_since_start", None) is not None:
        audit_log.record(Action.LOCKED, request=request, person=username or "")


def locked_page(request: HttpRequest, _response: Any, credentials: dict[str, Any] | None) -> HttpResponse:
    from django.contrib import admin  # late: our admin site imports this module

    until = _locked_until(get_client_username(request, credentials), address_of(request))
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


def current_locks() -> list[Lock]:
    """The current locks, newest first. Three queries."""
    recent = AccessAttempt.objects.filter(attempt_time__gte=counting_since())
    limits = [
        (("username", "ip_address"), settings.AXES_FAILURE_LIMIT),
        (("ip_address",), ADDRESS_LIMIT),
        (("username",), ACCOUNT_LIMIT),
    ]
    locks = [
        Lock(
            row.get("username") or "",
            row.get("ip_address") or "",
            row["failures"],
            row["last"] + settings.AXES_COOLOFF_TIME,
        )
        for fields, limit in limits
        for row in recent.order_by()
        .values(*fields)
        .annotate(failures=Sum("failures_since_start"), last=Max("attempt_time"))
        .filter(failures__gte=limit)
    ]
    return sorted(locks, key=lambda lock: lock.until, reverse=True)


def lift_lock(*, username: str = "", address: str = "") -> int:
    """Delete the failures of this account, this address, or this account from this address. Returns the row count."""
    criteria = {name: value for name, value in (("username", username), ("ip_address", address)) if value}
    return int(AccessAttempt.objects.filter(**criteria).delete()[0]) if criteria else 0


def counting_since() -> dt.datetime:
    return timezone.now() - settings.AXES_COOLOFF_TIME


def _count_failures(attempts: QuerySet[AccessAttempt]) -> int:
    return attempts.aggregate(n=Sum("failures_since_start"))["n"] or 0


def _locked_until(username: str | None, address: str | None) -> dt.datetime:
    recent = AccessAttempt.objects.filter(attempt_time__gte=counting_since())
    last = (recent.filter(username=username) | recent.filter(ip_address=address)).aggregate(
        last=Max("attempt_time")
    )["last"]
    return (last or timezone.now()) + settings.AXES_COOLOFF_TIME
