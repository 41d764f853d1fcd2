"""How several pushes become one call: one rule, in Python within a batch and in SQL against the stored call.

A blank value never overwrites another and is filled by another. Where both have a value, the push received later wins;
if the values differ, `has_conflict` is set.
"""

import datetime as dt
from typing import Any

from calllogs.intake.parser import ParsedCall

TEXT_FIELDS = (
    "caller",
    "agent_number",
    "raw_status",
    "circle",
    "virtual_number",
    "department",
    "recording_url",
    "call_type",
)
NUMBER_FIELDS = ("ivr_seconds", "talk_seconds")


def build_call_row(call: ParsedCall, received_at: dt.datetime, now: dt.datetime) -> dict[str, Any]:
    row: dict[str, Any] = call._asdict()
    del row["flags"]
    row["has_conflict"] = False
    row["received_at"] = row["told_at"] = received_at
    row["updated_at"] = now
    return row


def merge(known: dict[str, Any], newer: dict[str, Any]) -> bool:
    """Merge a newer row into a known one, by the rule of this module. True if a value changed."""
    before = dict(known)
    for name in ("started_at", *TEXT_FIELDS, *NUMBER_FIELDS):
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


def _build_merge_sql() -> str:
    """The same rule as the SET clause of an upsert."""
    stored, new = "calllogs_calllog.", "excluded."
    is_later = f"{new}told_at >= {stored}told_at"

    def is_present(side: str, name: str) -> str:
        return f"{side}{name} IS NOT NULL" if name in NUMBER_FIELDS else f"{side}{name} <> ''"

    def new_wins(name: str) -> str:
        return f"({is_present(new, name)} AND (NOT ({is_present(stored, name)}) OR {is_later}))"

    assignments = [
        f"{name} = CASE WHEN {new_wins(name)} THEN {new}{name} ELSE {stored}{name} END"
        for name in (*TEXT_FIELDS, *NUMBER_FIELDS)
    ]
    assignments.append(
        f"status = CASE WHEN {new_wins('raw_status')} THEN {new}status ELSE {stored}status END"
    )
    assignments.append(f"started_at = CASE WHEN {is_later} THEN {new}started_at ELSE {stored}started_at END")
    assignments.append(f"told_at = CASE WHEN {is_later} THEN {new}told_at ELSE {stored}told_at END")
    conflicts = [
        f"({is_present(stored, name)} AND {is_present(new, name)} AND {stored}{compared} <> {new}{compared})"
        for name in (*TEXT_FIELDS, *NUMBER_FIELDS)
        for compared in ["status" if name == "raw_status" else name]
    ]
    differs = " OR ".join([*conflicts, f"{stored}started_at <> {new}started_at"])
    assignments.append(f"has_conflict = ({stored}has_conflict OR {new}has_conflict OR {differs})")
    changes = [
        f"({new_wins(name)} AND ({stored}{name} IS NULL OR {new}{name} <> {stored}{name}))"
        for name in (*TEXT_FIELDS, *NUMBER_FIELDS)
    ]
    changes.append(f"({is_later} AND {stored}started_at <> {new}started_at)")
    assignments.append(
        f"updated_at = CASE WHEN {' OR '.join(changes)} THEN {new}updated_at ELSE {stored}updated_at END"
    )
    return ", ".join(assignments)


MERGE_SQL = _build_merge_sql()
