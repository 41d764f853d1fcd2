"""Lifelike calls: the same for the same seed, with the rhythm of an office, and written as providers write."""

import datetime as dt
import re
from collections import Counter
from itertools import pairwise
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pytest

from calllogs.intake.parser import parse
from calllogs.sample_calls import (
    DEPARTMENTS,
    INDIA,
    SAMPLE_URL_NAMES,
    SENDERS,
    TABLE_NAMES,
    VIRTUAL_NUMBERS,
    LifelikeCall,
    Sender,
    call_rows,
    calls,
    lifelike_agents,
    wire_query,
)

START, END = dt.datetime(2026, 10, 5, tzinfo=INDIA), dt.datetime(2026, 11, 2, tzinfo=INDIA)
AGENTS = lifelike_agents()
SAMPLE_URL_RAW = Sender(names=SAMPLE_URL_NAMES, raw=True, clock=False)
SAMPLE_URL_ENCODED = Sender(names=SAMPLE_URL_NAMES, raw=False, clock=False)


def some(count: int = 20_000, *, seed: int = 1) -> list[LifelikeCall]:
    return list(calls(seed, count, agents=AGENTS, start=START, end=END))


def one(**changes: object) -> LifelikeCall:
    fields: dict[str, object] = {
        "call_id": "1794117600.1",
        "caller": "+919800012345",
        "started_at": dt.datetime(2026, 11, 8, 4, 45, tzinfo=dt.UTC),
        "agent_number": "+919800100001",
        "ivr_seconds": 12,
        "talk_seconds": 3675,
        "status": "ANSWERED",
        "raw_status": "ANSWER",
        "circle": "Jammu & Kashmir",
        "virtual_number": "+919800200001",
        "department": "Sales",
        "recording_url": "https://recordings.example.com/play?id=1&part=1",
        "received_at": dt.datetime(2026, 11, 8, 5, 50, tzinfo=dt.UTC),
    }
    return LifelikeCall(**(fields | changes))  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_calls_and_another_seed_others() -> None:
    assert some(500) == some(500)
    assert not {call.call_id for call in some(500)} & {call.call_id for call in some(500, seed=2)}


def test_there_are_exactly_as_many_as_asked_for_each_with_an_id_of_its_own() -> None:
    for count in (0, 1, 7, 20_000):
        assert len({call.call_id for call in some(count)}) == count


def test_rows_are_the_fields_of_the_calls_in_order() -> None:
    rows = call_rows(1, 100, agents=AGENTS, start=START, end=END)
    assert [LifelikeCall(*row) for row in rows] == some(100)


def test_calls_come_in_order_and_within_the_period() -> None:
    made = some()
    assert all(earlier.started_at <= later.started_at for earlier, later in pairwise(made))
    assert made[0].started_at >= START
    assert made[-1].started_at < END
    assert all(call.received_at > call.started_at for call in made)
    assert all(call.started_at.utcoffset() == dt.timedelta(0) for call in made)


def test_a_period_shorter_than_an_hour_is_filled_too() -> None:
    end = START + dt.timedelta(minutes=7)
    made = list(calls(1, 50, agents=AGENTS, start=START, end=end))
    assert len(made) == 50
    assert all(START <= call.started_at < end for call in made)


def test_days_are_busier_than_nights_and_weekdays_than_sundays() -> None:
    local = [call.started_at.astimezone(INDIA) for call in some()]
    hours, days = Counter(moment.hour for moment in local), Counter(moment.weekday() for moment in local)
    assert hours[11] > 20 * hours[3]
    assert days[0] > 3 * days[6]


def test_more_is_missed_outside_office_hours() -> None:
    def missed_at(hour: int) -> float:
        there = [call for call in some() if call.started_at.astimezone(INDIA).hour == hour]
        return sum(call.status == "MISSED" for call in there) / len(there)

    assert missed_at(20) > 2 * missed_at(11)


def test_every_status_and_every_circle_comes_up_and_nothing_else() -> None:
    made = some()
    assert {call.status for call in made} == {"ANSWERED", "MISSED", "DROPPED", "OTHER"}
    assert "Jammu & Kashmir" in {call.circle for call in made}
    assert {call.department for call in made} == set(DEPARTMENTS)
    assert {call.virtual_number for call in made} == set(VIRTUAL_NUMBERS)
    assert {call.agent_number for call in made} == {agent.number for agent in AGENTS} | {""}


def test_only_an_answered_call_has_an_agent_a_conversation_and_a_recording() -> None:
    departments = {agent.number: agent.department for agent in AGENTS}
    for call in some():
        assert (call.status == "ANSWERED") == (call.agent_number != "") == (call.talk_seconds is not None)
        assert call.status == "ANSWERED" or not call.recording_url
        assert call.status != "ANSWERED" or call.department == departments[call.agent_number]


def test_a_caller_comes_again_from_the_same_circle() -> None:
    circles: dict[str, set[str]] = {}
    for call in some():
        circles.setdefault(call.caller, set()).add(call.circle)
    assert len(circles) < 15_000
    assert all(len(where) == 1 for where in circles.values())


def test_all_numbers_are_from_the_fictional_ranges() -> None:
    for call in some():
        assert re.fullmatch(r"\+9198000[0-9]{5}", call.caller)
        assert re.fullmatch(r"\+9198002[0-9]{5}", call.virtual_number)
    agents = lifelike_agents(1500)
    assert len({agent.number for agent in agents}) == len({agent.name for agent in agents}) == 1500
    assert all(re.fullmatch(r"\+9198001[0-9]{5}", agent.number) for agent in agents)


@pytest.mark.parametrize(
    "changes",
    [
        {"start": START.replace(tzinfo=None)},
        {"end": END.replace(tzinfo=None)},
        {"end": START},
        {"agents": []},
        {"virtual_numbers": []},
        {"departments": []},
    ],
)
def test_arguments_that_allow_no_call_are_refused(changes: dict[str, object]) -> None:
    arguments: dict[str, object] = {"agents": AGENTS, "start": START, "end": END}
    with pytest.raises(ValueError, match="need"):
        calls(1, 1, **(arguments | changes))  # type: ignore[arg-type]


def test_an_encoded_push_can_be_decoded_by_anybody() -> None:
    fields = parse_qs(wire_query(one(), sender=SAMPLE_URL_ENCODED), keep_blank_values=True)
    assert {name: values[0] for name, values in fields.items()} == {
        "callnumber": "+919800012345",
        "date": "2026-11-08",
        "time": "10:15:00",
        "agentnumber": "+919800100001",
        "ivrduration": "12",
        "callduration": "3675",
        "callstatus": "ANSWER",
        "state": "Jammu & Kashmir",
        "ibizfonenumber": "+919800200001",
        "recordingurl": "https://recordings.example.com/play?id=1&part=1",
        "calllogid": "1794117600.1",
        "department": "Sales",
    }


def test_a_raw_push_holds_its_values_as_they_are() -> None:
    query = wire_query(one(), sender=SAMPLE_URL_RAW)
    assert "callnumber=+919800012345&" in query
    assert "state=Jammu%20&%20Kashmir&" in query
    assert "recordingurl=https://recordings.example.com/play?id=1&part=1&" in query
    assert " " not in query


def test_the_table_writes_durations_as_a_clock_and_missing_ones_as_nothing() -> None:
    missed = one(agent_number="", talk_seconds=None, ivr_seconds=75)
    query = wire_query(missed, sender=Sender(names=TABLE_NAMES, raw=False, clock=True))
    assert "total_call_duration=00%3A01%3A15&conversation_duration=&" in query
    assert "agent_connected=&" in query


@pytest.mark.parametrize("sender", SENDERS)
def test_the_parser_understands_every_sender(sender: Sender) -> None:
    for call in some(2_000):
        parsed = parse(wire_query(call, sender=sender).encode(), zone=ZoneInfo("Asia/Kolkata"))
        for field in LifelikeCall.__slots__:
            if field != "received_at":
                assert getattr(parsed, field) == getattr(call, field)
