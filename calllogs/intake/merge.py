"""How several pushes become one call: one rule, in Python for a batch and in SQL for what is in the table already.

A blank never overwrites; what was blank is filled; where both speak, the push that came later wins, and the call is
marked when they disagree.
"""

import datetime as dt
from typing import Any

from calllogs.intake.parser import ParsedCall

TEXTS = (
    "caller",
    "agent_number",
    "raw_status",
    "circle",
    "virtual_number",
    "department",
    "recording_url",
    "call_type",
)
NUMBERS = ("ivr_seconds", "talk_seconds")


def row_of(call: ParsedCall, received_at: dt.datetime, now: dt.datetime) -> dict[str, Any]:
    row: dict[str, Any] = call._asdict()
    del row["flags"]
    row["has_conflict"] = False
    row["received_at"] = row["told_at"] = received_at
    row["updated_at"] = now
    return row


def merge(known: dict[str, Any], newer: dict[str, Any]) -> bool:
    """Lay a newer row over a known one, by the rule of the module; True if that changed it."""
    before = dict(known)
    for name in ("started_at", *TEXTS, *NUMBERS):
        if newer[name] in ("", None):
            continue
        if name == "raw_status":
            known["has_conflict"] |= known[name] != "" and known["status"] != newer["status"]
            known["status"] = newer["status"]
        else:
            known["has_conflict"] |= known[name] not in ("", None, newer[name])
        known[name] = newer[name]
    changed = known != before
    known["told_at"] = newer["told_at"]
    return changed


def _merge_sql() -> str:
    """The same rule as SQL, for a call that is in the table already."""
    mine, new = "calllogs_calllog.", "excluded."
    later = f"{new}told_at >= {mine}told_at"

    def spoken(side: str, name: str) -> str:
        return f"{side}{name} IS NOT NULL" if name in NUMBERS else f"{side}{name} <> ''"

    def wins(name: str) -> str:
        return f"({spoken(new, name)} AND (NOT ({spoken(mine, name)}) OR {later}))"

    assignments = [
        f"{name} = CASE WHEN {wins(name)} THEN {new}{name} ELSE {mine}{name} END"
        for name in (*TEXTS, *NUMBERS)
    ]
    assignments.append(f"status = CASE WHEN {wins('raw_status')} THEN {new}status ELSE {mine}status END")
    assignments.append(f"started_at = CASE WHEN {later} THEN {new}started_at ELSE {mine}started_at END")
    assignments.append(f"told_at = CASE WHEN {later} THEN {new}told_at ELSE {mine}told_at END")
    both = [
        f"({spoken(mine, name)} AND {spoken(new, name)} AND {mine}{compared} <> {new}{compared})"
        for name in (*TEXTS, *NUMBERS)
        for compared in ["status" if name == "raw_status" else name]
    ]
    differs = " OR ".join([*both, f"{mine}started_at <> {new}started_at"])
    assignments.append(f"has_conflict = ({mine}has_conflict OR {new}has_conflict OR {differs})")
    changes = [
        f"({wins(name)} AND ({mine}{name} IS NULL OR {new}{name} <> {mine}{name}))"
        for name in (*TEXTS, *NUMBERS)
    ]
    changes.append(f"({later} AND {mine}started_at <> {new}started_at)")
    assignments.append(
        f"updated_at = CASE WHEN {' OR '.join(changes)} THEN {new}updated_at ELSE {mine}updated_at END"
    )
    return ", ".join(assignments)


MERGE = _merge_sql()
