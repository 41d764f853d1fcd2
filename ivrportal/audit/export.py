"""CSV export of the audit log, filtered like its list. The export is recorded before its first byte is sent."""

import csv
import datetime as dt
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

from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.audit.models import AuditEntry
from ivrportal.common.spreadsheet import escape_formula

EXPORT_PERMISSION = "settings_sync.export_auditentry"
CHUNK_ROWS = 5000
BOM = "\ufeff"
COLUMNS = (
    "number", "at", "person", "action", "scope", "about", "count", "from", "changes", "digest",
)  # fmt: skip
FIELDS = (
    "number", "at", "person", "action", "what", "subject", "count", "address", "changes", "digest",
)  # fmt: skip


@require_POST
def export(request: HttpRequest, model_admin: Any) -> HttpResponseBase:
    """All entries that the list's filters and search find, newest first."""
    if not (model_admin.has_view_permission(request) and request.user.has_perm(EXPORT_PERMISSION)):
        raise PermissionDenied
    try:
        changelist = model_admin.get_changelist_instance(request)
    except IncorrectLookupParameters:
        return redirect("admin:settings_sync_auditentry_changelist")
    # The changelist's own search is limited to MAX_RESULTS, so it is replaced here.
    text, changelist.query = changelist.query.strip(), ""
    entries = changelist.get_queryset(request)
    if text:
        entries = entries.by_person_or_subject(text) | entries.with_scope(text)
    # Leaves out entries that are added during the export.
    entries = entries.order_by("-number").filter(number__lte=AuditEntry.objects.last_number())
    filters = ", ".join(f"{name}={value}" for name, value in request.GET.items() if value)
    audit_log.record(
        Action.EXPORTED, request=request, what=f"audit trail: {filters or 'all'}", count=entries.count()
    )
    name = f"audit-trail-{timezone.localtime():%Y-%m-%d-%H%M}.csv"
    return StreamingHttpResponse(
        _chunks(entries),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
            "X-Accel-Buffering": "no",  # the proxy in front must not buffer the stream
        },
    )


def _chunks(entries: QuerySet[AuditEntry]) -> Iterator[bytes]:
    """Read in chunks by number, so that no database cursor stays open and memory does not grow."""
    yield (BOM + _csv_text([list(COLUMNS)])).encode()
    rows, zone = entries.values_list(*FIELDS), timezone.get_current_timezone()
    chunk = list(rows[:CHUNK_ROWS])
    while chunk:
        yield _csv_text([_cells(row, zone) for row in chunk]).encode()
        chunk = list(rows.filter(number__lt=chunk[-1][0])[:CHUNK_ROWS])


def _cells(row: tuple[Any, ...], zone: dt.tzinfo) -> list[str | int]:
    number, at, person, action, what, subject, count, address, changes, digest = row
    return [
        number,
        at.astimezone(zone).isoformat(timespec="seconds"),
        escape_formula(person),
        action,
        escape_formula(what),
        subject,
        "" if count is None else count,
        address,
        json.dumps(changes, ensure_ascii=False) if changes else "",
        digest,
    ]


def _csv_text(rows: list[list[Any]]) -> str:
    buffer = StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()
