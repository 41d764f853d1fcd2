"""Who saw this number? By a number that is typed into a form, or by a call's key; the question is itself recorded."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from calllogs.access.visibility import visibility_for
from calllogs.models import CallLog
from calllogs.privacy import access_report
from ivrportal.audit import audit_log
from ivrportal.common.phone import mask, mask_numbers, to_e164

MAY = "calllogs.see_who_saw"


def urls(site: admin.AdminSite) -> list[URLPattern]:
    view = site.admin_view(require_http_methods(["GET", "HEAD", "POST"])(page))
    return [path("calllogs/who-saw/", view, name="calllogs_who_saw")]


def page(request: HttpRequest) -> HttpResponse:
    """`?call=`: about that call's caller. Only who may see numbers types one; it never stands in an address."""
    if not request.user.has_perm(MAY):
        raise PermissionDenied
    sight = visibility_for(request.user)
    number, problem = "", ""
    if request.method == "POST":
        if not sight.sees_numbers:
            raise PermissionDenied
        typed = request.POST.get("number", "")
        number = to_e164(typed) or "".join(typed.split())[:40]
        problem = "" if number else _("Type the number.")
    elif key := request.GET.get("call", ""):
        is_key = key.isascii() and key.isdigit() and len(key) < 19
        calls = sight.calls().filter(pk=int(key)) if is_key else CallLog.objects.none()
        number = calls.values_list("caller", flat=True).first() or ""
        problem = "" if number else _("This call is not here, or came without a number.")
    seen: dict[str, Any] = _seen(request, number) if number else {}
    context = {
        **admin.site.each_context(request),
        "title": _("Who saw a number"),
        "problem": problem,
        "may_type": sight.sees_numbers,
        "shown": sight.number(number),
        **seen,
        "exports": [
            (export, export.words if sight.sees_numbers else mask_numbers(export.words), count)
            for export, count in (seen["seen"].exports if seen else ())
        ],
    }
    return TemplateResponse(request, "calllogs/privacy/access_report.html", context)


def _seen(request: HttpRequest, number: str) -> dict[str, Any]:
    """Read first, recorded before it is shown."""
    seen = access_report.seen_by(number)
    audit_log.record(
        audit_log.Action.ASKED_WHO,
        request=request,
        what=_("who saw the caller %(number)s") % {"number": mask(number)},
        callers=[number],
        count=len(seen.entries) + len(seen.exports),
    )
    return {"seen": seen, "most": access_report.MOST_ENTRIES, "most_exports": access_report.MOST_EXPORTS}
