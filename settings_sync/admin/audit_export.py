"""The audit trail as CSV, as its list is filtered. That it was taken out is an entry before its first byte."""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from settings_sync import audit
from settings_sync.audit import Action
from settings_sync.cells import safe
from settings_sync.models import AuditEntry

EXPORT = "settings_sync.export_auditentry"
ROWS_IN_A_PIECE = 1000
BOM = "\ufeff"
COLUMNS = (
    "number", "at", "person", "action", "scope", "about", "count", "from", "changes", "digest",
)  # fmt: skip


@require_POST
def export(request: HttpRequest, model_admin: Any) -> HttpResponseBase:
    """What the list's query finds, newest first."""
    if not (model_admin.has_view_permission(request) and request.user.has_perm(EXPORT)):
        raise PermissionDenied
    try:
        entries = model_admin.get_changelist_instance(request).get_queryset(request)
    except IncorrectLookupParameters:
        return redirect("admin:settings_sync_auditentry_changelist")
    newest = AuditEntry.objects.order_by("-number").values_list("number", flat=True).first() or 0
    entries = entries.order_by("-number").filter(number__lte=newest)  # without what comes meanwhile
    filters = ", ".join(f"{name}={value}" for name, value in request.GET.items() if value)
    audit.record(
        Action.EXPORTED, request=request, what=f"audit trail: {filters or 'all'}", count=entries.count()
    )
    name = f"audit-trail-{timezone.localtime():%Y-%m-%d-%H%M}.csv"
    return StreamingHttpResponse(
        _pieces(entries),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
            "X-Accel-Buffering": "no",  # a proxy in front passes it on as it comes
        },
    )


def _pieces(entries: QuerySet[AuditEntry]) -> Iterator[bytes]:
    """Page by page from the last number on: no cursor is held, and memory does not grow."""
    yield (BOM + _text([list(COLUMNS)])).encode()
    page = list(entries[:ROWS_IN_A_PIECE])
    while page:
        yield _text([_cells(entry) for entry in page]).encode()
        page = list(entries.filter(number__lt=page[-1].number)[:ROWS_IN_A_PIECE])


def _cells(entry: AuditEntry) -> list[str | int]:
    return [
        entry.number,
        timezone.localtime(entry.at).isoformat(timespec="seconds"),
        safe(entry.person),
        entry.action,
        safe(entry.what),
        entry.subject,
        "" if entry.count is None else entry.count,
        entry.address,
        json.dumps(entry.changes, ensure_ascii=False) if entry.changes else "",
        entry.digest,
    ]


def _text(rows: list[list[Any]]) -> str:
    buffer = StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()
