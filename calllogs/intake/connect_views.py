"""The page "Connect the provider": the address to hand over, a test push, and the newest pushes."""

import datetime as dt
import ipaddress
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit
from uuid import uuid4

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import ADDITION, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from calllogs import sample_calls, sample_pushes
from calllogs.access.visibility import require_unlimited
from calllogs.formatting import format_moment
from calllogs.intake import group_commit, push_auth
from calllogs.intake.envelope import receive
from calllogs.intake.labels import FIELD_LABELS, last_use_label, reason_label, render_outcome_badge
from calllogs.intake.push_fields import find_caller
from calllogs.intake.waiters import PushResult
from calllogs.models import CallLog, Push, PushKey
from calllogs.provider_fields import ANSWERED, SAMPLE_URL_NAMES, TABLE_NAMES
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.common.network import client_address
from ivrportal.common.phone import mask

KEY_PLACEHOLDER = "YOUR-KEY"
TEST_PREFIX = "test-"
TEST_DEPARTMENT = "Test push"
LISTED_PUSHES = 10  # pushes in the live list

# Example values of the address's placeholders.
EXAMPLES = {
    "call_id": "1731050000.4711", "caller": "+919800012345", "date": "2026-11-08", "time": "10:15:00",
    "agent_number": "9800100001", "ivr_seconds": "12", "talk_seconds": "75", "status": "ANSWER",
    "circle": "Karnataka", "virtual_number": "9800200001",
    "recording_url": "https://recordings.example.com/4711.mp3", "department": "Sales",
}  # fmt: skip


class PushReply(NamedTuple):
    """The endpoint's reply to a push, and its meaning as shown on this page."""

    text: str
    status: int
    colour: str
    meaning: Any


REPLIES: dict[PushResult, PushReply] = {
    PushResult.COMMITTED: PushReply(
        "Successful", 200, "success", gettext_lazy("The call is stored. Find it in the list of calls.")
    ),
    PushResult.UNUSABLE: PushReply(
        "Invalid Data", 400, "warning",
        gettext_lazy("The database took it only as it came. It waits in the inbox to be tried again."),
    ),
    PushResult.SPOOLED: PushReply(
        "Accepted", 200, "warning",
        gettext_lazy("The database is silent; the push is safe on disk and comes in by itself later."),
    ),
    PushResult.REFUSED: PushReply(
        "Failure", 403, "danger",
        gettext_lazy("Refused: no push key is live. Make one, and put it into the provider's address."),
    ),
    PushResult.NOT_STORED: PushReply(
        "Failure", 503, "danger",
        gettext_lazy("The portal could not keep it: database and disk are silent. Tell whoever runs the server."),
    ),
}  # fmt: skip


def get_urls(site: admin.AdminSite) -> list[URLPattern]:
    """The URLs of the page, the test push and the live list, for the admin site."""

    def plain(request: HttpRequest) -> HttpResponse:
        return connect_page(request, site)

    def test(request: HttpRequest) -> HttpResponse:
        return test_push(request, site)

    return [
        path("connect/", site.admin_view(require_GET(plain)), name="connect"),
        path("connect/test/", site.admin_view(require_POST(test)), name="connect_test"),
        path("connect/pushes/", site.admin_view(require_GET(last_pushes)), name="connect_pushes"),
    ]


def connect_page(
    request: HttpRequest,
    site: admin.AdminSite,
    *,
    new_key: PushKey | None = None,
    key: str = "",
    result: dict[str, Any] | None = None,
) -> TemplateResponse:
    """The whole page. `key`, the text of `new_key`, completes the address once, right after the key was made."""
    _require_permission(request, "calllogs.view_pushkey")
    address = request.build_absolute_uri(reverse("push"))
    live_keys = list(PushKey.objects.live().order_by("-created_at"))
    context = {
        **site.each_context(request),
        "title": _("Connect the provider"),
        "new_key": new_key,
        "key": key,
        "placeholder": KEY_PLACEHOLDER,
        "address_templates": build_address_templates(address, key or KEY_PLACEHOLDER),
        "parameters": describe_parameters(),
        "is_https": request.is_secure(),
        "is_local": is_local(urlsplit(address).hostname or ""),
        "keys": [(live_key, last_use_label(live_key)) for live_key in live_keys],
        "from_environment": len(settings.PUSH_KEYS),
        "networks": settings.PUSH_ALLOWED_NETWORKS,
        "pushes": _load_newest_pushes(),
        "result": result,
    }
    return TemplateResponse(request, "calllogs/intake/connect.html", context)


# --- the address -----------------------------------------------------------------------------------------


def build_address_templates(address: str, key: str) -> list[tuple[str, Any, str]]:
    """(id, label, address) for both sets of names in the provider's document."""
    return [
        (
            "sample",
            _("Names of the sample address"),
            build_template_url(address, key, names=SAMPLE_URL_NAMES),
        ),
        ("table", _("Names of the table"), build_template_url(address, key, names=TABLE_NAMES)),
    ]


def build_template_url(address: str, key: str, *, names: dict[str, str]) -> str:
    """The address with the key, and for each value a placeholder in braces that the provider replaces."""
    values = "&".join(f"{name}={{{name}}}" for name in names.values())
    return f"{address}?key={quote(key, safe='')}&{values}"


def describe_parameters() -> list[tuple[Any, str, str, str]]:
    """The parameters of the address: (label, name in the sample address, name in the table, example)."""
    return [
        (FIELD_LABELS[field], name, TABLE_NAMES[field], EXAMPLES[field])
        for field, name in SAMPLE_URL_NAMES.items()
    ]


def is_local(host: str) -> bool:
    """True if the host is valid only on this computer or network, so that the provider cannot reach it."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal"))


# --- the test push ---------------------------------------------------------------------------------------


def test_push(request: HttpRequest, site: admin.AdminSite) -> HttpResponse:
    """Push a sample call through key check, writer, parser and database, and show the result.

    It uses PORTAL_TEST_KEY, so no real key is marked as used. PUSH_ALLOWED_NETWORKS is not checked, because it is about
    the provider's address and not the user's.
    """
    _require_permission(request, "calllogs.change_pushkey")
    call_id = f"{TEST_PREFIX}{uuid4().hex[:12]}"
    push = receive(_build_test_query(call_id).encode(), client_address(request.META))
    audit_log.record(
        Action.ADDED, request=request, what=f"Test push {call_id}"
    )  # before the push, because the writer has its own transaction
    push_result = group_commit.submit(push, push_auth.PORTAL_TEST_KEY)
    call = CallLog.objects.filter(call_id=call_id).first() if push_result == PushResult.COMMITTED else None
    if call is not None and request.user.pk:
        LogEntry.objects.log_actions(request.user.pk, [call], ADDITION, _("Test push."))
    result = {"reply": REPLIES[push_result], "call_id": call_id, "call": call}
    if request.headers.get("X-Requested-With") == "fetch":
        return TemplateResponse(request, "calllogs/intake/connect_result.html", {"result": result})
    return connect_page(request, site, result=result)


def _build_test_query(call_id: str) -> str:
    """The query of a sample call with the names of the sample address and the given test id."""
    now = timezone.localtime()
    sample = sample_calls.generate_calls(
        call_id,
        50,
        agents=sample_calls.generate_agents(departments=[TEST_DEPARTMENT]),
        departments=[TEST_DEPARTMENT],
        start=now - dt.timedelta(minutes=10),
        end=now,
    )
    # An answered call, if there is one: it has the most values.
    call = max(sample, key=lambda sample_call: sample_call.status == ANSWERED)
    # The sample recording does not exist.
    call = replace(call, call_id=call_id, recording_url="")
    return sample_pushes.build_push_query(call, sender=sample_pushes.SENDERS[0], zone=now.tzinfo or dt.UTC)


# --- the newest pushes -----------------------------------------------------------------------------------


def last_pushes(request: HttpRequest) -> TemplateResponse:
    """The live list alone. The page polls it every few seconds."""
    _require_permission(request, "calllogs.view_pushkey")
    return TemplateResponse(request, "calllogs/intake/connect_pushes.html", {"pushes": _load_newest_pushes()})


def _load_newest_pushes() -> list[dict[str, Any]]:
    newest = Push.objects.select_related("call").only(
        "received_at", "remote_addr", "raw_query", "outcome", "reason", "mends", "call__caller"
    )
    return [
        {
            "pk": push.pk,
            "at": format_moment(push.received_at),
            "badge": render_outcome_badge(push),
            "caller": mask(push.call.caller if push.call else find_caller(push)),
            "address": push.remote_addr,
            "reason": reason_label(push),
        }
        for push in newest[:LISTED_PUSHES]
    ]


def _require_permission(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied
    require_unlimited(request.user)
