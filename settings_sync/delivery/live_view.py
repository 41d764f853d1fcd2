"""Polling endpoint: current badges, banner, cells and list head as JSON."""

import datetime as dt
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from settings_sync.delivery import (
    account_status,
    badges,
    banner,
    control_views,
    detail,
    list_columns,
    overview,
)
from settings_sync.delivery.account_status import AccountStatus
from settings_sync.models import ProviderSetting

MAX_SETTINGS = 200  # settings per request; a list page has 50
MIN_POLL_S, MAX_POLL_S = 2.0, 30.0


@require_GET
def poll(request: HttpRequest, model_admin: Any) -> JsonResponse:  # noqa: ARG001  (custom admin views get it)
    """Answer `?settings=1,2&head=1&history=1` with JSON.

    `badges` replace the element with that `data-setting`, `parts` fill the element with that `data-live`, and
    `again_s` is the delay until the next poll in seconds, null if nothing will change automatically.
    """
    if not request.user.has_perm(banner.VIEW_PERMISSION):
        raise PermissionDenied
    ids = [
        int(text) for text in request.GET.get("settings", "").split(",") if text.isascii() and text.isdigit()
    ]
    account = account_status.load()
    rows = list(
        ProviderSetting.objects.filter(pk__in=[number for number in ids if number < 2**63][:MAX_SETTINGS])
    )
    parts: dict[str, str] = {"banner": _render_banner(account)}
    for row in rows:
        parts |= {
            f"{name}-{row.pk}": html for name, html in list_columns.render_live_cells(row, account).items()
        }
    delays = [_poll_delay_s(row, account) for row in rows if badges.should_poll(row, account.closed_reason)]
    if request.GET.get("head"):
        head = overview.build_list_head(request, account)
        parts["head"] = render_to_string(
            "settings_sync/delivery/list_head.html", _with_can_control(head, request), request
        )
        if head["should_poll"]:
            delays.append(MIN_POLL_S)
    if request.GET.get("history") and len(rows) == 1:
        parts["setting"] = render_to_string(
            "settings_sync/delivery/setting_body.html",
            _with_can_control({"page": detail.build_setting_page(rows[0], account)}, request),
            request,
        )
    return JsonResponse(
        {
            "badges": {str(row.pk): badges.render_badge(row, account.closed_reason) for row in rows},
            "parts": parts,
            "again_s": min(delays) if delays else None,
        },
        headers={"Cache-Control": "no-store"},
    )


def _render_banner(account: AccountStatus) -> str:
    context = {"provider_notices": banner.build_notices(account), "may_see_provider": True}
    return render_to_string("components/notices.html", context)


def _with_can_control(context: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
    return {**context, "can_control": control_views.can_control(request)}


def _poll_delay_s(setting: ProviderSetting, account: AccountStatus) -> float:
    """Return the seconds until the next attempt is due, between MIN_POLL_S and MAX_POLL_S."""
    next_at = setting.next_attempt_at or account.now
    wait = next_at - account.now
    return min(max(MIN_POLL_S, wait / dt.timedelta(seconds=1)), MAX_POLL_S)
