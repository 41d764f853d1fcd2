"""Count the calls of a filter: exactly where that is cheap, otherwise as an estimate."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from calllogs.models import CallLog
from ivrportal.common.query_timeout import QueryTimeout, query_timeout

COUNT_LIMIT = 10_000  # calls are counted up to this number; above it an estimate is shown
COUNT_MS = {"postgresql": 40, "sqlite": 30}
SAMPLED_PAGES = 800  # of PostgreSQL's table, evenly spread: about 25,000 calls
SAMPLED_CALLS = 4_000  # of SQLite's table, evenly spread


@dataclass(frozen=True, slots=True)
class EstimatedCount:
    """A number of calls: exact, an estimate, or (neither flag set) a lower bound. `number` is None if unknown."""

    number: int | None = None
    is_exact: bool = False
    is_estimate: bool = False


UNKNOWN_COUNT = EstimatedCount()


def compile_sql(calls: QuerySet[Any, Any], *, at: Any = connection) -> tuple[str, Sequence[Any]]:
    """Return a query's SQL and parameters, also for a queryset that Django knows to be empty."""
    sql, parameters = calls.query.get_compiler(connection=at, elide_empty=False).as_sql()
    return sql, parameters


def count_in_period(condition: Q) -> EstimatedCount:
    """Count for a filter by days only, where the planner's row estimate is reliable."""
    calls = CallLog.objects.filter(condition).order_by()
    if connection.vendor == "sqlite":  # it reads half a million index entries in 10 ms
        try:
            with query_timeout(2 * COUNT_MS["sqlite"]):
                return EstimatedCount(calls.count(), is_exact=True)
        except QueryTimeout:
            return EstimatedCount(_estimate_from_ids(condition)[0], is_estimate=True)
    plan: list[dict[str, Any]] = json.loads(calls.explain(format="json") or "[]")
    expected = int(plan[0]["Plan"]["Plan Rows"]) if plan else 0
    if expected > 2 * COUNT_LIMIT:
        return EstimatedCount(expected, is_estimate=True)
    number = _count_up_to_limit(condition)
    if number <= COUNT_LIMIT:
        return EstimatedCount(number, is_exact=True)
    return EstimatedCount(max(number, expected), is_estimate=True)


def count_frequent(condition: Q) -> EstimatedCount:
    """Count for a filter that matches a large share of all calls."""
    expected, is_all = (
        _estimate_from_ids(condition) if connection.vendor == "sqlite" else _estimate_from_pages(condition)
    )
    if expected <= COUNT_LIMIT:
        if is_all:  # a small table is sampled completely, so this is the exact count
            return EstimatedCount(expected, is_exact=True)
        try:
            with query_timeout(COUNT_MS[connection.vendor]):
                number = _count_up_to_limit(condition)
            if number <= COUNT_LIMIT:
                return EstimatedCount(number, is_exact=True)
            expected = max(expected, number)
        except QueryTimeout:
            pass
    return EstimatedCount(expected, is_estimate=True)


def count_rare(condition: Q) -> EstimatedCount:
    """Count for a filter whose matches are few; the walk has already scanned its whole period."""
    try:
        with query_timeout(COUNT_MS[connection.vendor]):
            number = _count_up_to_limit(condition)
    except QueryTimeout:
        return UNKNOWN_COUNT
    return EstimatedCount(number, is_exact=True) if number <= COUNT_LIMIT else EstimatedCount(COUNT_LIMIT)


def _count_up_to_limit(condition: Q) -> int:
    return CallLog.objects.filter(condition).order_by().values("pk")[: COUNT_LIMIT + 1].count()


def _estimate_from_pages(condition: Q) -> tuple[int, bool]:
    """Estimate from a fixed sample of table pages. Also return whether the sample was the whole table.

    The planner's own estimate assumes that filters are independent: it expects a third of the answered calls to have
    no recording, although hardly any lacks one.
    """
    table = connection.ops.quote_name(CallLog._meta.db_table)
    sql, parameters = compile_sql(CallLog.objects.filter(condition).order_by().values("pk"))
    share = f"least(1.0, {SAMPLED_PAGES}.0 / greatest(1, (SELECT relpages FROM pg_class WHERE oid = %s::regclass)))"
    sampled = sql.replace(
        f"FROM {table}", f"FROM {table} TABLESAMPLE SYSTEM (100 * {share}) REPEATABLE (1)", 1
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) / {share}, {share} = 1 FROM ({sampled}) AS sampled",
            [table, table, table, *parameters],
        )
        number, is_all = cursor.fetchone()
        return round(number), is_all


def _estimate_from_ids(condition: Q) -> tuple[int, bool]:
    """Estimate from calls at evenly spaced ids. Also return whether the sample was the whole table.

    Ids have few gaps, except at the beginning, where old calls were deleted.
    """
    table = connection.ops.quote_name(CallLog._meta.db_table)
    sql, parameters = compile_sql(CallLog.objects.filter(condition).order_by().values("pk"))
    first_id, last_id = f"(SELECT min(id) FROM {table})", f"(SELECT max(id) FROM {table})"
    # The limit only makes SQLite use the index of the ids.
    sample = f"""SELECT * FROM {table} WHERE id IN (
        SELECT {first_id} + value * max(1, ({last_id} - {first_id}) / {SAMPLED_CALLS}) FROM json_each(%s)
    ) LIMIT {2 * SAMPLED_CALLS}"""
    sampled = sql.replace(f"FROM {table}", f"FROM ({sample}) AS {table}", 1)
    steps = json.dumps(list(range(2 * SAMPLED_CALLS)))  # a small table is sampled completely
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), {first_id}, {last_id} FROM ({sampled})", [steps, *parameters])
        found, first, last = cursor.fetchone()
    if first is None:
        return 0, True
    step = max(1, (last - first) // SAMPLED_CALLS)
    sampled_ids = (last - first) // step + 1
    return round(found * (last - first + 1) / sampled_ids), step == 1
