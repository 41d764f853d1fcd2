"""How many rows an export will have: counted as far as it is sent at once, else about."""

from dataclasses import dataclass

from django.db.models import Q

from calllogs.calls import count_estimates
from calllogs.models import CallLog
from ivrportal.common.query_timeout import QueryTimeout, query_timeout

COUNT_MS = 150


@dataclass(frozen=True, slots=True)
class Size:
    rows: int
    is_exact: bool


def size_of(meant: Q, *, exact_up_to: int) -> Size:
    rows = 0
    try:
        with query_timeout(COUNT_MS):
            rows = CallLog.objects.filter(meant).order_by().values("pk")[: exact_up_to + 1].count()
        if rows <= exact_up_to:
            return Size(rows, is_exact=True)
    except QueryTimeout:
        pass
    about = count_estimates.of_many(meant)
    return Size(max(rows, about.number or 0), is_exact=about.is_exact)
