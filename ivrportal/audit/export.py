"""The audit trail as CSV, as its list is filtered. That it was taken out is an entry before its first byte."""

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
from ivrportal.common.spreadsheet import safe

EXPORT = "settings_sync.export_auditentry"
ROWS_IN_A_PIECE = 5000
BOM = "\ufeff"
COLUMNS = (
    "number", "at", "person", "action", "scope", "about", "count", "from", "changes", "digest",
)  # fmt: skip
FIELDS = (
    "number", "at", "person", "action", "what", "subject", "count", "address", "changes", "digest",
)  # fmt: skip


@require_POST
def export(request: HttpRequest, model_admin: Any) -> HttpResponseBase:
    """What the list's query finds, newest first."""
    if not (model_admin.has_view_permission(request) and request.user.has_perm(EXPORT)):
        raise PermissionDenied
    try:
        listed = model_admin.get_changelist_instance(request)
    except IncorrectLookupParameters:
        return redirect("admin:settings_sync_auditentry_changelist")
    text, listed.query = listed.query.strip(), ""  # all that is found, not only what the list shows of it
    entries = listed.get_queryset(request)
    if text:
        entries = entries.named(text) | entries.told(text)
    # Without what comes meanwhile.
    entries = entries.order_by("-number").filter(number__lte=AuditEntry.objects.last_number())
    filters = ", ".join(f"{name}={value}" for name, value in request.GET.items() if value)
    audit_log.record(
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
    rows, zone = entries.values_list(*FIELDS), timezone.get_current_timezone()
    page = list(rows[:ROWS_IN_A_PIECE])
    while page:
        yield _text([_cells(row, zone) for row in page]).encode()
        page = list(rows.filter(number__lt=page[-1][0])[:ROWS_IN_A_PIECE])


def _cells(row: tuple[Any, ...], zone: dt.tzinfo) -> list[str | int]:
    number, at, person, action, what, subject, count, address, changes, digest = row
    return [
        number,
        at.astimezone(zone).isoformat(timespec="seconds"),
        safe(person),
        action,
        safe(what),
        subject,
        "" if count is None else count,
        address,
        json.dumps(changes, ensure_ascii=False) if changes else "",
        digest,
    ]


def _text(rows: list[list[Any]]) -> str:
    buffer = StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()
