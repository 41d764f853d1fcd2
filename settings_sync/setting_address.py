"""What the provider should be told, read off our records: a record in, `{address: value}` out. Pure.

Addresses and values are ours, not the wire's (see `wire`):

    agent:+919812345678   AVAIL | OFF
    holiday:2026-11-08    HOLIDAY
    hours:Monday          09:30-18:30
"""

import datetime as dt
from typing import Protocol

AGENT, HOLIDAY, HOURS = "agent", "holiday", "hours"
OFF = "OFF"
CLOSED_ALL_DAY = "HOLIDAY"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEEK_LANE = "hours"
DAILY = f"{HOURS}:Daily"  # the wire's word for all seven days at once

Desired = dict[str, str]


class AgentRecord(Protocol):
    number: str
    availability: str


class HolidayRecord(Protocol):
    date: dt.date


class HoursRecord(Protocol):
    day: str
    opens_at: dt.time
    closes_at: dt.time


class OtherHoursRecord(Protocol):
    date: dt.date
    opens_at: dt.time
    closes_at: dt.time


def agent_address(number: str) -> str:
    """`agent:9812345678` for an Indian number, `agent:+4420…` for any other."""
    return f"{AGENT}:{number.removeprefix('+91')}"


def holiday_address(date: dt.date) -> str:
    return f"{HOLIDAY}:{date.isoformat()}"


def hours_address(day: str) -> str:
    return f"{HOURS}:{day}"


def of_agent(agent: AgentRecord) -> Desired:
    return {agent_address(agent.number): agent.availability}


def of_holiday(holiday: HolidayRecord) -> Desired:
    return {holiday_address(holiday.date): CLOSED_ALL_DAY}


def of_hours(hours: HoursRecord) -> Desired:
    return {hours_address(hours.day): interval(hours.opens_at, hours.closes_at)}


def of_other_hours(other: OtherHoursRecord) -> Desired:
    """Hours for one date are told as its weekday's; whoever lays them over the week's knows that it is that date."""
    return {hours_address(WEEKDAYS[other.date.weekday()]): interval(other.opens_at, other.closes_at)}


def interval(opens_at: dt.time, closes_at: dt.time) -> str:
    return f"{opens_at:%H:%M}-{closes_at:%H:%M}"


def of_week(week: Desired) -> Desired:
    """`Daily`, where all seven days are there and equal; nothing otherwise."""
    days = [week.get(hours_address(day)) for day in WEEKDAYS]
    return {DAILY: days[0]} if days[0] is not None and len(set(days)) == 1 else {}


def kind_of(address: str) -> str:
    return address.partition(":")[0]


def lane_of(address: str) -> str:
    """Never two requests in flight in one lane. The week is one: `Daily` touches all its days."""
    return WEEK_LANE if kind_of(address) == HOURS else address


def holiday_date(address: str) -> dt.date:
    return dt.date.fromisoformat(address.partition(":")[2])
