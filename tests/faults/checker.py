"""Invariants that must hold at the end of a run, whatever was killed or stopped. Reads the database directly."""

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from calllogs.sample_calls import SampleCall
from tests.faults.push_portal import PortalServer
from tests.faults.pushes_clients import OPTIONAL, Push, PushAnswer, format_answers

_COLUMNS = ("call_id", "started_at", *OPTIONAL, "has_conflict")
_PUSH_NUMBER = re.compile(r"n=(\d+)&")
_DIGITS = re.compile(rb"\d{10,}")


def check(portal: PortalServer) -> str:
    """Drain the spool and compare database and answers. The web server must have stopped.

    Returns a line of figures. Raises AssertionError if an invariant is violated.
    """
    sent = [answer.push for answer in portal.answers]
    leaks = find_private_data(portal, sent)
    # Checked before the drain, because `Successful` promises the database, not the spool.
    _assert_none_lost(
        [answer for answer in portal.answers if answer.body == "Successful"], _load_stored_pushes(portal)
    )
    portal.drain()
    assert not (left := _list_spool_files(portal)), f"still in the spool after a drain: {left}"
    leaks += find_private_data(portal, sent)
    assert not leaks, f"private data in files: {sorted(set(leaks))}"
    stored = _assert_pushes_stored_once(portal)
    calls = _assert_calls_match(portal, stored)
    answers = format_answers(portal.answers)
    return f"{answers}; {len(stored):,} pushes and {calls:,} calls stored, {portal.restarts} restarts"


def max_answer_seconds(answers: Iterable[PushAnswer]) -> float:
    return max((answer.seconds for answer in answers if answer.status), default=0.0)


# --- the database ----------------------------------------------------------------------------------------


def _assert_pushes_stored_once(portal: PortalServer) -> dict[int, str]:
    stored = _load_stored_pushes(portal)
    _assert_none_lost([answer for answer in portal.answers if answer.status == 200], stored)
    for answer in portal.answers:
        assert answer.status in {0, 200, 503}, f"nobody expects {answer.status} {answer.body!r}"
        call_id = stored.get(answer.push.number, answer.push.call.call_id)
        assert call_id == answer.push.call.call_id, f"push {answer.push.number} is of another call: {call_id}"
    return stored


def _load_stored_pushes(portal: PortalServer) -> dict[int, str]:
    """`{push number: call id}` of all stored pushes."""
    rows = portal.rows(
        "SELECT raw_query, calllogs_calllog.call_id FROM calllogs_push"
        " LEFT JOIN calllogs_calllog ON calllogs_calllog.id = calllogs_push.call_id"
    )
    stored: dict[int, str] = {}
    for raw_query, call_id in rows:
        found = _PUSH_NUMBER.match(raw_query)
        assert found, f"a push in the database that nobody sent: {raw_query[:80]}"
        assert int(found[1]) not in stored, f"push {found[1]} is stored twice"
        stored[int(found[1])] = call_id
    return stored


def _assert_none_lost(answered: list[PushAnswer], stored: dict[int, str]) -> None:
    lost = [answer for answer in answered if answer.push.number not in stored]
    assert not lost, f"{len(lost)} of {len(answered)} answered pushes are lost: {format_answers(lost)}"


def _assert_calls_match(portal: PortalServer, stored: dict[int, str]) -> int:
    pushes: dict[str, list[Push]] = defaultdict(list)
    for answer in portal.answers:
        if answer.push.number in stored:
            pushes[answer.push.call.call_id].append(answer.push)
    rows = portal.rows(f"SELECT {', '.join(_COLUMNS)} FROM calllogs_calllog")
    counts = Counter(row[0] for row in rows)
    assert set(counts.values()) <= {1}, f"calls stored more than once: {counts.most_common(3)}"
    assert set(counts) == set(pushes), (
        f"calls without a push or pushes without a call: {set(counts) ^ set(pushes)}"
    )
    for row in rows:
        call = dict(zip(_COLUMNS, row, strict=True))
        wrong = {
            name: (call[name], wanted)
            for name, wanted in merge_expected_fields(pushes[call["call_id"]]).items()
            if to_comparable(call[name]) != wanted
        }
        assert not wrong, f"call {call['call_id']} differs (stored, sent): {wrong}"
        assert not call["has_conflict"], f"call {call['call_id']} is marked, but no two pushes disagree"
    return len(rows)


def merge_expected_fields(pushes: Sequence[Push]) -> dict[str, Any]:
    """The fields of a call, merged from its pushes, which never disagree."""
    calls = [push.call for push in pushes]
    return {"started_at": calls[0].started_at} | {
        name: _first_value(calls, name) or ("OTHER" if name == "status" else _first_value(calls, name))
        for name in OPTIONAL
    }


def _first_value(calls: Sequence[SampleCall], name: str) -> Any:
    values = [getattr(call, name) for call in calls]
    return next((value for value in values if value not in ("", None)), values[0])


def to_comparable(value: Any) -> Any:
    """SQLite returns timestamps as text in UTC without an offset."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", value):
        return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
    return value


# --- files -----------------------------------------------------------------------------------------------


def find_private_data(portal: PortalServer, sent: Iterable[Push]) -> list[str]:
    """Files that contain the push key, or a full caller or agent number outside the spool."""
    key = portal.databases.key.encode()
    numbers = {
        number.lstrip("+")[-10:].encode()
        for push in sent
        for number in (push.call.caller, push.call.agent_number)
        if number
    }
    found: list[str] = []
    for path in [portal.log, *portal.var.rglob("*")]:
        if not path.is_file() or _is_database_file(path):
            continue
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        if key in data:
            found.append(f"{path.name} holds the push key")
        if path.parent.name != "spool" and any(run[-10:] in numbers for run in _DIGITS.findall(data)):
            found.append(f"{path.name} holds a whole telephone number")
    return found


def _is_database_file(path: Path) -> bool:
    return ".sqlite3" in path.name


def _list_spool_files(portal: PortalServer) -> list[str]:
    return [path.name for path in (portal.var / "spool").glob("*") if path.suffix != ".bad"]
