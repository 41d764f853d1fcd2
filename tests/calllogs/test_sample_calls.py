"""Sample calls: reproducible, with realistic daily and weekly peaks, and written as pushes in both notations."""

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
    VIRTUAL_NUMBERS,
    SampleCall,
    generate_agents,
    generate_calls,
    generate_rows,
)
from calllogs.sample_pushes import INDIA, SAMPLE_URL_NAMES, SENDERS, TABLE_NAMES, Sender, build_push_query

START, END = dt.datetime(2026, 10, 5, tzinfo=INDIA), dt.datetime(2026, 11, 2, tzinfo=INDIA)
AGENTS = generate_agents()
SAMPLE_URL_RAW = Sender(names=SAMPLE_URL_NAMES, raw=True, clock=False)
SAMPLE_URL_ENCODED = Sender(names=SAMPLE_URL_NAMES, raw=False, clock=False)


def some(count: int = 20_000, *, seed: int = 1) -> list[SampleCall]:
    return list(generate_calls(seed, count, agents=AGENTS, start=START, end=END))


def one(**changes: object) -> SampleCall:
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
    return SampleCall(**(fields | changes))  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_calls_and_another_seed_others() -> None:
    assert some(500) == some(500)
    assert not {call.call_id for call in some(500)} & {call.call_id for call in some(500, seed=2)}


def test_there_are_exactly_as_many_calls_as_requested_with_unique_ids() -> None:
    for count in (0, 1, 7, 20_000):
        assert len({call.call_id for call in some(count)}) == count


def test_rows_are_the_fields_of_the_calls_in_order() -> None:
    rows = generate_rows(1, 100, agents=AGENTS, start=START, end=END)
    assert [SampleCall(*row) for row in rows] == some(100)


def test_calls_come_in_order_and_within_the_period() -> None:
    calls = some()
    assert all(earlier.started_at <= later.started_at for earlier, later in pairwise(calls))
    assert calls[0].started_at >= START
    assert calls[-1].started_at < END
    assert all(call.received_at > call.started_at for call in calls)
    assert all(call.started_at.utcoffset() == dt.timedelta(0) for call in calls)


def test_a_period_shorter_than_an_hour_is_filled_too() -> None:
    end = START + dt.timedelta(minutes=7)
    calls = list(generate_calls(1, 50, agents=AGENTS, start=START, end=end))
    assert len(calls) == 50
    assert all(START <= call.started_at < end for call in calls)


def test_days_are_busier_than_nights_and_weekdays_than_sundays() -> None:
    local = [call.started_at.astimezone(INDIA) for call in some()]
    hours, days = Counter(moment.hour for moment in local), Counter(moment.weekday() for moment in local)
    assert hours[11] > 20 * hours[3]
    assert days[0] > 3 * days[6]


def test_more_is_missed_outside_office_hours() -> None:
    def missed_at(hour: int) -> float:
        in_hour = [call for call in some() if call.started_at.astimezone(INDIA).hour == hour]
        return sum(call.status == "MISSED" for call in in_hour) / len(in_hour)

    assert missed_at(20) > 2 * missed_at(11)


def test_every_status_and_department_occurs_and_nothing_else() -> None:
    calls = some()
    assert {call.status for call in calls} == {"ANSWERED", "MISSED", "DROPPED", "OTHER"}
    assert "Jammu & Kashmir" in {call.circle for call in calls}
    assert {call.department for call in calls} == set(DEPARTMENTS)
    assert {call.virtual_number for call in calls} == set(VIRTUAL_NUMBERS)
    assert {call.agent_number for call in calls} == {agent.number for agent in AGENTS} | {""}


def test_only_an_answered_call_has_an_agent_a_conversation_and_a_recording() -> None:
    departments = {agent.number: agent.department for agent in AGENTS}
    for call in some():
        assert (call.status == "ANSWERED") == (call.agent_number != "") == (call.talk_seconds is not None)
        assert call.status == "ANSWERED" or not call.recording_url
        assert call.status != "ANSWERED" or call.department == departments[call.agent_number]


def test_a_caller_is_always_in_the_same_circle() -> None:
    circles: dict[str, set[str]] = {}
    for call in some():
        circles.setdefault(call.caller, set()).add(call.circle)
    assert len(circles) < 15_000
    assert all(len(where) == 1 for where in circles.values())


def test_all_numbers_are_from_the_fictional_ranges() -> None:
    for call in some():
        assert re.fullmatch(r"\+9198000[0-9]{5}", call.caller)
        assert re.fullmatch(r"\+9198002[0-9]{5}", call.virtual_number)
    agents = generate_agents(1500)
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
        generate_calls(1, 1, **(arguments | changes))  # type: ignore[arg-type]


def test_an_encoded_push_can_be_decoded() -> None:
    fields = parse_qs(build_push_query(one(), sender=SAMPLE_URL_ENCODED), keep_blank_values=True)
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


def test_a_raw_push_contains_unencoded_values() -> None:
    query = build_push_query(one(), sender=SAMPLE_URL_RAW)
    assert "callnumber=+919800012345&" in query
    assert "state=Jammu%20&%20Kashmir&" in query
    assert "recordingurl=https://recordings.example.com/play?id=1&part=1&" in query
    assert " " not in query


def test_the_table_notation_writes_durations_as_a_clock_and_missing_ones_empty() -> None:
    missed = one(agent_number="", talk_seconds=None, ivr_seconds=75)
    query = build_push_query(missed, sender=Sender(names=TABLE_NAMES, raw=False, clock=True))
    assert "total_call_duration=00%3A01%3A15&conversation_duration=&" in query
    assert "agent_connected=&" in query


@pytest.mark.parametrize("sender", SENDERS)
def test_the_parser_understands_every_sender(sender: Sender) -> None:
    for call in some(2_000):
        parsed = parse(build_push_query(call, sender=sender).encode(), zone=ZoneInfo("Asia/Kolkata"))
        for field in SampleCall.__slots__:
            if field != "received_at":
                assert getattr(parsed, field) == getattr(call, field)
