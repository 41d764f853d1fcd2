"""The counts of some hours, worked out from the calls, and how they differ from the rows that are kept.

The one definition of what is counted; the rows are a copy of its answer.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from django.db import connection

from calllogs.models import Rollup
from calllogs.rollups.hours import Hour

Dimension = Rollup.Dimension
FIELD_OF = {
    Dimension.AGENT: "agent_number",
    Dimension.DEPARTMENT: "department",
    Dimension.VIRTUAL_NUMBER: "virtual_number",
    Dimension.CIRCLE: "circle",
}
COUNTS = {
    "answered": "count(CASE WHEN status = 'ANSWERED' THEN 1 END)",
    "missed": "count(CASE WHEN status = 'MISSED' THEN 1 END)",
    "dropped": "count(CASE WHEN status = 'DROPPED' THEN 1 END)",
    "other": "count(CASE WHEN status NOT IN ('ANSWERED', 'MISSED', 'DROPPED') THEN 1 END)",
    "ivr_seconds": "COALESCE(sum(ivr_seconds), 0)",
    "ivr_calls": "count(ivr_seconds)",
    "talk_seconds": "COALESCE(sum(CASE WHEN status = 'ANSWERED' THEN talk_seconds END), 0)",
    "talk_calls": "count(CASE WHEN status = 'ANSWERED' THEN talk_seconds END)",
}
KEY = ("dimension", "starts_at", "value")
COLUMNS = (*KEY, *COUNTS)


class Difference(NamedTuple):
    """`row` is what should be kept; if `is_gone`, its counts are what is kept and should not be."""

    is_gone: bool
    row: Rollup


def differences(hours: Sequence[Hour]) -> list[Difference]:
    """What is kept of these hours and what the calls say, where it differs. Locks nothing."""
    if not hours:
        return []
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                _SQLITE, [orjson.dumps([[_text(edge) for edge in hour] for hour in hours]).decode()]
            )
        else:
            cursor.execute(_POSTGRESQL, [[hour.first for hour in hours], [hour.next for hour in hours]])
        return [_difference(row) for row in cursor.fetchall()]


def _difference(row: tuple[Any, ...]) -> Difference:
    is_gone, dimension, starts_at, *rest = row
    values = zip(COLUMNS, (dimension, _moment(starts_at), *rest), strict=True)
    return Difference(bool(is_gone), Rollup(**dict(values)))


def _moment(value: Any) -> dt.datetime:
    """SQLite gives text, or what its driver makes of it: a moment in UTC that does not say so."""
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _text(moment: dt.datetime) -> str:
    """As Django's backend writes a moment on SQLite."""
    return moment.isoformat(" ").removesuffix("+00:00")


# --- statements ------------------------------------------------------------------------------------------

_FIELDS = ", ".join(FIELD_OF.values())
_SUMS = ", ".join(f"CAST({sql} AS bigint) AS {name}" for name, sql in COUNTS.items())
_NAMES = ", ".join(COLUMNS)
_SAME_KEY = " AND ".join(f"fresh.{name} = had.{name}" for name in KEY)
_DIFFER = f"""
SELECT 0, changed.* FROM (SELECT {_NAMES} FROM fresh EXCEPT SELECT {_NAMES} FROM had) AS changed
UNION ALL SELECT 1, had.* FROM had WHERE NOT EXISTS (SELECT 1 FROM fresh WHERE {_SAME_KEY})"""


def _on_postgresql() -> str:
    # Each hour is gathered by itself, by the index on the moment, and counted for all dimensions in one go. OFFSET 0
    # keeps the planner from reading all calls instead.
    names = " ".join(f"WHEN {_bits(field)} THEN '{dimension.value}'" for dimension, field in FIELD_OF.items())
    return f"""
WITH hour AS (SELECT unnest(%s::timestamptz[]) AS first, unnest(%s::timestamptz[]) AS next),
fresh AS MATERIALIZED (
    SELECT counted.dimension, hour.first AS starts_at, counted.value, {", ".join(COUNTS)}
    FROM hour CROSS JOIN LATERAL (
        SELECT CASE grouping({_FIELDS}) {names} ELSE '{Dimension.TOTAL.value}' END AS dimension,
            COALESCE({_FIELDS}, '') AS value, {_SUMS}
        FROM (SELECT {_FIELDS}, status, ivr_seconds, talk_seconds FROM calllogs_calllog
            WHERE started_at >= hour.first AND started_at < hour.next OFFSET 0) AS call
        GROUP BY GROUPING SETS ((), {", ".join(f"({field})" for field in FIELD_OF.values())})
    ) AS counted WHERE answered + missed + dropped + other > 0
), had AS MATERIALIZED (
    SELECT row.* FROM hour CROSS JOIN LATERAL (SELECT {_NAMES} FROM calllogs_rollup
        WHERE starts_at >= hour.first AND starts_at < hour.next OFFSET 0) AS row
){_DIFFER}"""


def _bits(field: str) -> int:
    """What `grouping` of all fields says where one of them is grouped by: a bit for each that is not."""
    fields = list(FIELD_OF.values())
    return (1 << len(fields)) - 1 - (1 << (len(fields) - 1 - fields.index(field)))


def _on_sqlite() -> str:
    def counted(dimension: str, field: str) -> str:
        return (
            f"SELECT '{dimension}' AS dimension, starts_at, {field} AS value, {_SUMS} FROM call GROUP BY 2, 3"
        )

    kinds = [(Dimension.TOTAL.value, "''"), *((key.value, field) for key, field in FIELD_OF.items())]
    return f"""
WITH hour AS MATERIALIZED (
    SELECT json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS next FROM json_each(%s)
), call AS MATERIALIZED (
    SELECT hour.first AS starts_at, {_FIELDS}, status, ivr_seconds, talk_seconds
    FROM hour CROSS JOIN calllogs_calllog ON started_at >= hour.first AND started_at < hour.next
), fresh AS MATERIALIZED ({" UNION ALL ".join(counted(*kind) for kind in kinds)}
), had AS MATERIALIZED (
    SELECT {_NAMES} FROM hour CROSS JOIN calllogs_rollup ON starts_at >= hour.first AND starts_at < hour.next
){_DIFFER}"""


_POSTGRESQL, _SQLITE = _on_postgresql(), _on_sqlite()
