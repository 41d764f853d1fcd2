"""Calls as a real office gets them: for the demo, for tests, for benchmarks. Plain Python; nobody's real number.

Callers have numbers in +91 98000, agents in +91 98001, virtual numbers in +91 98002. A day has its morning and
afternoon peaks, Sundays are quiet, more is missed at lunch and after hours, some callers ring often, and some of
those who were missed ring again soon. The same arguments give the same calls, in the order they started.
"""

import datetime as dt
import math
import random
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple
from urllib.parse import quote, urlencode

INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30), "Asia/Kolkata")
DEPARTMENTS = ("Sales", "Support", "Billing", "Service", "Bookings", "Complaints")
VIRTUAL_NUMBERS = ("+919800200001", "+919800200002", "+919800200003", "+919800200004")


class LifelikeAgent(NamedTuple):
    number: str
    name: str
    department: str


@dataclass(frozen=True, slots=True)
class LifelikeCall:
    """The fields of a CallLog. Numbers are E.164, moments are aware and in UTC.

    What a call does not have is "" or, for seconds, None. `received_at` is when its push came.
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


# In the order of LifelikeCall's fields.
Row = tuple[str, str, dt.datetime, str, int | None, int | None, str, str, str, str, str, str, dt.datetime]

_FIRST_NAMES = ("Asha", "Ravi", "Meera", "Arjun", "Kavita", "Imran", "Leela", "Sanjay", "Farah", "Deepak")
_LAST_NAMES = ("Nair", "Singh", "Das", "Khan")
# Telecom circles, and about how many of a hundred callers come from each.
_CIRCLES = {
    "Maharashtra": 15, "Mumbai": 9, "Karnataka": 12, "Delhi": 11, "Tamil Nadu": 9, "Gujarat": 7,
    "Andhra Pradesh": 7, "Kerala": 5, "West Bengal": 3, "Kolkata": 3, "Rajasthan": 3, "Punjab": 3,
    "Uttar Pradesh (East)": 3, "Uttar Pradesh (West)": 2, "Madhya Pradesh": 2, "Haryana": 1, "Bihar": 1,
    "Odisha": 1, "Assam": 1, "Jammu & Kashmir": 1, "Himachal Pradesh": 1, "North East": 1,
}  # fmt: skip
_BY_HOUR = (2, 1, 1, 1, 1, 3, 8, 20, 45, 85, 110, 120, 110, 80, 70, 90, 100, 105, 95, 70, 45, 30, 15, 6)
_BY_WEEKDAY = (1.15, 1.05, 1.0, 1.0, 0.95, 0.6, 0.2)
# Their word, our word, share among the calls that nobody answered. The last is one that no document lists.
_UNANSWERED = (
    ("MISSED", "MISSED", 70),
    ("NOANSWER", "MISSED", 8),
    ("DROPPED", "DROPPED", 20),
    ("VOICEMAIL", "OTHER", 2),
)
RECORDINGS = "https://recordings.example.com"
# One in eight recordings has an address with parameters of its own, which a raw sender does not encode.
_FILE = "/{day}/{call_id}.mp3"
_PLAYER = "/play?id={call_id}&day={day}&part=1"
_CALLERS = 100_000
_TABLE = 4096
_CALL_BACK_SHARE, _REGULAR_SHARE, _RECORDED_SHARE = 0.15, 0.45, 0.97
_WAITING_TO_CALL_BACK = 40
_PUSH_DELAY_S = 2


def lifelike_agents(count: int = 40, *, departments: Sequence[str] = DEPARTMENTS) -> list[LifelikeAgent]:
    """At most 99,999 agents with different numbers and names, spread over the departments."""
    return [
        LifelikeAgent(f"+9198001{index + 1:05d}", _name(index), departments[index % len(departments)])
        for index in range(count)
    ]


def _name(index: int) -> str:
    name = f"{_FIRST_NAMES[index % 10]} {_LAST_NAMES[index // 10 % 4]}"
    return name if index < 40 else f"{name} {index // 40 + 1}"  # a second Asha Nair is Asha Nair 2


def calls(
    seed: int | str,
    count: int,
    *,
    agents: Sequence[LifelikeAgent],
    virtual_numbers: Sequence[str] = VIRTUAL_NUMBERS,
    departments: Sequence[str] = DEPARTMENTS,
    start: dt.datetime,
    end: dt.datetime,
    recordings: str = RECORDINGS,
) -> Iterator[LifelikeCall]:
    """`count` calls that start in [start, end). The rhythm of day and week is that of `start`'s zone.

    `recordings` is the address below which their recordings lie.

    Raises ValueError for moments without a zone or in the wrong order, and for nothing to choose from.
    """
    rows = call_rows(
        seed,
        count,
        agents=agents,
        virtual_numbers=virtual_numbers,
        departments=departments,
        start=start,
        end=end,
        recordings=recordings,
    )
    return (LifelikeCall(*row) for row in rows)


def call_rows(
    seed: int | str,
    count: int,
    *,
    agents: Sequence[LifelikeAgent],
    virtual_numbers: Sequence[str] = VIRTUAL_NUMBERS,
    departments: Sequence[str] = DEPARTMENTS,
    start: dt.datetime,
    end: dt.datetime,
    recordings: str = RECORDINGS,
) -> Iterator[Row]:
    """The same calls as `calls`, as tuples: what is loaded by the million."""
    if start.tzinfo is None or end.tzinfo is None or end <= start:
        raise ValueError("start and end need a zone, and end must come after start.")
    if not (agents and virtual_numbers and departments):
        raise ValueError("agents, virtual numbers and departments need one at least.")
    source = random.Random(seed)
    return _rows(
        source,
        tag=f"{zlib.crc32(str(seed).encode()):08x}",
        hours=_shared_out(source, count=count, hours=_hours(start, end)),
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
    """The period in pieces of an hour, the last perhaps shorter, with what is usual at that hour."""
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


def _shared_out(source: random.Random, *, count: int, hours: list[_Hour]) -> list[tuple[_Hour, int]]:
    """How many of `count` calls each hour gets: by weight, with some luck, and exactly `count` together."""
    lucky = [hour.weight * source.uniform(0.7, 1.3) for hour in hours]
    sums = [0.0, *accumulate(lucky)]
    ends = [round(count * reached / sums[-1]) for reached in sums]
    return [(hour, ends[index + 1] - ends[index]) for index, hour in enumerate(hours)]


def _rows(
    source: random.Random,
    *,
    tag: str,
    hours: list[tuple[_Hour, int]],
    regulars: list[int],
    connected: list[tuple[str, str]],
    called: list[str],
    departments: list[str],
    recordings: tuple[str, str],
) -> Iterator[Row]:
    # Written out in one piece and fed from tables: five million calls are made of this loop.
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
            luck = draw()
            if waiting and luck < _CALL_BACK_SHARE:
                who = waiting.pop(int(draw() * len(waiting)))
            elif luck < _CALL_BACK_SHARE + _REGULAR_SHARE:
                who = regulars[int(draw() ** 2 * len(regulars))]
            else:
                who = int(draw() * _CALLERS)
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
                    waiting.append(who)
            yield (
                call_id,
                f"+9198000{who:05d}",
                moment(started, utc),
                agent,
                ivr,
                talk,
                status,
                raw,
                circles[who % 997],
                called[int(draw() * _TABLE)],
                department,
                recording,
                moment(started + ivr + (talk or 0) + _PUSH_DELAY_S, utc),
            )


@dataclass(frozen=True)
class Sender:
    """One way to write a push: the names of the document's sample URL or of its table, and how values go in.

    `raw` puts values in as they are, as senders do who fill in a template: only spaces are encoded, since no
    request line can hold them. `clock` writes durations as `00:01:15`, otherwise they are seconds.
    """

    names: Mapping[str, str]
    raw: bool
    clock: bool


# Written down a second time from the document, not taken from `vocabulary`: so a slip there is found.
SAMPLE_URL_NAMES = {
    "caller": "callnumber", "date": "date", "time": "time", "agent_number": "agentnumber",
    "ivr_seconds": "ivrduration", "talk_seconds": "callduration", "status": "callstatus", "circle": "state",
    "virtual_number": "ibizfonenumber", "recording_url": "recordingurl", "call_id": "calllogid",
    "department": "department",
}  # fmt: skip
TABLE_NAMES = {
    "call_id": "call_uuid", "caller": "caller_number", "date": "date", "time": "time",
    "agent_number": "agent_connected", "ivr_seconds": "total_call_duration",
    "talk_seconds": "conversation_duration", "status": "call_status", "circle": "caller_circle",
    "virtual_number": "knumber", "recording_url": "recording_url", "department": "department",
}  # fmt: skip
SENDERS = tuple(
    Sender(names=names, raw=raw, clock=names is TABLE_NAMES)
    for names in (SAMPLE_URL_NAMES, TABLE_NAMES)
    for raw in (False, True)
)


def wire_query(
    call: LifelikeCall, *, sender: Sender, zone: dt.tzinfo = INDIA, with_recording: bool = True
) -> str:
    """The push of this call as a query string, date and time in `zone`; what the call does not have is empty."""
    local = call.started_at.astimezone(zone)
    values = {
        "call_id": call.call_id,
        "caller": call.caller,
        "date": f"{local:%Y-%m-%d}",
        "time": f"{local:%H:%M:%S}",
        "agent_number": call.agent_number,
        "ivr_seconds": _duration(call.ivr_seconds, clock=sender.clock),
        "talk_seconds": _duration(call.talk_seconds, clock=sender.clock),
        "status": call.raw_status,
        "circle": call.circle,
        "virtual_number": call.virtual_number,
        "recording_url": call.recording_url if with_recording else "",
        "department": call.department,
    }
    fields = {name: values[field] for field, name in sender.names.items()}
    if sender.raw:
        return "&".join(f"{name}={value.replace(' ', '%20')}" for name, value in fields.items())
    return urlencode(fields, quote_via=quote)


def _duration(seconds: int | None, *, clock: bool) -> str:
    if seconds is None or not clock:
        return "" if seconds is None else str(seconds)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
