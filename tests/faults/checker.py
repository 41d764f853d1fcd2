"""What must be true when a run is over, whatever was killed and stopped meanwhile. Reads the database from outside."""

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from calllogs.sample_calls import LifelikeCall
from tests.faults.pushes_clients import OPTIONAL, Answer, Push, told
from tests.faults.pushes_stand import Stand

_COLUMNS = ("call_id", "started_at", *OPTIONAL, "has_conflict")
_NUMBER_SENT = re.compile(r"n=(\d+)&")
_DIGITS = re.compile(rb"\d{10,}")


def check(stand: Stand) -> str:
    """Drain and compare; a line of figures. The web server must have stopped. AssertionError says what is wrong."""
    sent = [answer.push for answer in stand.answers]
    leaks = private_texts(stand, sent)
    # Before the drain: `Successful` means the database, not the spool.
    _lost_none([answer for answer in stand.answers if answer.body == "Successful"], _stored(stand))
    stand.drain()
    assert not (left := _waiting(stand)), f"still in the spool after a drain: {left}"
    leaks += private_texts(stand, sent)
    assert not leaks, f"private texts in files: {sorted(set(leaks))}"
    stored = _each_answered_push_is_stored_once(stand)
    calls = _each_call_is_there_once_and_right(stand, stored)
    return (
        f"{told(stand.answers)}; {len(stored):,} pushes and {calls:,} calls stored, {stand.restarts} restarts"
    )


def slowest_s(answers: Iterable[Answer]) -> float:
    return max((answer.seconds for answer in answers if answer.status), default=0.0)


# --- the database ----------------------------------------------------------------------------------------


def _each_answered_push_is_stored_once(stand: Stand) -> dict[int, str]:
    stored = _stored(stand)
    _lost_none([answer for answer in stand.answers if answer.status == 200], stored)
    for answer in stand.answers:
        assert answer.status in {0, 200, 503}, f"nobody expects {answer.status} {answer.body!r}"
        call_id = stored.get(answer.push.number, answer.push.call.call_id)
        assert call_id == answer.push.call.call_id, f"push {answer.push.number} is of another call: {call_id}"
    return stored


def _stored(stand: Stand) -> dict[int, str]:
    """`{number of the push: its call's id}` of all that are in the database."""
    rows = stand.rows(
        "SELECT raw_query, calllogs_calllog.call_id FROM calllogs_push"
        " LEFT JOIN calllogs_calllog ON calllogs_calllog.id = calllogs_push.call_id"
    )
    stored: dict[int, str] = {}
    for raw_query, call_id in rows:
        found = _NUMBER_SENT.match(raw_query)
        assert found, f"a push in the database that nobody sent: {raw_query[:80]}"
        assert int(found[1]) not in stored, f"push {found[1]} is stored twice"
        stored[int(found[1])] = call_id
    return stored


def _lost_none(answered: list[Answer], stored: dict[int, str]) -> None:
    lost = [answer for answer in answered if answer.push.number not in stored]
    assert not lost, f"{len(lost)} of {len(answered)} answered pushes are lost: {told(lost)}"


def _each_call_is_there_once_and_right(stand: Stand, stored: dict[int, str]) -> int:
    pushes: dict[str, list[Push]] = defaultdict(list)
    for answer in stand.answers:
        if answer.push.number in stored:
            pushes[answer.push.call.call_id].append(answer.push)
    rows = stand.rows(f"SELECT {', '.join(_COLUMNS)} FROM calllogs_calllog")
    counts = Counter(row[0] for row in rows)
    assert set(counts.values()) <= {1}, f"calls stored more than once: {counts.most_common(3)}"
    assert set(counts) == set(pushes), (
        f"calls without a push or pushes without a call: {set(counts) ^ set(pushes)}"
    )
    for row in rows:
        call = dict(zip(_COLUMNS, row, strict=True))
        wrong = {
            name: (call[name], wanted)
            for name, wanted in expected(pushes[call["call_id"]]).items()
            if _plain(call[name]) != wanted
        }
        assert not wrong, f"call {call['call_id']} differs (stored, sent): {wrong}"
        assert not call["has_conflict"], f"call {call['call_id']} is marked, but no two pushes disagree"
    return len(rows)


def expected(pushes: Sequence[Push]) -> dict[str, Any]:
    """The fields of a call that these pushes tell together; they never disagree."""
    calls = [push.call for push in pushes]
    return {"started_at": calls[0].started_at} | {
        name: _first(calls, name) or ("OTHER" if name == "status" else _first(calls, name))
        for name in OPTIONAL
    }


def _first(calls: Sequence[LifelikeCall], name: str) -> Any:
    values = [getattr(call, name) for call in calls]
    return next((value for value in values if value not in ("", None)), values[0])


def _plain(value: Any) -> Any:
    """SQLite gives moments as text, in UTC without saying so."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", value):
        return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
    return value


# --- files -----------------------------------------------------------------------------------------------


def private_texts(stand: Stand, sent: Iterable[Push]) -> list[str]:
    """Files with the push key, or with a whole number of a caller or an agent where none may stand."""
    key = stand.databases.key.encode()
    numbers = {
        number.lstrip("+")[-10:].encode()
        for push in sent
        for number in (push.call.caller, push.call.agent_number)
        if number
    }
    found: list[str] = []
    for path in [stand.log, *stand.var.rglob("*")]:
        if not path.is_file() or _is_of_the_database(path):
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


def _is_of_the_database(path: Path) -> bool:
    return ".sqlite3" in path.name


def _waiting(stand: Stand) -> list[str]:
    return [path.name for path in (stand.var / "spool").glob("*") if path.suffix != ".bad"]
