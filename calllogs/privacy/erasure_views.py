"""Pages to erase a caller: confirmation with the affected counts, and progress that is polled to the end.

No URL contains a number: users type it into a form, or come from a call's page with the call's key.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from calllogs.formatting import format_moment
from calllogs.models import CallLog, Erasure
from calllogs.models.erasure import ERASURE_STATE_STYLE
from calllogs.privacy import erasure_jobs, erasure_requests
from ivrportal.common.phone import format_national

ERASE_PERMISSION = "calllogs.erase_caller"
MAX_LISTED = 100
CONFIRMED = "yes"

# Labels of the counts, in the order of the page.
COUNT_LABELS: dict[str, Any] = {
    "calls": gettext_lazy("calls, which stay as calls of nobody"),
    "pushes": gettext_lazy("pushes, as the provider sent them"),
    "recordings": gettext_lazy("copies of recordings"),
    "notes": gettext_lazy("notes and tags"),
    "desk": gettext_lazy("entries at the desk of missed callers"),
    "exports": gettext_lazy("kept files of exports, of everybody"),
    "files": gettext_lazy("other files, or parts of them"),
    "other": gettext_lazy("other places where the number stood"),
}


def get_urls(site: admin.AdminSite) -> list[URLPattern]:
    def route(address: str, view: Any, name: str) -> URLPattern:
        return path(f"calllogs/erasure/{address}", site.admin_view(view), name=name)

    return [
        route("", require_http_methods(["GET", "HEAD", "POST"])(erasures_view), "calllogs_erasures"),
        route("<int:pk>/", require_safe(erasure_view), "calllogs_erasure"),
        route("<int:pk>/progress/", require_safe(progress_view), "calllogs_erasure_progress"),
    ]


def erasures_view(request: HttpRequest) -> HttpResponse:
    """GET shows the form, the first POST what will be removed; the second POST erases. `?call=`: that call's caller."""
    _require_permission(request)
    if request.method == "POST":
        return _confirm_or_erase(
            request, request.POST.get("number", ""), is_confirmed=request.POST.get("sure") == CONFIRMED
        )
    if call := request.GET.get("call", ""):
        return _confirm_or_erase(request, _get_caller(call), is_confirmed=False)
    return _render_erasures(request)


def erasure_view(request: HttpRequest, pk: int) -> HttpResponse:
    _require_permission(request)
    erasure = get_object_or_404(Erasure, pk=pk)
    context = {
        **admin.site.each_context(request),
        **_progress_context(erasure),
        "title": _("Erasure of %(when)s") % {"when": format_moment(erasure.asked_at)},
    }
    return TemplateResponse(request, "calllogs/privacy/erasure.html", context)


def progress_view(request: HttpRequest, pk: int) -> HttpResponse:
    """The fragment that htmx polls until the erasure has ended."""
    _require_permission(request)
    return TemplateResponse(
        request,
        "calllogs/privacy/erasure_progress.html",
        _progress_context(get_object_or_404(Erasure, pk=pk)),
    )


def _confirm_or_erase(request: HttpRequest, entered: str, *, is_confirmed: bool) -> HttpResponse:
    try:
        number = erasure_requests.clean_number(entered)
        if not is_confirmed:
            affected = erasure_requests.count_affected(number)
            counts = [(count, COUNT_LABELS[name]) for name, count in affected.items() if count]
            return _render_erasures(request, number=number, shown=format_national(number), counts=counts)
        erasure, is_new = erasure_requests.request_erasure(number, request=request)
    except erasure_requests.ErasureRefused as reason:
        return _render_erasures(request, problem=str(reason), entered=entered)
    if not is_new:
        messages.info(request, _("This number is being erased already; here is how far it is."))
    return redirect("admin:calllogs_erasure", erasure.pk)


def _render_erasures(request: HttpRequest, **extra: Any) -> HttpResponse:
    erasures = [(erasure, _state_badge(erasure)) for erasure in Erasure.objects.all()[:MAX_LISTED]]
    context = {
        **admin.site.each_context(request),
        "title": _("Erase a caller"),
        "erasures": erasures,
        "confirmed_value": CONFIRMED,
        **extra,
    }
    return TemplateResponse(request, "calllogs/privacy/erasures.html", context)


def _progress_context(erasure: Erasure) -> dict[str, Any]:
    counts = [
        (erasure.counts[name], label) for name, label in COUNT_LABELS.items() if erasure.counts.get(name)
    ]
    steps = len(erasure_jobs.build_steps(erasure)) if erasure.is_under_way else 0
    return {
        "erasure": erasure,
        "badge": _state_badge(erasure),
        "counts": counts,
        "percent": 100 * erasure.steps_done // steps if steps else 100,
    }


def _state_badge(erasure: Erasure) -> str:
    colour, icon = ERASURE_STATE_STYLE[erasure.state]
    style = {"label": erasure.get_state_display(), "colour": colour, "icon": icon}
    return render_to_string("components/badge.html", style)


def _get_caller(key: str) -> str:
    is_key = key.isascii() and key.isdigit() and len(key) < 19
    caller = CallLog.objects.filter(pk=int(key)).values_list("caller", flat=True).first() if is_key else None
    if not caller:
        raise Http404
    return caller


def _require_permission(request: HttpRequest) -> None:
    if not request.user.has_perm(ERASE_PERMISSION):
        raise PermissionDenied
