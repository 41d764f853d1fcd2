"""The page that asks how to export, and the export itself: sent at once, or begun in the background."""

from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from calllogs.access.visibility import visibility_for
from calllogs.calls import filters, visible_filter
from calllogs.exports import notices
from calllogs.exports.columns import COLUMNS
from calllogs.exports.metadata import facts_of
from calllogs.exports.render import CONTENT_TYPES
from calllogs.exports.requests import ExportRequest, begin_job, hidden_from
from calllogs.exports.size import size_of
from calllogs.exports.snapshot import Snapshot
from calllogs.exports.streaming import sent
from calllogs.models import CallLog, Export

MAY = "calllogs.export_calls"


def urls(site: admin.AdminSite) -> list[URLPattern]:
    def page(request: HttpRequest) -> HttpResponseBase:
        return export(request, site)

    return [
        path(
            "calllogs/calllog/export/",
            site.admin_view(require_http_methods(["GET", "HEAD", "POST"])(page)),
            name="calllogs_export",
        ),
        path(
            "calllogs/export/news/",
            site.admin_view(require_safe(notices.fragment)),
            name="calllogs_export_news",
        ),
    ]


def export(request: HttpRequest, site: admin.AdminSite) -> HttpResponseBase:
    """GET asks: which calls, how many, in which format. POST exports them. The address holds the list's filter."""
    if not request.user.has_perm(MAY):
        raise PermissionDenied
    wanted = filters.from_query(request.GET)
    is_clear = request.POST.get("format") in Export.Format.values and not wanted.problems
    if (
        request.method == "POST" and is_clear
    ):  # else the page says what is not: more would be exported than was meant
        return _begin(request, ExportRequest(request.user, wanted, request.POST["format"], request))
    now, sight = timezone.now(), visibility_for(request.user)
    context = {
        **site.each_context(request),
        "title": _("Export calls"),
        "words": visible_filter.scope_words(wanted.words(now=now), sight),
        "query": wanted.query(),
        "problems": [*wanted.problems, *visible_filter.visibility_notices(wanted, sight)],
        "hides": Export(hides=hidden_from(request.user)).get_hides_display(),
        "size": size_of(
            visible_filter.visible_filter_for(wanted, sight).condition(now=now),
            exact_up_to=settings.EXPORT_STREAM_ROWS,
        ),
        "stream_rows": settings.EXPORT_STREAM_ROWS,
        "kept_days": settings.EXPORT_KEPT_DAYS,
        "zone": settings.PORTAL_TIME_ZONE,
        "columns": COLUMNS,
        "formats": Export.Format.choices,
    }
    return TemplateResponse(request, "calllogs/exports/request.html", context)


def _begin(request: HttpRequest, asked: ExportRequest) -> HttpResponseBase:
    limit = settings.EXPORT_STREAM_ROWS
    snapshot = Snapshot(ZoneInfo(settings.PORTAL_TIME_ZONE))
    try:
        calls = asked.meant.apply(CallLog.objects.all())
        rows = snapshot.count(calls, at_most=limit + 1)
        if rows <= limit:
            record = asked.record(Export.Way.SCREEN, Export.State.RUNNING, rows_expected=rows)
            return _sent(record, snapshot)
    except BaseException:
        snapshot.close()
        raise
    snapshot.close()
    return _in_background(request, asked)


def _sent(record: Export, snapshot: Snapshot) -> StreamingHttpResponse:
    assert record.rows_expected is not None
    return StreamingHttpResponse(
        sent(record, snapshot),
        content_type=CONTENT_TYPES[Export.Format(record.file_format)],
        headers=headers(record, rows=record.rows_expected),
    )


def _in_background(request: HttpRequest, asked: ExportRequest) -> HttpResponse:
    record, is_new = begin_job(asked)
    if not is_new:
        messages.info(
            request,
            _(
                "You have asked for this export before, and it is still being written: here it is. "
                "Nothing was begun twice."
            ),
        )
    return redirect("admin:calllogs_export_change", record.pk)


def headers(record: Export, *, rows: int) -> dict[str, str]:
    """Of every response that hands an export out: its name, and who, when, which calls, zone and rows."""
    moment = timezone.localtime(record.asked_at, ZoneInfo(record.zone))
    name = f"calls-{moment:%Y-%m-%d-%H%M}.{record.file_format}"
    return {
        "Content-Disposition": f'attachment; filename="{quote(name)}"',
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # a proxy in front passes it on as it comes
        **facts_of(record).headers(rows=rows),
    }
