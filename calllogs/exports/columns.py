"""The columns of an export: the one definition that feeds both formats at both databases.

Every column says twice what its cell is: in Python for a call that was read, and as an expression that PostgreSQL
works out itself. A test holds the two equal, cell by cell.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo

from calllogs.access import redaction
from calllogs.models import Export
from ivrportal.common.phone import mask_partially
from ivrportal.common.spreadsheet import DIGITS, RUNS_AS_FORMULA, safe


class Call(NamedTuple):
    """What is read of a call; the names are fields of CallLog."""

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


FIELDS = Call._fields


class Setting(NamedTuple):
    """What a cell depends on beside its call. `names`: number of an agent to the name, as `safe` leaves it."""

    zone: ZoneInfo
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Column:
    """`sql` speaks of the row `call`, of `agent.names` (jsonb), and of a session that is in the export's zone.

    `written_sql` is the text as people or the provider wrote it, before it was made safe; empty if we wrote it.
    """

    name: str
    cell: Callable[[Call, Setting], str | int | None]
    sql: str
    written_sql: str = ""
    is_number: bool = False


# --- no cell runs as a formula ---------------------------------------------------------------------------


def _safe_sql(text: str) -> str:
    """`safe`, in PostgreSQL: signs are compared as numbers, and digits as bytes, which a pattern takes longer for."""
    signs = ",".join(str(ord(sign)) for sign in RUNS_AS_FORMULA)
    runs = f"ascii({text}) = ANY ('{{{signs}}}'::int[])"
    is_number = f"rtrim(textsend({text}), '{DIGITS}'::bytea) = '+'::bytea"
    return f"CASE WHEN {runs} AND NOT {is_number} THEN '''' || {text} ELSE {text} END"


# --- the columns -----------------------------------------------------------------------------------------


def moment(value: dt.datetime, zone: ZoneInfo) -> str:
    """ISO 8601 with the zone's offset, to the second."""
    return value.astimezone(zone).isoformat(timespec="seconds")


def _text(name: str) -> Column:
    written = f"call.{name}"
    return Column(name, lambda call, _: safe(getattr(call, name)), _safe_sql(written), written)


def _number(name: str) -> Column:
    return Column(name, lambda call, _: getattr(call, name), f"call.{name}", is_number=True)


# In the contract's order.
DEFINITIONS = (
    _text("call_id"),
    Column(
        "started_at",
        lambda call, setting: moment(call.started_at, setting.zone),
        # As JSON has it, between its quotes: to_char takes twice as long.
        """split_part(to_json(date_trunc('second', call.started_at))::text, '"', 2)""",
    ),
    _text("caller"),
    _text("virtual_number"),
    _text("department"),
    Column(
        "agent",
        lambda call, setting: setting.names.get(call.agent_number, ""),
        # A look into a constant: a join would have to be sorted again, a subquery costs three times the export.
        "coalesce(agent.names ->> call.agent_number, '')",
        "agent.names ->> call.agent_number",
    ),
    _text("agent_number"),
    Column("status", lambda call, _: call.status, "call.status"),
    _number("ivr_seconds"),
    _number("talk_seconds"),
    _text("circle"),
    _text("recording_url"),
)
COLUMNS = tuple(column.name for column in DEFINITIONS)


def cells(call: Call, setting: Setting, columns: tuple[Column, ...] = DEFINITIONS) -> list[str | int | None]:
    """One row; None and an empty text are an empty cell."""
    return [column.cell(call, setting) for column in columns]


# --- for people who do not see everything ----------------------------------------------------------------

# `half_hidden` and `hiding.in_call_id`, in PostgreSQL. A mobile has thirteen signs with its country's code.
_IS_MOBILE_SQL = "length(call.caller) = 13 AND left(call.caller, 3) = '+91'"
_HALF_HIDDEN_SQL = f"""CASE
    WHEN {_IS_MOBILE_SQL} THEN substr(call.caller, 4, 2) || '••• ••' || right(call.caller, 3)
    WHEN length(call.caller) >= 10
        THEN left(call.caller, 2) || repeat('•', length(call.caller) - 5) || right(call.caller, 3)
    WHEN length(call.caller) > 3
        THEN repeat('•', greatest(3, length(call.caller) - 2)) || right(call.caller, 2)
    ELSE repeat('•', length(call.caller)) END"""
_DIGITS_SQL = """CASE WHEN left(call.caller, 3) = '+91' THEN substr(call.caller, 4)
    ELSE replace(call.caller, '+', '') END"""
_HIDDEN_ID_SQL = f"""CASE
    WHEN left(call.call_id, {len(redaction.DERIVED)}) = '{redaction.DERIVED}' THEN '{redaction.HIDDEN_ID}'
    WHEN length({_DIGITS_SQL}) >= {redaction.SHORTEST_IN_ID}
        THEN replace(call.call_id, {_DIGITS_SQL}, {_HALF_HIDDEN_SQL})
    ELSE call.call_id END"""


def _hidden(name: str, cell: Callable[[Call], str], sql: str) -> Column:
    return Column(name, lambda call, _: safe(cell(call)), _safe_sql(f"({sql})"), f"({sql})")


_WITHOUT_RECORDINGS = {"recording_url": Column("recording_url", lambda _call, _setting: "", "''", "''")}
_WITHOUT_NUMBERS = _WITHOUT_RECORDINGS | {
    "call_id": _hidden(
        "call_id", lambda call: redaction.in_call_id(call.call_id, call.caller), _HIDDEN_ID_SQL
    ),
    "caller": _hidden("caller", lambda call: mask_partially(call.caller), _HALF_HIDDEN_SQL),
}


_INSTEAD: dict[str, dict[str, Column]] = {
    "": {},
    Export.Hides.RECORDINGS: _WITHOUT_RECORDINGS,
    Export.Hides.NUMBERS: _WITHOUT_NUMBERS,
}


def columns_of(hides: str) -> tuple[Column, ...]:
    """The columns of an export that hides this (Export.Hides).

    An address of a recording is for who may download it, and sees whole numbers: providers write them into it.
    """
    instead = _INSTEAD[hides]
    return tuple(instead.get(column.name, column) for column in DEFINITIONS)
