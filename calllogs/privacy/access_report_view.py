"""The page "Who saw a number", for a typed number or a call's key. Each request for a report is recorded."""

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

ACCESS_REPORT_PERMISSION = "calllogs.see_who_saw"


def get_urls(site: admin.AdminSite) -> list[URLPattern]:
    view = site.admin_view(require_http_methods(["GET", "HEAD", "POST"])(access_report_page))
    return [path("calllogs/who-saw/", view, name="calllogs_who_saw")]


def access_report_page(request: HttpRequest) -> HttpResponse:
    """`?call=`: a report on that call's caller. A number is only accepted by POST, from users who may see numbers."""
    if not request.user.has_perm(ACCESS_REPORT_PERMISSION):
        raise PermissionDenied
    visibility = visibility_for(request.user)
    number, problem = "", ""
    if request.method == "POST":
        if not visibility.sees_numbers:
            raise PermissionDenied
        entered = request.POST.get("number", "")
        number = to_e164(entered) or "".join(entered.split())[:40]
        problem = "" if number else _("Type the number.")
    elif key := request.GET.get("call", ""):
        is_key = key.isascii() and key.isdigit() and len(key) < 19
        calls = visibility.calls().filter(pk=int(key)) if is_key else CallLog.objects.none()
        number = calls.values_list("caller", flat=True).first() or ""
        problem = "" if number else _("This call is not here, or came without a number.")
    report_context: dict[str, Any] = _build_and_record(request, number) if number else {}
    context = {
        **admin.site.each_context(request),
        "title": _("Who saw a number"),
        "problem": problem,
        "can_enter_number": visibility.sees_numbers,
        "shown": visibility.format_number(number),
        **report_context,
        "exports": [
            (export, export.words if visibility.sees_numbers else mask_numbers(export.words), count)
            for export, count in (report_context["report"].exports if report_context else ())
        ],
    }
    return TemplateResponse(request, "calllogs/privacy/access_report.html", context)


def _build_and_record(request: HttpRequest, number: str) -> dict[str, Any]:
    """Builds the report and records the request before the report is shown."""
    report = access_report.build_access_report(number)
    audit_log.record(
        audit_log.Action.ASKED_WHO,
        request=request,
        what=_("who saw the caller %(number)s") % {"number": mask(number)},
        callers=[number],
        count=len(report.entries) + len(report.exports),
    )
    return {
        "report": report,
        "max_entries": access_report.MAX_ENTRIES,
        "max_exports": access_report.MAX_EXPORTS,
    }
