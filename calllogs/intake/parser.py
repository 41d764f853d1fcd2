"""Parses the raw bytes of a push into a `ParsedCall`, or raises `Rejected`. Plain Python."""

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from calllogs.intake.query_fields import parse_fields
from calllogs.provider_fields import OTHER, STATUSES, normalise_name
from ivrportal.common.phone import to_e164

MAX_ID, MAX_TEXT, MAX_URL = 128, 100, 2000
MAX_SECONDS = 7 * 24 * 3600  # a week: no call is longer
EARLIEST_YEAR, LATEST_YEAR = 2000, 2100

# Flags of a parsed push. They are stored in `Push.flags`.
ID_DERIVED = "id_derived"
TRUNCATED = "truncated"
BAD_SECONDS = "bad_seconds"
UNKNOWN_STATUS = "unknown_status"
CORRECTED = "mended"


class Rejected(Exception):
    """A push that cannot become a call: the reason, and the field to correct. Contains no value of the push."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.reason, self.field = reason, field


class ParsedCall(NamedTuple):
    """The values of one push. Without a value, texts are empty and seconds are None."""

    call_id: str
    caller: str
    started_at: dt.datetime  # aware, UTC
    agent_number: str
    ivr_seconds: int | None
    talk_seconds: int | None
    status: str
    raw_status: str
    circle: str
    virtual_number: str
    department: str
    recording_url: str
    call_type: str
    flags: tuple[str, ...] = ()


def parse(raw: bytes, *, zone: ZoneInfo, corrections: Mapping[str, str] | None = None) -> ParsedCall:
    """Parse the query or form of one push. Raises Rejected.

    `corrections`: values entered by a user, by our field names. They replace the received values.
    """
    values, flags = parse_fields(raw)
    if corrections:
        values |= corrections
        flags.append(CORRECTED)
    for name, value in values.items():
        if value[:1] in "xX<{" and is_placeholder(value):
            raise Rejected("template not filled in", name)
    started_at = parse_moment(values.get("date", ""), values.get("time", ""), zone=zone)
    caller = normalise_number(values.get("caller", ""), flags)
    virtual_number = normalise_number(values.get("virtual_number", ""), flags)
    raw_status = truncate(values.get("status", ""), flags)
    return ParsedCall(
        call_id=_choose_call_id(values.get("call_id", ""), caller, started_at, virtual_number, flags),
        caller=caller,
        started_at=started_at,
        agent_number=normalise_number(values.get("agent_number", ""), flags),
        ivr_seconds=parse_seconds(values.get("ivr_seconds", ""), flags),
        talk_seconds=parse_seconds(values.get("talk_seconds", ""), flags),
        status=_map_status(raw_status, flags),
        raw_status=raw_status,
        circle=truncate(values.get("circle", ""), flags),
        virtual_number=virtual_number,
        department=truncate(values.get("department", ""), flags),
        recording_url=truncate(values.get("recording_url", ""), flags, longest=MAX_URL),
        call_type=truncate(values.get("call_type", ""), flags),
        flags=tuple(dict.fromkeys(flags)) if flags else (),
    )


# --- from texts to typed values --------------------------------------------------------------------------

_PLACEHOLDER = re.compile(r"[xX]{3,}|<[^<>]*>|\{.*\}", re.DOTALL)


def is_placeholder(value: str) -> bool:
    """True for a placeholder that the sender did not replace: `XXXX`, `<callnumber>`, `{date}`."""
    return _PLACEHOLDER.fullmatch(value) is not None


def truncate(value: str, flags: list[str], *, longest: int = MAX_TEXT) -> str:
    if len(value) > longest:
        flags.append(TRUNCATED)
        return value[:longest].rstrip()
    return value


def normalise_number(value: str, flags: list[str]) -> str:
    """E.164 if possible, otherwise as received."""
    return (to_e164(value) if len(value) < 40 else None) or truncate(value, flags, longest=40)


_COLON_SECONDS = re.compile(r"(?:([0-9]{1,3}):)?([0-9]{1,3}):([0-9]{1,2})")
_PLAIN_SECONDS = re.compile(r"([0-9]{1,7})(?:\.0+)?")


def parse_seconds(value: str, flags: list[str]) -> int | None:
    """`75`, `75.0`, `1:15`, `0:01:15` are seventy-five seconds. An invalid value is None and adds a flag."""
    if not value:
        return None
    total = None
    if value.isascii() and value.isdigit() and len(value) < 8:
        total = int(value)
    elif match := _PLAIN_SECONDS.fullmatch(value):
        total = int(match[1])
    elif match := _COLON_SECONDS.fullmatch(value):
        total = int(match[1] or 0) * 3600 + int(match[2]) * 60 + int(match[3])
    if total is None or total > MAX_SECONDS:
        flags.append(BAD_SECONDS)
        return None
    return total


_YEAR_FIRST = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_DAY_FIRST = re.compile(r"([0-9]{1,2})([-/])([0-9]{1,2})\2([0-9]{4})")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?")
_ISO_MOMENT = re.compile(r"([^T ]+)[T ]+([0-9:.]+)\s*(Z|[+-][0-9]{2}:?[0-9]{2})?", re.IGNORECASE)


def parse_moment(date: str, time: str, *, zone: ZoneInfo) -> dt.datetime:
    """The moment in UTC. Raises Rejected for an invalid date or time. Never accepts month-first dates."""
    offset = ""
    if iso := _ISO_MOMENT.fullmatch(date):
        date, offset = iso[1], (iso[3] or "").upper()
        time = iso[2] if offset or not time else time
    day = _parse_date(date)
    hour, minute, second = _parse_time(time)
    local = dt.datetime(
        day.year, day.month, day.day, hour, minute, second, tzinfo=_parse_offset(offset) or zone
    )
    return local.astimezone(dt.UTC)


@lru_cache(maxsize=64)
def _parse_date(value: str) -> dt.date:
    if match := _YEAR_FIRST.fullmatch(value):
        year, month, day = int(match[1]), int(match[2]), int(match[3])
    elif match := _DAY_FIRST.fullmatch(value):
        year, month, day = int(match[4]), int(match[3]), int(match[1])
    else:
        raise Rejected("no date" if not value else "not a date", "date")
    try:
        date = dt.date(year, month, day)
    except ValueError:
        date = None
    if date is None or not EARLIEST_YEAR <= year <= LATEST_YEAR:
        raise Rejected("not a date", "date")
    return date


def _parse_time(value: str) -> tuple[int, int, int]:
    match = _TIME.fullmatch(value)
    if not match:
        raise Rejected("no time" if not value else "not a time", "time")
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise Rejected("not a time", "time")
    return hour, minute, second


def _parse_offset(text: str) -> dt.timezone | None:
    if not text:
        return None
    if text == "Z":
        return dt.UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 14 or minutes > 59:
        raise Rejected("not a time", "date")
    shift = dt.timedelta(hours=hours, minutes=minutes)
    return dt.timezone(-shift if text[0] == "-" else shift)


def _map_status(raw_status: str, flags: list[str]) -> str:
    status = _find_status(raw_status) if raw_status else OTHER
    if status is None:
        flags.append(UNKNOWN_STATUS)
    return status or OTHER


@lru_cache(maxsize=256)
def _find_status(raw_status: str) -> str | None:
    return STATUSES.get(normalise_name(raw_status).upper().replace("-", ""))


def _choose_call_id(
    given: str, caller: str, started_at: dt.datetime, virtual_number: str, flags: list[str]
) -> str:
    if len(given) > MAX_ID:
        raise Rejected("the call's id is too long", "call_id")
    if given:
        return given
    if not caller:
        raise Rejected("no call id, and no caller to derive one from", "call_id")
    flags.append(ID_DERIVED)
    source = "|".join([caller, started_at.isoformat(), virtual_number])
    return "derived-" + hashlib.sha256(source.encode()).hexdigest()[:32]
