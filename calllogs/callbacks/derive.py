"""Derives from calls and closings which callers wait for a callback.

This is the only definition. The `MissedCaller` rows are a copy of its result.
"""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

# Earlier than every call. Both databases accept this text where they compare it with a timestamp.
_EARLY = "'0001-01-01 00:00:00+00'"
_CLOSED = """(SELECT max(e.until) FROM calllogs_deskentry e WHERE e.caller = {caller} AND e.until IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM calllogs_deskentry u WHERE u.undoes_id = e.id))"""
_LATER = f"COALESCE(CASE WHEN closed IS NULL OR answered > closed THEN answered ELSE closed END, {_EARLY})"

# For some callers: a few probes of the index on (caller, started_at) per caller.
_OPEN_FOR_CALLERS = f"""
WITH ends AS MATERIALIZED (
    SELECT w.caller, {_CLOSED.format(caller="w.caller")} AS closed,
        (SELECT max(a.started_at) FROM calllogs_calllog a
            WHERE a.caller = w.caller AND a.status = 'ANSWERED') AS answered
    FROM {{callers}} AS w
), since AS MATERIALIZED (SELECT caller, {_LATER} AS at FROM ends),
open_calls AS MATERIALIZED (
    SELECT c.caller, count(*) AS misses, min(c.started_at) AS first_at, max(c.started_at) AS last_at
    FROM since JOIN calllogs_calllog c ON c.caller = since.caller AND c.started_at > since.at
    WHERE c.status <> 'ANSWERED' GROUP BY c.caller
), newest AS MATERIALIZED (
    SELECT s.*, (SELECT max(c.id) FROM calllogs_calllog c
        WHERE c.caller = s.caller AND c.started_at = s.last_at AND c.status <> 'ANSWERED') AS last_call
    FROM open_calls s
)
SELECT n.caller, n.misses, n.first_at, n.last_at, n.last_call, c.status, c.raw_status, c.department, c.virtual_number
FROM newest n JOIN calllogs_calllog c ON c.id = n.last_call"""

# For all callers: reads every call and returns the callers whose stored row differs from the derived one.
_DIFFERENCES = f"""
WITH ends AS MATERIALIZED (
    SELECT c.caller, max(CASE WHEN c.status = 'ANSWERED' THEN c.started_at END) AS answered,
        max(CASE WHEN c.status <> 'ANSWERED' THEN c.started_at END) AS missed
    FROM calllogs_calllog c GROUP BY c.caller
), open AS MATERIALIZED (
    SELECT caller, answered, {_CLOSED.format(caller="ends.caller")} AS closed FROM ends
    WHERE missed IS NOT NULL AND (answered IS NULL OR missed > answered)
), since AS MATERIALIZED (SELECT caller, {_LATER} AS at FROM open),
open_calls AS MATERIALIZED (
    SELECT c.caller, count(*) AS misses, min(c.started_at) AS first_at, max(c.started_at) AS last_at
    FROM since JOIN calllogs_calllog c ON c.caller = since.caller AND c.started_at > since.at
    WHERE c.status <> 'ANSWERED' GROUP BY c.caller
)
SELECT s.caller FROM open_calls s LEFT JOIN calllogs_missedcaller m ON m.caller = s.caller
    LEFT JOIN calllogs_calllog c ON c.id = m.last_call
    WHERE m.id IS NULL OR c.id IS NULL OR m.misses <> s.misses OR m.first_at <> s.first_at OR m.last_at <> s.last_at
    OR c.caller <> m.caller OR c.started_at <> m.last_at OR c.department <> m.department
    OR c.virtual_number <> m.virtual_number OR c.raw_status <> m.raw_status
UNION ALL
SELECT m.caller FROM calllogs_missedcaller m WHERE NOT EXISTS (SELECT 1 FROM open_calls s WHERE s.caller = m.caller)"""


@dataclass(frozen=True, slots=True)
class OpenMissedCalls:
    """The missed calls of one caller since the last answered or closed call.

    The fields after `last_call` describe the call with that id.
    """

    caller: str
    misses: int
    first_at: dt.datetime
    last_at: dt.datetime
    last_call: int
    status: str
    raw_status: str
    department: str
    virtual_number: str


def load_open_missed_calls(callers: Sequence[str]) -> dict[str, OpenMissedCalls]:
    """The open missed calls of these callers, by caller. Callers without any are left out."""
    on_sqlite = connection.vendor == "sqlite"
    source = (
        "(SELECT value AS caller FROM json_each(%s))"
        if on_sqlite
        else "(SELECT unnest(%s::text[]) AS caller)"
    )
    parameter = json.dumps(callers) if on_sqlite else list(callers)
    with connection.cursor() as cursor:
        cursor.execute(_OPEN_FOR_CALLERS.format(callers=source), [parameter])
        rows = cursor.fetchall()
    found = (
        OpenMissedCalls(caller, misses, _to_utc(first), _to_utc(last), *rest)
        for caller, misses, first, last, *rest in rows
    )
    return {row.caller: row for row in found if is_dialable(row.caller)}


def find_differing_callers() -> list[str]:
    """Callers whose stored row differs from the calls and closings. Reads all calls; takes no locks."""
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENCES)
        return [caller for (caller,) in cursor.fetchall() if is_dialable(caller)]


def is_dialable(caller: str) -> bool:
    """Whether the value contains a number to dial. A hidden number is sent as an empty string or as a word."""
    return sum(character.isdigit() for character in caller) >= 3


def _to_utc(value: Any) -> dt.datetime:
    """SQLite returns timestamps as text in UTC."""
    return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC) if isinstance(value, str) else value
