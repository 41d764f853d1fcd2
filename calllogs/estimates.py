"""How many calls a filter means: exactly where that is cheap, else an honest estimate."""

import json
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from calllogs.filters import CallFilter
from calllogs.models import CallLog
from calllogs.patience import TookTooLong, within

COUNTED = 10_000  # so far is counted; further, an estimate does
COUNT_MS = 80
SAMPLED_PAGES = 800  # of PostgreSQL's table, spread over all of it: some 25,000 calls


@dataclass(frozen=True, slots=True)
class Count:
    """`number` is exact, or about right, or neither: then there are more than it says. None: nobody knows."""

    number: int | None = None
    is_exact: bool = False
    is_about: bool = False


UNKNOWN = Count()


def of_period(wanted: CallFilter) -> Count:
    """For a filter of nothing but days."""
    calls = wanted.apply(CallLog.objects.order_by())
    if connection.vendor == "sqlite":
        return _all_in_time(calls)
    plan: list[dict[str, Any]] = json.loads(calls.explain(format="json") or "[]")
    expected = int(plan[0]["Plan"]["Plan Rows"]) if plan else 0
    return Count(expected, is_about=True) if expected > 2 * COUNTED else _up_to_limit(calls, expected)


def of_many(wanted: CallFilter) -> Count:
    """For a filter that calls are met with at every turn."""
    calls = wanted.apply(CallLog.objects.order_by())
    if connection.vendor == "sqlite":
        return _all_in_time(calls)
    expected = _sampled(calls)
    if expected > 2 * COUNTED:
        return Count(expected, is_about=True)
    try:
        with within(COUNT_MS):
            return _up_to_limit(calls, expected)
    except TookTooLong:
        return Count(expected, is_about=True)


def of_few(wanted: CallFilter) -> Count:
    """For a filter with few calls; the caller has a limit on time around it."""
    return _up_to_limit(wanted.apply(CallLog.objects.order_by()), 0)


def _up_to_limit(calls: QuerySet[CallLog], expected: int) -> Count:
    number = calls.values("pk")[: COUNTED + 1].count()
    if number <= COUNTED:
        return Count(number, is_exact=True)
    return Count(expected, is_about=True) if expected > COUNTED else Count(COUNTED)


def _all_in_time(calls: QuerySet[CallLog]) -> Count:
    """SQLite knows no estimate, but reads half a million entries of an index through in time."""
    try:
        with within(COUNT_MS):
            return Count(calls.count(), is_exact=True)
    except TookTooLong:
        return UNKNOWN


def _sampled(calls: QuerySet[CallLog]) -> int:
    """From some pages of the table, which are always the same ones.

    The planner would take the filters for independent of each other: a third of the answered calls without a
    recording, though hardly one is.
    """
    table = CallLog._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpages FROM pg_class WHERE oid = %s::regclass", [table])
        (pages,) = cursor.fetchone()
        share = min(1.0, SAMPLED_PAGES / max(1, pages))
        sql, parameters = calls.values("pk").query.sql_with_params()
        sampled = f'FROM "{table}" TABLESAMPLE SYSTEM ({100 * share:.6f}) REPEATABLE (1)'
        sql = sql.replace(f'FROM "{table}"', sampled, 1)
        cursor.execute(f"SELECT count(*) FROM ({sql}) AS sample", parameters)
        (found,) = cursor.fetchone()
    return round(found / share)
