"""Counts of some hours computed from the calls, and their differences from the stored rows.

This is the only definition of what is counted; the rows are a copy of its result. Day rows are computed from hour rows.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from django.db import connection

from calllogs.models import Rollup
from calllogs.statistics.hour_spans import TimeSpan

Dimension = Rollup.Dimension
Unit = Rollup.Unit
DIMENSION_FIELDS = {
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
KEY_COLUMNS = ("dimension", "starts_at", "value")  # and the unit
COLUMNS = (*KEY_COLUMNS, *COUNTS)


class CountDifference(NamedTuple):
    """`row` holds the correct counts; if `is_gone`, it is a stored row that should not exist."""

    is_gone: bool
    row: Rollup


def find_differences(unit: Unit, spans: Sequence[TimeSpan]) -> list[CountDifference]:
    """Where the stored rows of these hours or days differ from the computed ones. Takes no locks."""
    if not spans:
        return []
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            edges = orjson.dumps([[_to_sqlite_text(edge) for edge in span] for span in spans]).decode()
            cursor.execute(_SQLITE[unit], [edges])
        else:
            cursor.execute(_POSTGRESQL[unit], [[span.first for span in spans], [span.next for span in spans]])
        return [_build_difference(unit, row) for row in cursor.fetchall()]


def _build_difference(unit: Unit, row: tuple[Any, ...]) -> CountDifference:
    is_gone, dimension, starts_at, *rest = row
    values = zip(COLUMNS, (dimension, _to_utc(starts_at), *rest), strict=True)
    return CountDifference(bool(is_gone), Rollup(unit=unit, **dict(values)))


def _to_utc(value: Any) -> dt.datetime:
    """SQLite returns text, or a naive datetime in UTC converted by its driver."""
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _to_sqlite_text(moment: dt.datetime) -> str:
    """The format in which Django stores a datetime on SQLite."""
    return moment.isoformat(" ").removesuffix("+00:00")


# --- SQL statements ---------------------------------------------------------------------------------------

_FIELDS = ", ".join(DIMENSION_FIELDS.values())
_SUMS = ", ".join(f"CAST({sql} AS bigint) AS {name}" for name, sql in COUNTS.items())
_NAMES = ", ".join(COLUMNS)
_SAME_KEY = " AND ".join(f"fresh.{name} = existing.{name}" for name in KEY_COLUMNS)
_SELECT_DIFFERENCES = f"""
SELECT 0, changed.* FROM (SELECT {_NAMES} FROM fresh EXCEPT SELECT {_NAMES} FROM existing) AS changed
UNION ALL SELECT 1, existing.* FROM existing WHERE NOT EXISTS (SELECT 1 FROM fresh WHERE {_SAME_KEY})"""


_SPANS = {
    "postgresql": "SELECT unnest(%s::timestamptz[]) AS first, unnest(%s::timestamptz[]) AS next",
    "sqlite": "SELECT json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS next FROM json_each(%s)",
}


def _statement(vendor: str, unit: Unit, fresh: str) -> str:
    existing = f"""
    SELECT {_NAMES} FROM span CROSS JOIN calllogs_rollup
    WHERE unit = '{unit.value}' AND starts_at >= span.first AND starts_at < span.next"""
    tables = f"span AS MATERIALIZED ({_SPANS[vendor]}), {fresh}, existing AS MATERIALIZED ({existing}\n)"
    return f"WITH {tables}{_SELECT_DIFFERENCES}"


def _grouping_value(field: str) -> int:
    """The value of `grouping()` over all fields when grouped by one of them: a bit for each field not grouped by."""
    fields = list(DIMENSION_FIELDS.values())
    return (1 << len(fields)) - 1 - (1 << (len(fields) - 1 - fields.index(field)))


def _hours_on_postgresql() -> str:
    # Reads each hour separately by the index on started_at and counts all dimensions in one pass. OFFSET 0 keeps the
    # planner from reading all calls instead.
    names = " ".join(
        f"WHEN {_grouping_value(field)} THEN '{dimension.value}'"
        for dimension, field in DIMENSION_FIELDS.items()
    )
    return f"""fresh AS MATERIALIZED (
    SELECT counted.dimension, span.first AS starts_at, counted.value, {", ".join(COUNTS)}
    FROM span CROSS JOIN LATERAL (
        SELECT CASE grouping({_FIELDS}) {names} ELSE '{Dimension.TOTAL.value}' END AS dimension,
            COALESCE({_FIELDS}, '') AS value, {_SUMS}
        FROM (SELECT {_FIELDS}, status, ivr_seconds, talk_seconds FROM calllogs_calllog
            WHERE started_at >= span.first AND started_at < span.next OFFSET 0) AS call
        GROUP BY GROUPING SETS ((), {", ".join(f"({field})" for field in DIMENSION_FIELDS.values())})
    ) AS counted WHERE answered + missed + dropped + other > 0
)"""


def _hours_on_sqlite() -> str:
    def select(dimension: str, field: str) -> str:
        return (
            f"SELECT '{dimension}' AS dimension, starts_at, {field} AS value, {_SUMS} FROM call GROUP BY 2, 3"
        )

    columns = [
        (Dimension.TOTAL.value, "''"),
        *((key.value, field) for key, field in DIMENSION_FIELDS.items()),
    ]
    return f"""call AS MATERIALIZED (
    SELECT span.first AS starts_at, {_FIELDS}, status, ivr_seconds, talk_seconds
    FROM span CROSS JOIN calllogs_calllog ON started_at >= span.first AND started_at < span.next
), fresh AS MATERIALIZED ({" UNION ALL ".join(select(*column) for column in columns)})"""


_SUMS_OF_HOURS = ", ".join(f"CAST(sum({name}) AS bigint) AS {name}" for name in COUNTS)
_DAYS = f"""fresh AS MATERIALIZED (
    SELECT dimension, span.first AS starts_at, value, {_SUMS_OF_HOURS}
    FROM span CROSS JOIN calllogs_rollup
    WHERE unit = '{Unit.HOUR.value}' AND starts_at >= span.first AND starts_at < span.next GROUP BY 1, 2, 3
)"""
_POSTGRESQL = {
    Unit.HOUR: _statement("postgresql", Unit.HOUR, _hours_on_postgresql()),
    Unit.DAY: _statement("postgresql", Unit.DAY, _DAYS),
}
_SQLITE = {
    Unit.HOUR: _statement("sqlite", Unit.HOUR, _hours_on_sqlite()),
    Unit.DAY: _statement("sqlite", Unit.DAY, _DAYS),
}
