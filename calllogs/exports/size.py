"""How many calls a filter means: counted where that is quick, else about."""

import json
from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet

from calllogs.models import CallLog


@dataclass(frozen=True, slots=True)
class Size:
    rows: int
    is_exact: bool


def size_of(calls: QuerySet[CallLog], *, exact_up_to: int) -> Size:
    rows = calls.order_by()[: exact_up_to + 1].count()
    if rows <= exact_up_to:
        return Size(rows, is_exact=True)
    if connection.vendor == "postgresql":
        plan = json.loads(calls.order_by().explain(format="json"))
        return Size(max(rows, round(plan[0]["Plan"]["Plan Rows"], -3)), is_exact=False)
    return Size(calls.order_by().count(), is_exact=True)
