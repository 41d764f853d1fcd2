"""The columns of an export: one definition for both formats and both databases.

Each column defines its cell twice: in Python, for rows read from SQLite, and as an SQL expression that PostgreSQL
evaluates itself. A test compares the two cell by cell.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo

from calllogs.access import redaction
from calllogs.models import Export
from ivrportal.common.phone import mask_partially
from ivrportal.common.spreadsheet import DIGITS, FORMULA_STARTS, escape_formula


class CallRow(NamedTuple):
    """The fields of CallLog that an export reads."""

    call_id: str
    started_at: dt.datetime
    caller: str
    virtual_number: str
    department: str
    agent_number: str
    status: str
    ivr_seconds: int | None
    talk_seconds: int | None
    circle: str
    recording_url: str


FIELDS = CallRow._fields


class CellContext(NamedTuple):
    """What a cell depends on besides its call. `names`: agent number to agent name, already escaped."""

    zone: ZoneInfo
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """`sql` may use the row `call` and `agent.names` (jsonb); the session's time zone is the export's zone.

    `raw_sql` is the text before `escape_formula` is applied; empty if the portal generates the text itself.
    """

    name: str
    cell: Callable[[CallRow, CellContext], str | int | None]
    sql: str
    raw_sql: str = ""
    is_number: bool = False


# --- formula injection -----------------------------------------------------------------------------------


def _escape_formula_sql(text: str) -> str:
    """`escape_formula` in PostgreSQL. Compares code points and bytes, which is faster than a regular expression."""
    code_points = ",".join(str(ord(character)) for character in FORMULA_STARTS)
    runs = f"ascii({text}) = ANY ('{{{code_points}}}'::int[])"
    is_number = f"rtrim(textsend({text}), '{DIGITS}'::bytea) = '+'::bytea"
    return f"CASE WHEN {runs} AND NOT {is_number} THEN '''' || {text} ELSE {text} END"


# --- the columns -----------------------------------------------------------------------------------------


def format_iso(value: dt.datetime, zone: ZoneInfo) -> str:
    """ISO 8601 with the zone's offset, to the second."""
    return value.astimezone(zone).isoformat(timespec="seconds")


def _text_column(name: str) -> ExportColumn:
    raw = f"call.{name}"
    return ExportColumn(
        name, lambda call, _: escape_formula(getattr(call, name)), _escape_formula_sql(raw), raw
    )


def _number_column(name: str) -> ExportColumn:
    return ExportColumn(name, lambda call, _: getattr(call, name), f"call.{name}", is_number=True)


# The order is part of the contract with users of the files.
COLUMNS = (
    _text_column("call_id"),
    ExportColumn(
        "started_at",
        lambda call, context: format_iso(call.started_at, context.zone),
        # The JSON form without its quotes: to_char takes twice as long.
        """split_part(to_json(date_trunc('second', call.started_at))::text, '"', 2)""",
    ),
    _text_column("caller"),
    _text_column("virtual_number"),
    _text_column("department"),
    ExportColumn(
        "agent",
        lambda call, context: context.names.get(call.agent_number, ""),
        # A lookup in a constant: a join would need another sort, a subquery makes the export three times slower.
        "coalesce(agent.names ->> call.agent_number, '')",
        "agent.names ->> call.agent_number",
    ),
    _text_column("agent_number"),
    ExportColumn("status", lambda call, _: call.status, "call.status"),
    _number_column("ivr_seconds"),
    _number_column("talk_seconds"),
    _text_column("circle"),
    _text_column("recording_url"),
)
COLUMN_NAMES = tuple(column.name for column in COLUMNS)


def build_cells(
    call: CallRow, context: CellContext, columns: tuple[ExportColumn, ...] = COLUMNS
) -> list[str | int | None]:
    """The cells of one row. None and an empty string are empty cells."""
    return [column.cell(call, context) for column in columns]


# --- columns for users with limited visibility -----------------------------------------------------------

# `mask_partially` and `redaction.redact_call_id` in PostgreSQL.
# An Indian mobile number with country code has 13 characters.
_IS_MOBILE_SQL = "length(call.caller) = 13 AND left(call.caller, 3) = '+91'"
_MASKED_CALLER_SQL = f"""CASE
    WHEN {_IS_MOBILE_SQL} THEN substr(call.caller, 4, 2) || '••• ••' || right(call.caller, 3)
    WHEN length(call.caller) >= 10
        THEN left(call.caller, 2) || repeat('•', length(call.caller) - 5) || right(call.caller, 3)
    WHEN length(call.caller) > 3
        THEN repeat('•', greatest(3, length(call.caller) - 2)) || right(call.caller, 2)
    ELSE repeat('•', length(call.caller)) END"""
_DIGITS_SQL = """CASE WHEN left(call.caller, 3) = '+91' THEN substr(call.caller, 4)
    ELSE replace(call.caller, '+', '') END"""
_MASKED_CALL_ID_SQL = f"""CASE
    WHEN left(call.call_id, {len(redaction.DERIVED_PREFIX)}) = '{redaction.DERIVED_PREFIX}'
        THEN '{redaction.REDACTED_ID}'
    WHEN length({_DIGITS_SQL}) >= {redaction.SHORTEST_IN_ID}
        THEN replace(call.call_id, {_DIGITS_SQL}, {_MASKED_CALLER_SQL})
    ELSE call.call_id END"""


def _masked_column(name: str, cell: Callable[[CallRow], str], sql: str) -> ExportColumn:
    return ExportColumn(
        name, lambda call, _: escape_formula(cell(call)), _escape_formula_sql(f"({sql})"), f"({sql})"
    )


_WITHOUT_RECORDINGS = {"recording_url": ExportColumn("recording_url", lambda _call, _context: "", "''", "''")}
_WITHOUT_NUMBERS = _WITHOUT_RECORDINGS | {
    "call_id": _masked_column(
        "call_id", lambda call: redaction.redact_call_id(call.call_id, call.caller), _MASKED_CALL_ID_SQL
    ),
    "caller": _masked_column("caller", lambda call: mask_partially(call.caller), _MASKED_CALLER_SQL),
}


_REPLACEMENTS: dict[str, dict[str, ExportColumn]] = {
    "": {},
    Export.Hides.RECORDINGS: _WITHOUT_RECORDINGS,
    Export.Hides.NUMBERS: _WITHOUT_NUMBERS,
}


def columns_for(hides: str) -> tuple[ExportColumn, ...]:
    """The columns of an export that hides this (a value of Export.Hides).

    Recording URLs need the right to download recordings and to see whole numbers: providers put numbers into them.
    """
    replacements = _REPLACEMENTS[hides]
    return tuple(replacements.get(column.name, column) for column in COLUMNS)
