"""Setting addresses, and the desired values of records: a record in, `{address: value}` out. Pure functions.

Addresses and values are internal; `delivery.wire_format` translates them for the provider:

    agent:9812345678   AVAIL | OFF
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
DAILY = f"{HOURS}:Daily"  # the provider's name for all seven days at once

DesiredValues = dict[str, str]


class AgentRecord(Protocol):
    number: str
    availability: str


class HolidayRecord(Protocol):
    date: dt.date


class HoursRecord(Protocol):
    day: str
    opens_at: dt.time
    closes_at: dt.time


class DateOverrideRecord(Protocol):
    date: dt.date
    opens_at: dt.time
    closes_at: dt.time


def agent_address(number: str) -> str:
    """Return `agent:9812345678` for an Indian number, `agent:+4420…` for any other."""
    return f"{AGENT}:{number.removeprefix('+91')}"


def holiday_address(date: dt.date) -> str:
    return f"{HOLIDAY}:{date.isoformat()}"


def hours_address(day: str) -> str:
    return f"{HOURS}:{day}"


def desired_for_agent(agent: AgentRecord) -> DesiredValues:
    return {agent_address(agent.number): agent.availability}


def desired_for_holiday(holiday: HolidayRecord) -> DesiredValues:
    return {holiday_address(holiday.date): CLOSED_ALL_DAY}


def desired_for_hours(hours: HoursRecord) -> DesiredValues:
    return {hours_address(hours.day): format_interval(hours.opens_at, hours.closes_at)}


def desired_for_override(override: DateOverrideRecord) -> DesiredValues:
    """A date override is sent as that weekday's hours; callers apply it only on that date."""
    weekday = WEEKDAYS[override.date.weekday()]
    return {hours_address(weekday): format_interval(override.opens_at, override.closes_at)}


def format_interval(opens_at: dt.time, closes_at: dt.time) -> str:
    return f"{opens_at:%H:%M}-{closes_at:%H:%M}"


def desired_for_daily(week: DesiredValues) -> DesiredValues:
    """Return `Daily` if all seven days have the same hours, else nothing."""
    days = [week.get(hours_address(day)) for day in WEEKDAYS]
    return {DAILY: days[0]} if days[0] is not None and len(set(days)) == 1 else {}


def kind_of(address: str) -> str:
    return address.partition(":")[0]


def lane_of(address: str) -> str:
    """Return the lane, in which only one request may be in flight. The week is one lane: `Daily` sets all its days."""
    return WEEK_LANE if kind_of(address) == HOURS else address


def holiday_date(address: str) -> dt.date:
    return dt.date.fromisoformat(address.partition(":")[2])
