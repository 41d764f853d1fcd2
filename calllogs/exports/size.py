"""The number of rows an export will have: counted up to the streaming limit, estimated beyond it."""

from dataclasses import dataclass

from django.db.models import Q

from calllogs.calls import count_estimates
from calllogs.models import CallLog
from ivrportal.common.query_timeout import QueryTimeout, query_timeout

COUNT_MS = 150


@dataclass(frozen=True, slots=True)
class RowEstimate:
    rows: int
    is_exact: bool


def estimate_rows(condition: Q, *, exact_up_to: int) -> RowEstimate:
    rows = 0
    try:
        with query_timeout(COUNT_MS):
            rows = CallLog.objects.filter(condition).order_by().values("pk")[: exact_up_to + 1].count()
        if rows <= exact_up_to:
            return RowEstimate(rows, is_exact=True)
    except QueryTimeout:
        pass
    estimate = count_estimates.count_frequent(condition)
    return RowEstimate(max(rows, estimate.number or 0), is_exact=estimate.is_exact)
