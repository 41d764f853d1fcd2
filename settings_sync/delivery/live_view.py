"""What has changed meanwhile, for a page that looks again: badges, banner and head as JSON, no whole page."""

import datetime as dt
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from settings_sync.delivery import account_status as accounts
from settings_sync.delivery import badges, banner, control_views, detail, list_columns, overview
from settings_sync.delivery.account_status import Account
from settings_sync.models import ProviderSetting

MOST = 200  # settings in one look; a list has 50
SOONEST_S, LATEST_S = 2.0, 30.0


@require_GET
def poll(request: HttpRequest, model_admin: Any) -> JsonResponse:  # noqa: ARG001  (every such view has it)
    """`?settings=1,2&head=1&history=1`: the parts by name, and `again_s`, null once nothing moves by itself.

    `badges` replace the element with that `data-setting`, `parts` fill the element with that `data-live`.
    """
    if not request.user.has_perm(banner.VIEW):
        raise PermissionDenied
    ids = [
        int(text) for text in request.GET.get("settings", "").split(",") if text.isascii() and text.isdigit()
    ]
    account = accounts.read()
    rows = list(ProviderSetting.objects.filter(pk__in=[number for number in ids if number < 2**63][:MOST]))
    parts: dict[str, str] = {"banner": _banner(account)}
    for row in rows:
        parts |= {f"{name}-{row.pk}": html for name, html in list_columns.parts(row, account).items()}
    waits = [_wait_s(row, account) for row in rows if badges.is_moving(row, account.shut)]
    if request.GET.get("head"):
        head = overview.head(request, account)
        parts["head"] = render_to_string(
            "settings_sync/delivery/list_head.html", _for_control(head, request), request
        )
        if head["is_moving"]:
            waits.append(SOONEST_S)
    if request.GET.get("history") and len(rows) == 1:
        parts["setting"] = render_to_string(
            "settings_sync/delivery/setting_body.html",
            _for_control({"page": detail.page(rows[0], account)}, request),
            request,
        )
    return JsonResponse(
        {
            "badges": {str(row.pk): badges.badge(row, account.shut) for row in rows},
            "parts": parts,
            "again_s": min(waits) if waits else None,
        },
        headers={"Cache-Control": "no-store"},
    )


def _banner(account: Account) -> str:
    context = {"provider_notices": banner.notices(account), "may_see_provider": True}
    return render_to_string("components/notices.html", context)


def _for_control(context: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
    return {**context, "may_control": control_views.may_control(request)}


def _wait_s(setting: ProviderSetting, account: Account) -> float:
    """Look again when something can have happened: at once, or about when the next try is due."""
    next_at = setting.next_attempt_at or account.now
    wait = next_at - account.now
    return min(max(SOONEST_S, wait / dt.timedelta(seconds=1)), LATEST_S)
