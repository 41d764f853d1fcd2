"""Erase a caller: asked for twice, with what will go, and followed to its end without reloading the page.

No number stands in an address: a person types it into a form, or comes from a call's page by the call's key.
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

from calllogs.formatting import to_the_second
from calllogs.models import CallLog, Erasure
from calllogs.models.erasure import ERASURE_LOOK
from calllogs.privacy import erasure_jobs, erasure_requests
from ivrportal.common.phone import format_national

MAY = "calllogs.erase_caller"
MOST_LISTED = 100
SURE = "yes"

# What is counted, in the words of the page and in its order.
COUNT_WORDS: dict[str, Any] = {
    "calls": gettext_lazy("calls, which stay as calls of nobody"),
    "pushes": gettext_lazy("pushes, as the provider sent them"),
    "recordings": gettext_lazy("copies of recordings"),
    "notes": gettext_lazy("notes and tags"),
    "desk": gettext_lazy("entries at the desk of missed callers"),
    "exports": gettext_lazy("kept files of exports, of everybody"),
    "files": gettext_lazy("other files, or parts of them"),
    "other": gettext_lazy("other places where the number stood"),
}


def urls(site: admin.AdminSite) -> list[URLPattern]:
    def at(address: str, view: Any, name: str) -> URLPattern:
        return path(f"calllogs/erasure/{address}", site.admin_view(view), name=name)

    return [
        at("", require_http_methods(["GET", "HEAD", "POST"])(page), "calllogs_erasures"),
        at("<int:pk>/", require_safe(one), "calllogs_erasure"),
        at("<int:pk>/progress/", require_safe(progress), "calllogs_erasure_progress"),
    ]


def page(request: HttpRequest) -> HttpResponse:
    """GET asks for the number; the first POST says what will go, the second erases. `?call=`: that call's caller."""
    _must_be_allowed(request)
    if request.method == "POST":
        return _asked(request, request.POST.get("number", ""), is_sure=request.POST.get("sure") == SURE)
    if call := request.GET.get("call", ""):
        return _asked(request, _caller_of(call), is_sure=False)
    return _page(request)


def one(request: HttpRequest, pk: int) -> HttpResponse:
    _must_be_allowed(request)
    erasure = get_object_or_404(Erasure, pk=pk)
    context = {
        **admin.site.each_context(request),
        **_shown(erasure),
        "title": _("Erasure of %(when)s") % {"when": to_the_second(erasure.asked_at)},
    }
    return TemplateResponse(request, "calllogs/privacy/erasure.html", context)


def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that renews itself."""
    _must_be_allowed(request)
    return TemplateResponse(
        request, "calllogs/privacy/erasure_progress.html", _shown(get_object_or_404(Erasure, pk=pk))
    )


def _asked(request: HttpRequest, typed: str, *, is_sure: bool) -> HttpResponse:
    try:
        number = erasure_requests.number_of(typed)
        if not is_sure:
            found = erasure_requests.what_would_go(number)
            lines = [(count, COUNT_WORDS[name]) for name, count in found.items() if count]
            return _page(request, number=number, shown=format_national(number), lines=lines)
        erasure, is_new = erasure_requests.ask(number, request=request)
    except erasure_requests.Refused as reason:
        return _page(request, problem=str(reason), typed=typed)
    if not is_new:
        messages.info(request, _("This number is being erased already; here is how far it is."))
    return redirect("admin:calllogs_erasure", erasure.pk)


def _page(request: HttpRequest, **more: Any) -> HttpResponse:
    erasures = [(erasure, _badge(erasure)) for erasure in Erasure.objects.all()[:MOST_LISTED]]
    context = {
        **admin.site.each_context(request),
        "title": _("Erase a caller"),
        "erasures": erasures,
        "sure": SURE,
        **more,
    }
    return TemplateResponse(request, "calllogs/privacy/erasures.html", context)


def _shown(erasure: Erasure) -> dict[str, Any]:
    lines = [(erasure.counts[name], words) for name, words in COUNT_WORDS.items() if erasure.counts.get(name)]
    steps = len(erasure_jobs.steps(erasure)) if erasure.is_under_way else 0
    return {
        "erasure": erasure,
        "badge": _badge(erasure),
        "lines": lines,
        "percent": 100 * erasure.steps_done // steps if steps else 100,
    }


def _badge(erasure: Erasure) -> str:
    colour, icon = ERASURE_LOOK[erasure.state]
    look = {"words": erasure.get_state_display(), "colour": colour, "icon": icon}
    return render_to_string("components/badge.html", look)


def _caller_of(key: str) -> str:
    is_key = key.isascii() and key.isdigit() and len(key) < 19
    caller = CallLog.objects.filter(pk=int(key)).values_list("caller", flat=True).first() if is_key else None
    if not caller:
        raise Http404
    return caller


def _must_be_allowed(request: HttpRequest) -> None:
    if not request.user.has_perm(MAY):
        raise PermissionDenied
