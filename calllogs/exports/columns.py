"""The columns of an export, and how each value is written: the one definition that feeds every format."""

import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

# In the contract's order; each is a field of CallLog.
COLUMNS = (
    "call_id", "started_at", "caller", "virtual_number", "department", "agent", "agent_number", "status",
    "ivr_seconds", "talk_seconds", "circle", "recording_url",
)  # fmt: skip
PHONE_COLUMNS = frozenset({"caller", "virtual_number", "agent_number"})

# A spreadsheet runs a cell that begins so. E.164 begins with a plus, but is digits only, and stays as it is.
_RUNS_AS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would run it as a formula."""
    if text.startswith(_RUNS_AS_FORMULA) and not _is_e164(text):
        return "'" + text
    return text


def _is_e164(text: str) -> bool:
    return text[:1] == "+" and text[1:].isascii() and text[1:].isdigit()


def moment(value: dt.datetime, zone: ZoneInfo) -> str:
    return value.astimezone(zone).isoformat(timespec="seconds")


def row_writer(zone: ZoneInfo, agents: dict[str, str]) -> Callable[[Any], list[str]]:
    """A function from a call's `values_list(FIELDS)` to its cells. `agents`: number to name."""

    def cells(call: tuple[Any, ...]) -> list[str]:
        call_id, started_at, caller, virtual, department, agent_number, status, ivr, talk, circle, url = call
        return [
            safe(call_id),
            moment(started_at, zone),
            safe(caller),
            safe(virtual),
            safe(department),
            safe(agents.get(agent_number, "")),
            safe(agent_number),
            status,
            "" if ivr is None else str(ivr),
            "" if talk is None else str(talk),
            safe(circle),
            safe(url),
        ]

    return cells


# What row_writer() reads, in its order.
FIELDS = tuple(name for name in COLUMNS if name != "agent")
