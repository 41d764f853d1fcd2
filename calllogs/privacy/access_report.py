"""Who saw a caller's number: what the audit trail says, and the exports that must have held it."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.http import QueryDict

from calllogs.calls import filters
from calllogs.models import CallLog, Export
from ivrportal.audit.audit_log import digests_of
from ivrportal.audit.models import AuditEntry

MOST_ENTRIES = 500
MOST_EXPORTS = 300
AT_ONCE = 100  # exports whose filters one query asks about


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest first. `exports`: with how many of the caller's calls each of them held."""

    entries: list[AuditEntry]
    exports: list[tuple[Export, int]]
    has_more: bool


def seen_by(number: str) -> Seen:
    """By the number as calls have it. An erased caller is found by the digests; the calls are nobody's then."""
    found = list(AuditEntry.objects.about_caller(digests_of(number)).order_by("-number")[: MOST_ENTRIES + 1])
    recent = list(Export.objects.exclude(rows=0)[: MOST_EXPORTS + 1])
    exports: list[tuple[Export, int]] = []
    for start in range(0, min(len(recent), MOST_EXPORTS), AT_ONCE):
        exports += _holding(number, recent[start : min(start + AT_ONCE, MOST_EXPORTS)])
    return Seen(found[:MOST_ENTRIES], exports, len(found) > MOST_ENTRIES or len(recent) > MOST_EXPORTS)


def _holding(number: str, exports: list[Export]) -> list[tuple[Export, int]]:
    """Those whose filter covers a call of this caller that was there when they were written. One query for all."""
    counts = {f"export_{export.pk}": Count("pk", filter=_covered(export)) for export in exports}
    calls: QuerySet[CallLog] = CallLog.objects.filter(caller=number).order_by()
    held = calls.aggregate(**counts) if counts else {}
    return [(export, held[f"export_{export.pk}"]) for export in exports if held[f"export_{export.pk}"]]


def _covered(export: Export) -> Q:
    wanted = filters.from_query(QueryDict(export.query)).condition(now=export.asked_at)
    return wanted & Q(received_at__lte=export.ended_at or export.asked_at)
