"""Realistic sample calls for the demo, tests and benchmarks. Plain Python; no real numbers.

Callers have numbers in +91 98000, agents in +91 98001, virtual numbers in +91 98002. Calls peak in the morning and
afternoon, and Sundays are quiet. More calls are missed at lunch and after hours, some callers call often, and some
missed callers call again soon. The same arguments give the same calls, ordered by start.
"""

import datetime as dt
import math
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

DEPARTMENTS = ("Sales", "Support", "Billing", "Service", "Bookings", "Complaints")
VIRTUAL_NUMBERS = ("+919800200001", "+919800200002", "+919800200003", "+919800200004")


class SampleAgent(NamedTuple):
    number: str
    name: str
    department: str


@dataclass(frozen=True, slots=True)
class SampleCall:
    """The fields of a CallLog. Numbers are E.164, datetimes are aware and in UTC.

    A missing value is "" or, for seconds, None. `received_at` is the time of the push.
    """

    call_id: str
    caller: str
    started_at: dt.datetime
    agent_number: str
    ivr_seconds: int | None
    talk_seconds: int | None
    status: str
    raw_status: str
    circle: str
    virtual_number: str
    department: str
    recording_url: str
    received_at: dt.datetime


# The fields of SampleCall, in order.
SampleRow = tuple[
    str, str, dt.datetime, str, int | None, int | None, str, str, str, str, str, str, dt.datetime
]

_FIRST_NAMES = ("Asha", "Ravi", "Meera", "Arjun", "Kavita", "Imran", "Leela", "Sanjay", "Farah", "Deepak")
_LAST_NAMES = ("Nair", "Singh", "Das", "Khan")
# Telecom circles, and the approximate percentage of callers in each.
_CIRCLES = {
    "Maharashtra": 15, "Mumbai": 9, "Karnataka": 12, "Delhi": 11, "Tamil Nadu": 9, "Gujarat": 7,
    "Andhra Pradesh": 7, "Kerala": 5, "West Bengal": 3, "Kolkata": 3, "Rajasthan": 3, "Punjab": 3,
    "Uttar Pradesh (East)": 3, "Uttar Pradesh (West)": 2, "Madhya Pradesh": 2, "Haryana": 1, "Bihar": 1,
    "Odisha": 1, "Assam": 1, "Jammu & Kashmir": 1, "Himachal Pradesh": 1, "North East": 1,
}  # fmt: skip
_BY_HOUR = (2, 1, 1, 1, 1, 3, 8, 20, 45, 85, 110, 120, 110, 80, 70, 90, 100, 105, 95, 70, 45, 30, 15, 6)
_BY_WEEKDAY = (1.15, 1.05, 1.0, 1.0, 0.95, 0.6, 0.2)
# Provider's status, our status, percentage of unanswered calls. The document does not list the last status.
_UNANSWERED = (
    ("MISSED", "MISSED", 70),
    ("NOANSWER", "MISSED", 8),
    ("DROPPED", "DROPPED", 20),
    ("VOICEMAIL", "OTHER", 2),
)
RECORDINGS = "https://recordings.example.com"
# One in eight recordings has a URL with parameters, which a sender with `raw` does not encode.
_FILE = "/{day}/{call_id}.mp3"
_PLAYER = "/play?id={call_id}&day={day}&part=1"
_CALLERS = 100_000
_TABLE = 4096
_CALL_BACK_SHARE, _REGULAR_SHARE, _RECORDED_SHARE = 0.15, 0.45, 0.97
_WAITING_TO_CALL_BACK = 40
_PUSH_DELAY_S = 2


def generate_agents(count: int = 40, *, departments: Sequence[str] = DEPARTMENTS) -> list[SampleAgent]:
    """Generate up to 99,999 agents with unique numbers and names, spread over the departments."""
    return [
        SampleAgent(f"+9198001{index + 1:05d}", _name(index), departments[index % len(departments)])
        for index in range(count)
    ]


def _name(index: int) -> str:
    name = f"{_FIRST_NAMES[index % 10]} {_LAST_NAMES[index // 10 % 4]}"
    return name if index < 40 else f"{name} {index // 40 + 1}"  # the second Asha Nair is Asha Nair 2


def generate_calls(
    seed: int | str,
    count: int,
    *,
    agents: Sequence[SampleAgent],
    virtual_numbers: Sequence[str] = VIRTUAL_NUMBERS,
    departments: Sequence[str] = DEPARTMENTS,
    start: dt.datetime,
    end: dt.datetime,
    recordings: str = RECORDINGS,
) -> Iterator[SampleCall]:
    """Generate `count` calls that start in [start, end), with daily and weekly peaks in `start`'s zone.

    `recordings` is the base URL of their recordings.

    Raises ValueError for naive datetimes, for `end` not after `start`, and for an empty list to choose from.
    """
    rows = generate_rows(
        seed,
        count,
        agents=agents,
        virtual_numbers=virtual_numbers,
        departments=departments,
        start=start,
        end=end,
        recordings=recordings,
    )
    return (SampleCall(*row) for row in rows)


def generate_rows(
    seed: int | str,
    count: int,
    *,
    agents: Sequence[SampleAgent],
    virtual_numbers: Sequence[str] = VIRTUAL_NUMBERS,
    departments: Sequence[str] = DEPARTMENTS,
    start: dt.datetime,
    end: dt.datetime,
    recordings: str = RECORDINGS,
) -> Iterator[SampleRow]:
    """Generate the same calls as `generate_calls`, as tuples, which are faster for millions of calls."""
    if start.tzinfo is None or end.tzinfo is None or end <= start:
        raise ValueError("start and end need a zone, and end must come after start.")
    if not (agents and virtual_numbers and departments):
        raise ValueError("agents, virtual numbers and departments need one at least.")
    source = random.Random(seed)
    return _generate_rows(
        source,
        tag=f"{zlib.crc32(str(seed).encode()):08x}",
        hours=_distribute_calls(source, count=count, hours=_hours(start, end)),
        regulars=[int(source.random() * _CALLERS) for _ in range(max(20, min(count // 8, 40_000)))],
        connected=[(agent.number, agent.department) for agent in source.choices(agents, k=_TABLE)],
        called=source.choices(virtual_numbers, k=_TABLE),
        departments=source.choices(departments, k=_TABLE),
        recordings=(recordings + _FILE, recordings + _PLAYER),
    )


class _Hour(NamedTuple):
    starts: int
    seconds: int
    weight: float
    answered: float
    day: str


def _hours(start: dt.datetime, end: dt.datetime) -> list[_Hour]:
    """Split the period into hours (the last may be shorter) with the usual load and answer rate of each."""
    first, last = math.ceil(start.timestamp()), math.ceil(end.timestamp())
    found: list[_Hour] = []
    for starts in range(first, last, 3600):
        local = dt.datetime.fromtimestamp(starts, start.tzinfo)
        seconds = min(3600, last - starts)
        weight = _BY_HOUR[local.hour] * _BY_WEEKDAY[local.weekday()] * seconds
        at_work = 9 <= local.hour < 18 and local.weekday() < 6
        answered = (0.7 if local.hour == 13 else 0.82) if at_work else 0.35
        found.append(_Hour(starts, seconds, weight, answered, f"{local:%Y/%m/%d}"))
    return found


def _distribute_calls(source: random.Random, *, count: int, hours: list[_Hour]) -> list[tuple[_Hour, int]]:
    """Distribute exactly `count` calls over the hours, by weight with some randomness."""
    weights = [hour.weight * source.uniform(0.7, 1.3) for hour in hours]
    sums = [0.0, *accumulate(weights)]
    ends = [round(count * reached / sums[-1]) for reached in sums]
    return [(hour, ends[index + 1] - ends[index]) for index, hour in enumerate(hours)]


def _generate_rows(
    source: random.Random,
    *,
    tag: str,
    hours: list[tuple[_Hour, int]],
    regulars: list[int],
    connected: list[tuple[str, str]],
    called: list[str],
    departments: list[str],
    recordings: tuple[str, str],
) -> Iterator[SampleRow]:
    # One loop without helper calls, drawing from precomputed tables, because it generates up to 5,000,000 calls.
    draw, moment, utc = source.random, dt.datetime.fromtimestamp, dt.UTC
    circles = source.choices(list(_CIRCLES), list(_CIRCLES.values()), k=997)
    unanswered = source.choices(_UNANSWERED, [share for _, _, share in _UNANSWERED], k=_TABLE)
    talks = [max(3, min(3600, int(source.lognormvariate(4.6, 0.9)))) for _ in range(_TABLE)]
    menus = [4 + int(source.gammavariate(2, 9)) for _ in range(_TABLE)]
    waiting: list[int] = []
    file, player = recordings
    number = 0
    for hour, calls_in_hour in hours:
        for offset in sorted(int(draw() * hour.seconds) for _ in range(calls_in_hour)):
            number += 1
            started = hour.starts + offset
            chance = draw()
            if waiting and chance < _CALL_BACK_SHARE:
                caller = waiting.pop(int(draw() * len(waiting)))
            elif chance < _CALL_BACK_SHARE + _REGULAR_SHARE:
                caller = regulars[int(draw() ** 2 * len(regulars))]
            else:
                caller = int(draw() * _CALLERS)
            call_id = f"{started}.{tag}{number}"
            pick = int(draw() * _TABLE)
            ivr, talk = menus[pick], None
            agent = recording = ""
            if draw() < hour.answered:
                raw, status, talk = "ANSWER", "ANSWERED", talks[int(draw() * _TABLE)]
                agent, department = connected[int(draw() * _TABLE)]
                if draw() < _RECORDED_SHARE:
                    recording = (player if pick % 8 == 0 else file).format(day=hour.day, call_id=call_id)
            else:
                raw, status, _ = unanswered[int(draw() * _TABLE)]
                department = departments[pick]
                if len(waiting) < _WAITING_TO_CALL_BACK:
                    waiting.append(caller)
            yield (
                call_id,
                f"+9198000{caller:05d}",
                moment(started, utc),
                agent,
                ivr,
                talk,
                status,
                raw,
                circles[caller % 997],
                called[int(draw() * _TABLE)],
                department,
                recording,
                moment(started + ivr + (talk or 0) + _PUSH_DELAY_S, utc),
            )
