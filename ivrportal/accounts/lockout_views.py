"""The page of current lockouts, and the action that lifts one."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from ivrportal.accounts import login_throttle
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action

PERMISSION = "auth.change_user"


def get_urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("locks/", site.admin_view(require_safe(lockouts_page)), name="locks"),
        path("locks/lift/", site.admin_view(require_POST(lift_lock)), name="locks_lift"),
    ]


def lockouts_page(request: HttpRequest) -> HttpResponse:
    _require_permission(request)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Locks"),
        "locks": login_throttle.current_locks(),
    }
    return TemplateResponse(request, "accounts/lockouts.html", context)


def lift_lock(request: HttpRequest) -> HttpResponse:
    """POST `username`, `address` or both, as in the lock."""
    _require_permission(request)
    username, address = request.POST.get("username", "")[:150], request.POST.get("address", "")[:45]
    if login_throttle.lift_lock(username=username, address=address):
        what = f"lifted: {username or 'every account'} from {address or 'every address'}"
        audit_log.record(Action.LOCKED, request=request, what=what)
        messages.success(request, _("The lock is lifted: signing in can be tried again at once."))
    else:
        messages.info(request, _("There was no lock any more."))
    return redirect("admin:locks")


def _require_permission(request: HttpRequest) -> None:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
