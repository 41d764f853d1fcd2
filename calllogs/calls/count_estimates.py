"""How many calls a filter means: exactly where that is cheap, else an honest estimate."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from calllogs.models import CallLog
from ivrportal.common.query_timeout import QueryTimeout, query_timeout

COUNTED = 10_000  # so far is counted; further, an estimate does
COUNT_MS = {"postgresql": 40, "sqlite": 30}
SAMPLED_PAGES = 800  # of PostgreSQL's table, spread over all of it: some 25,000 calls
SAMPLED_CALLS = 4_000  # of SQLite's


@dataclass(frozen=True, slots=True)
class Count:
    """`number` is exact, or about right, or neither: then there are more than it says. None: nobody knows."""

    number: int | None = None
    is_exact: bool = False
    is_about: bool = False


UNKNOWN = Count()


def sql_of(calls: QuerySet[Any, Any], *, at: Any = connection) -> tuple[str, Sequence[Any]]:
    """The text of a query for a connection, and its parameters; also where Django sees that nothing can be found."""
    sql, parameters = calls.query.get_compiler(connection=at, elide_empty=False).as_sql()
    return sql, parameters


def of_period(meant: Q) -> Count:
    """For a filter of nothing but days: the planner knows how calls are spread over them."""
    calls = CallLog.objects.filter(meant).order_by()
    if connection.vendor == "sqlite":  # reads half a million entries of an index in 10 ms
        try:
            with query_timeout(2 * COUNT_MS["sqlite"]):
                return Count(calls.count(), is_exact=True)
        except QueryTimeout:
            return Count(_sampled_calls(meant)[0], is_about=True)
    plan: list[dict[str, Any]] = json.loads(calls.explain(format="json") or "[]")
    expected = int(plan[0]["Plan"]["Plan Rows"]) if plan else 0
    if expected > 2 * COUNTED:
        return Count(expected, is_about=True)
    number = _up_to_limit(meant)
    if number <= COUNTED:
        return Count(number, is_exact=True)
    return Count(max(number, expected), is_about=True)


def of_many(meant: Q) -> Count:
    """For a filter that calls are met with at every turn."""
    expected, is_all = _sampled_calls(meant) if connection.vendor == "sqlite" else _sampled_pages(meant)
    if expected <= COUNTED:
        if is_all:  # few calls are looked at as a whole, so that is counted already
            return Count(expected, is_exact=True)
        try:
            with query_timeout(COUNT_MS[connection.vendor]):
                number = _up_to_limit(meant)
            if number <= COUNTED:
                return Count(number, is_exact=True)
            expected = max(expected, number)
        except QueryTimeout:
            pass
    return Count(expected, is_about=True)


def of_few(meant: Q) -> Count:
    """For a filter whose days were looked through already."""
    try:
        with query_timeout(COUNT_MS[connection.vendor]):
            number = _up_to_limit(meant)
    except QueryTimeout:
        return UNKNOWN
    return Count(number, is_exact=True) if number <= COUNTED else Count(COUNTED)


def _up_to_limit(meant: Q) -> int:
    return CallLog.objects.filter(meant).order_by().values("pk")[: COUNTED + 1].count()


def _sampled_pages(meant: Q) -> tuple[int, bool]:
    """From some pages of the table, which are always the same ones; and whether these are all.

    The planner would take the filters for independent of each other: a third of the answered calls without a
    recording, though hardly one is.
    """
    table = connection.ops.quote_name(CallLog._meta.db_table)
    sql, parameters = sql_of(CallLog.objects.filter(meant).order_by().values("pk"))
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


def _sampled_calls(meant: Q) -> tuple[int, bool]:
    """From calls at even distances, and whether these are all.

    Ids have few gaps but where old calls were deleted, which is at the beginning.
    """
    table = connection.ops.quote_name(CallLog._meta.db_table)
    sql, parameters = sql_of(CallLog.objects.filter(meant).order_by().values("pk"))
    first_id, last_id = f"(SELECT min(id) FROM {table})", f"(SELECT max(id) FROM {table})"
    # The limit only keeps SQLite from taking another index than that of the ids.
    under = f"""SELECT * FROM {table} WHERE id IN (
        SELECT {first_id} + value * max(1, ({last_id} - {first_id}) / {SAMPLED_CALLS}) FROM json_each(%s)
    ) LIMIT {2 * SAMPLED_CALLS}"""
    sampled = sql.replace(f"FROM {table}", f"FROM ({under}) AS {table}", 1)
    steps = json.dumps(list(range(2 * SAMPLED_CALLS)))  # a table with few calls is looked at as a whole
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), {first_id}, {last_id} FROM ({sampled})", [steps, *parameters])
        found, first, last = cursor.fetchone()
    if first is None:
        return 0, True
    step = max(1, (last - first) // SAMPLED_CALLS)
    looked_at = (last - first) // step + 1
    return round(found * (last - first + 1) / looked_at), step == 1
