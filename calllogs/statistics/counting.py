"""The counts of some hours, worked out from the calls, and how they differ from the rows that are kept.

The one definition of what is counted; the rows are a copy of its answer. Days are worked out from the rows of hours.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from django.db import connection

from calllogs.models import Rollup
from calllogs.statistics.hour_spans import Span

Dimension = Rollup.Dimension
Unit = Rollup.Unit
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
KEY = ("dimension", "starts_at", "value")  # and the unit
COLUMNS = (*KEY, *COUNTS)


class Difference(NamedTuple):
    """`row` is what should be kept; if `is_gone`, its counts are what is kept and should not be."""

    is_gone: bool
    row: Rollup


def differences(unit: Unit, spans: Sequence[Span]) -> list[Difference]:
    """What is kept of these hours or days and what it should be, where it differs. Locks nothing."""
    if not spans:
        return []
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            edges = orjson.dumps([[_text(edge) for edge in span] for span in spans]).decode()
            cursor.execute(_SQLITE[unit], [edges])
        else:
            cursor.execute(_POSTGRESQL[unit], [[span.first for span in spans], [span.next for span in spans]])
        return [_difference(unit, row) for row in cursor.fetchall()]


def _difference(unit: Unit, row: tuple[Any, ...]) -> Difference:
    is_gone, dimension, starts_at, *rest = row
    values = zip(COLUMNS, (dimension, _moment(starts_at), *rest), strict=True)
    return Difference(bool(is_gone), Rollup(unit=unit, **dict(values)))


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


_SPANS = {
    "postgresql": "SELECT unnest(%s::timestamptz[]) AS first, unnest(%s::timestamptz[]) AS next",
    "sqlite": "SELECT json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS next FROM json_each(%s)",
}


def _statement(vendor: str, unit: Unit, fresh: str) -> str:
    had = f"""
    SELECT {_NAMES} FROM span CROSS JOIN calllogs_rollup
    WHERE unit = '{unit.value}' AND starts_at >= span.first AND starts_at < span.next"""
    return f"WITH span AS MATERIALIZED ({_SPANS[vendor]}), {fresh}, had AS MATERIALIZED ({had}\n){_DIFFER}"


def _bits(field: str) -> int:
    """What `grouping` of all fields says where one of them is grouped by: a bit for each that is not."""
    fields = list(FIELD_OF.values())
    return (1 << len(fields)) - 1 - (1 << (len(fields) - 1 - fields.index(field)))


def _hours_on_postgresql() -> str:
    # Each hour is gathered by itself, by the index on the moment, and counted for all dimensions in one go. OFFSET 0
    # keeps the planner from reading all calls instead.
    names = " ".join(f"WHEN {_bits(field)} THEN '{dimension.value}'" for dimension, field in FIELD_OF.items())
    return f"""fresh AS MATERIALIZED (
    SELECT counted.dimension, span.first AS starts_at, counted.value, {", ".join(COUNTS)}
    FROM span CROSS JOIN LATERAL (
        SELECT CASE grouping({_FIELDS}) {names} ELSE '{Dimension.TOTAL.value}' END AS dimension,
            COALESCE({_FIELDS}, '') AS value, {_SUMS}
        FROM (SELECT {_FIELDS}, status, ivr_seconds, talk_seconds FROM calllogs_calllog
            WHERE started_at >= span.first AND started_at < span.next OFFSET 0) AS call
        GROUP BY GROUPING SETS ((), {", ".join(f"({field})" for field in FIELD_OF.values())})
    ) AS counted WHERE answered + missed + dropped + other > 0
)"""


def _hours_on_sqlite() -> str:
    def counted(dimension: str, field: str) -> str:
        return (
            f"SELECT '{dimension}' AS dimension, starts_at, {field} AS value, {_SUMS} FROM call GROUP BY 2, 3"
        )

    kinds = [(Dimension.TOTAL.value, "''"), *((key.value, field) for key, field in FIELD_OF.items())]
    return f"""call AS MATERIALIZED (
    SELECT span.first AS starts_at, {_FIELDS}, status, ivr_seconds, talk_seconds
    FROM span CROSS JOIN calllogs_calllog ON started_at >= span.first AND started_at < span.next
), fresh AS MATERIALIZED ({" UNION ALL ".join(counted(*kind) for kind in kinds)})"""


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
