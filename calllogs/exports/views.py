"""The page to request an export, and the export itself: streamed at once or started as a background job."""

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
from calllogs.exports.columns import COLUMN_NAMES
from calllogs.exports.metadata import metadata_for
from calllogs.exports.render import CONTENT_TYPES
from calllogs.exports.requests import ExportRequest, hides_for, start_job
from calllogs.exports.size import estimate_rows
from calllogs.exports.snapshot import Snapshot
from calllogs.exports.streaming import stream_to_browser
from calllogs.models import CallLog, Export

EXPORT_PERMISSION = "calllogs.export_calls"


def get_urls(site: admin.AdminSite) -> list[URLPattern]:
    def view(request: HttpRequest) -> HttpResponseBase:
        return export_view(request, site)

    return [
        path(
            "calllogs/calllog/export/",
            site.admin_view(require_http_methods(["GET", "HEAD", "POST"])(view)),
            name="calllogs_export",
        ),
        path(
            "calllogs/export/news/",
            site.admin_view(require_safe(notices.notices_view)),
            name="calllogs_export_news",
        ),
    ]


def export_view(request: HttpRequest, site: admin.AdminSite) -> HttpResponseBase:
    """GET shows scope, size and formats. POST exports. The query string is the filter of the call list."""
    if not request.user.has_perm(EXPORT_PERMISSION):
        raise PermissionDenied
    call_filter = filters.from_query(request.GET)
    is_valid = request.POST.get("format") in Export.Format.values and not call_filter.problems
    # With an invalid parameter the page shows the problems instead: the export would hold more than was requested.
    if request.method == "POST" and is_valid:
        return _start_export(
            request, ExportRequest(request.user, call_filter, request.POST["format"], request)
        )
    now, visibility = timezone.now(), visibility_for(request.user)
    context = {
        **site.each_context(request),
        "title": _("Export calls"),
        "scope_text": visible_filter.describe_scope(call_filter.describe(now=now), visibility),
        "query": call_filter.query(),
        "problems": [*call_filter.problems, *visible_filter.visibility_notices(call_filter, visibility)],
        "hides": Export(hides=hides_for(request.user)).get_hides_display(),
        "row_estimate": estimate_rows(
            visible_filter.visible_filter_for(call_filter, visibility).condition(now=now),
            exact_up_to=settings.EXPORT_STREAM_ROWS,
        ),
        "stream_rows": settings.EXPORT_STREAM_ROWS,
        "kept_days": settings.EXPORT_KEPT_DAYS,
        "zone": settings.PORTAL_TIME_ZONE,
        "columns": COLUMN_NAMES,
    }
    return TemplateResponse(request, "calllogs/exports/request.html", context)


def _start_export(request: HttpRequest, export_request: ExportRequest) -> HttpResponseBase:
    limit = settings.EXPORT_STREAM_ROWS
    snapshot = Snapshot(ZoneInfo(settings.PORTAL_TIME_ZONE))
    try:
        calls = export_request.effective_filter.apply(CallLog.objects.all())
        rows = snapshot.count(calls, at_most=limit + 1)
        if rows <= limit:
            record = export_request.record(Export.Way.SCREEN, Export.State.RUNNING, rows_expected=rows)
            return _stream_response(record, snapshot)
    except BaseException:
        snapshot.close()
        raise
    snapshot.close()
    return _start_background_job(request, export_request)


def _stream_response(record: Export, snapshot: Snapshot) -> StreamingHttpResponse:
    assert record.rows_expected is not None
    return StreamingHttpResponse(
        stream_to_browser(record, snapshot),
        content_type=CONTENT_TYPES[Export.Format(record.file_format)],
        headers=build_headers(record, rows=record.rows_expected),
    )


def _start_background_job(request: HttpRequest, export_request: ExportRequest) -> HttpResponse:
    record, is_new = start_job(export_request)
    if not is_new:
        messages.info(
            request,
            _(
                "You have asked for this export before, and it is still being written: here it is. "
                "Nothing was begun twice."
            ),
        )
    return redirect("admin:calllogs_export_change", record.pk)


def build_headers(record: Export, *, rows: int) -> dict[str, str]:
    """Headers of every response with an export: file name, user, time, filter, zone and number of rows."""
    moment = timezone.localtime(record.asked_at, ZoneInfo(record.zone))
    name = f"calls-{moment:%Y-%m-%d-%H%M}.{record.file_format}"
    return {
        "Content-Disposition": f'attachment; filename="{quote(name)}"',
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx must not buffer the stream
        **metadata_for(record).headers(rows=rows),
    }
