"""Who saw a caller's number: entries of the audit log, and the exports that must have contained it."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.http import QueryDict

from calllogs.calls import filters
from calllogs.models import CallLog, Export
from ivrportal.audit.audit_log import caller_digests
from ivrportal.audit.models import AuditEntry

MAX_ENTRIES = 500
MAX_EXPORTS = 300
EXPORTS_PER_QUERY = 100  # exports whose filters are counted in one query


@dataclass(frozen=True, slots=True)
class AccessReport:
    """Newest first. `exports`: pairs of an export and the number of the caller's calls in it."""

    entries: list[AuditEntry]
    exports: list[tuple[Export, int]]
    has_more: bool


def build_access_report(number: str) -> AccessReport:
    """`number` as stored in calls. Audit entries are found by digest, so also for an erased caller; exports are not."""
    entries = list(
        AuditEntry.objects.about_caller(caller_digests(number)).order_by("-number")[: MAX_ENTRIES + 1]
    )
    recent = list(Export.objects.exclude(rows=0)[: MAX_EXPORTS + 1])
    exports: list[tuple[Export, int]] = []
    for start in range(0, min(len(recent), MAX_EXPORTS), EXPORTS_PER_QUERY):
        exports += _find_exports_with_calls(
            number, recent[start : min(start + EXPORTS_PER_QUERY, MAX_EXPORTS)]
        )
    return AccessReport(
        entries[:MAX_ENTRIES], exports, len(entries) > MAX_ENTRIES or len(recent) > MAX_EXPORTS
    )


def _find_exports_with_calls(number: str, exports: list[Export]) -> list[tuple[Export, int]]:
    """The exports whose filter matches a call of this caller that existed when they were written. Runs one query."""
    counts = {
        f"export_{export.pk}": Count("pk", filter=_exported_calls_condition(export)) for export in exports
    }
    calls: QuerySet[CallLog] = CallLog.objects.filter(caller=number).order_by()
    matches = calls.aggregate(**counts) if counts else {}
    return [(export, matches[f"export_{export.pk}"]) for export in exports if matches[f"export_{export.pk}"]]


def _exported_calls_condition(export: Export) -> Q:
    exported = filters.from_query(QueryDict(export.query)).condition(now=export.asked_at)
    return exported & Q(received_at__lte=export.ended_at or export.asked_at)
