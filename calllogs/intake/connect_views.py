"""Connect the provider: the address to hand over, a test push, and the last pushes as they come."""

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

from calllogs import sample_calls
from calllogs.access.visibility import require_unlimited
from calllogs.formatting import to_the_second
from calllogs.intake import group_commit, push_auth
from calllogs.intake.envelope import receive
from calllogs.intake.labels import FIELD_WORDS, outcome_badge, reason_words, use_words
from calllogs.intake.push_fields import caller_of
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
SHOWN = 10  # pushes in the live list

# What stands in the place of each value when the provider fills the address in.
EXAMPLES = {
    "call_id": "1731050000.4711", "caller": "+919800012345", "date": "2026-11-08", "time": "10:15:00",
    "agent_number": "9800100001", "ivr_seconds": "12", "talk_seconds": "75", "status": "ANSWER",
    "circle": "Karnataka", "virtual_number": "9800200001",
    "recording_url": "https://recordings.example.com/4711.mp3", "department": "Sales",
}  # fmt: skip


class Reply(NamedTuple):
    """What a push is answered (views.answer says it to the provider), and what that means here."""

    text: str
    status: int
    colour: str
    meaning: Any


REPLIES: dict[PushResult, Reply] = {
    PushResult.COMMITTED: Reply(
        "Successful", 200, "success", gettext_lazy("The call is stored. Find it in the list of calls.")
    ),
    PushResult.UNUSABLE: Reply(
        "Invalid Data", 400, "warning",
        gettext_lazy("The database took it only as it came. It waits in the inbox to be tried again."),
    ),
    PushResult.SPOOLED: Reply(
        "Accepted", 200, "warning",
        gettext_lazy("The database is silent; the push is safe on disk and comes in by itself later."),
    ),
    PushResult.REFUSED: Reply(
        "Failure", 403, "danger",
        gettext_lazy("Refused: no push key is live. Make one, and put it into the provider's address."),
    ),
    PushResult.NOWHERE: Reply(
        "Failure", 503, "danger",
        gettext_lazy("The portal could not keep it: database and disk are silent. Tell whoever runs the server."),
    ),
}  # fmt: skip


def urls(site: admin.AdminSite) -> list[URLPattern]:
    """The page and its two parts, for the admin site."""

    def plain(request: HttpRequest) -> HttpResponse:
        return page(request, site)

    def test(request: HttpRequest) -> HttpResponse:
        return test_push(request, site)

    return [
        path("connect/", site.admin_view(require_GET(plain)), name="connect"),
        path("connect/test/", site.admin_view(require_POST(test)), name="connect_test"),
        path("connect/pushes/", site.admin_view(require_GET(last_pushes)), name="connect_pushes"),
    ]


def page(
    request: HttpRequest,
    site: admin.AdminSite,
    *,
    made: PushKey | None = None,
    key: str = "",
    result: dict[str, Any] | None = None,
) -> TemplateResponse:
    """The whole page. With `made` and its `key`: this once, the address is complete."""
    _require(request, "calllogs.view_pushkey")
    address = request.build_absolute_uri(reverse("push"))
    live = list(PushKey.objects.live().order_by("-created_at"))
    context = {
        **site.each_context(request),
        "title": _("Connect the provider"),
        "made": made,
        "key": key,
        "placeholder": KEY_PLACEHOLDER,
        "templates": templates(address, key or KEY_PLACEHOLDER),
        "parts": parts(),
        "is_https": request.is_secure(),
        "is_local": is_local(urlsplit(address).hostname or ""),
        "keys": [(each, use_words(each)) for each in live],
        "from_environment": len(settings.PUSH_KEYS),
        "networks": settings.PUSH_ALLOWED_NETWORKS,
        "pushes": _last(),
        "result": result,
    }
    return TemplateResponse(request, "calllogs/intake/connect.html", context)


# --- the address -----------------------------------------------------------------------------------------


def templates(address: str, key: str) -> list[tuple[str, Any, str]]:
    """(id, what it is, the address) for both sets of names of the provider's document."""
    return [
        ("sample", _("Names of the sample address"), template_url(address, key, names=SAMPLE_URL_NAMES)),
        ("table", _("Names of the table"), template_url(address, key, names=TABLE_NAMES)),
    ]


def template_url(address: str, key: str, *, names: dict[str, str]) -> str:
    """The address with the key, and for each value a word in braces that the provider replaces."""
    values = "&".join(f"{name}={{{name}}}" for name in names.values())
    return f"{address}?key={quote(key, safe='')}&{values}"


def parts() -> list[tuple[Any, str, str, str]]:
    """What each part of the address means: (words, name in the sample address, name in the table, example)."""
    return [
        (FIELD_WORDS[field], name, TABLE_NAMES[field], EXAMPLES[field])
        for field, name in SAMPLE_URL_NAMES.items()
    ]


def is_local(host: str) -> bool:
    """Can the provider not reach this host, because the name is good for this computer or this office only?"""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal"))


# --- the test push ---------------------------------------------------------------------------------------


def test_push(request: HttpRequest, site: admin.AdminSite) -> HttpResponse:
    """Push a lifelike call through parsing, key check, writer and database, and say what came of it.

    It carries no person's key, and so marks none as used. The allow-list is not asked: it is about the provider's
    address, not about this person's.
    """
    _require(request, "calllogs.change_pushkey")
    call_id = f"{TEST_PREFIX}{uuid4().hex[:12]}"
    push = receive(_test_query(call_id).encode(), client_address(request.META))
    audit_log.record(
        Action.ADDED, request=request, what=f"Test push {call_id}"
    )  # the writer's transaction is its own
    kept = group_commit.submit(push, push_auth.OWN)
    call = CallLog.objects.filter(call_id=call_id).first() if kept == PushResult.COMMITTED else None
    if call is not None and request.user.pk:
        LogEntry.objects.log_actions(request.user.pk, [call], ADDITION, _("Test push."))
    result = {"reply": REPLIES[kept], "call_id": call_id, "call": call}
    if request.headers.get("X-Requested-With") == "fetch":
        return TemplateResponse(request, "calllogs/intake/connect_result.html", {"result": result})
    return page(request, site, result=result)


def _test_query(call_id: str) -> str:
    """A push in the words of the document's sample address, with an id that nobody takes for a customer's call."""
    now = timezone.localtime()
    drawn = sample_calls.calls(
        call_id,
        50,
        agents=sample_calls.lifelike_agents(departments=[TEST_DEPARTMENT]),
        departments=[TEST_DEPARTMENT],
        start=now - dt.timedelta(minutes=10),
        end=now,
    )
    # The one that has the most to show: answered, if any of them is.
    call = max(drawn, key=lambda drawn_call: drawn_call.status == ANSWERED)
    # No recording: there is none to be heard.
    call = replace(call, call_id=call_id, recording_url="")
    return sample_calls.wire_query(call, sender=sample_calls.SENDERS[0], zone=now.tzinfo or dt.UTC)


# --- the last pushes -------------------------------------------------------------------------------------


def last_pushes(request: HttpRequest) -> TemplateResponse:
    """The live list alone; asked for again every few seconds."""
    _require(request, "calllogs.view_pushkey")
    return TemplateResponse(request, "calllogs/intake/connect_pushes.html", {"pushes": _last()})


def _last() -> list[dict[str, Any]]:
    newest = Push.objects.select_related("call").only(
        "received_at", "remote_addr", "raw_query", "outcome", "reason", "mends", "call__caller"
    )
    return [
        {
            "pk": push.pk,
            "at": to_the_second(push.received_at),
            "badge": outcome_badge(push),
            "caller": mask(push.call.caller if push.call else caller_of(push)),
            "address": push.remote_addr,
            "reason": reason_words(push),
        }
        for push in newest[:SHOWN]
    ]


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied
    require_unlimited(request.user)
