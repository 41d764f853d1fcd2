"""A push as it came, understood: raw bytes in, a `ParsedCall` out, or `Rejected`. Plain Python.

The provider documents no encoding, so that a value may be interpolated as it is: `state=Jammu & Kashmir`,
`callnumber=+9198…`, a recording's URL with its own `?a=1&b=2`. The query is therefore read from left to right
and a piece without a known key belongs to the value before it.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes
from zoneinfo import ZoneInfo

from calllogs.provider_fields import (
    BLANKS,
    FIELD_NAMES,
    FIELD_OF_KEY,
    KEY_PARAMETER,
    OTHER,
    STATUSES,
    normal_key,
)
from ivrportal.common.phone import to_e164

MAX_ID, MAX_TEXT, MAX_URL = 128, 100, 2000
MAX_SECONDS = 7 * 24 * 3600  # a week: no call is longer
EARLIEST, LATEST = 2000, 2100  # years
SHORT = 64  # bytes of a value that is worth remembering

# Remarks on a push that was understood.
REPEATED_KEY = "repeated_key"
BAD_ENCODING = "bad_encoding"
CONTROL_SIGNS = "control_signs"
ID_DERIVED = "id_derived"
TRUNCATED = "truncated"
BAD_SECONDS = "bad_seconds"
UNKNOWN_STATUS = "unknown_status"
MENDED = "mended"


class Rejected(Exception):
    """A push that cannot become a call: why, and which field is to be mended. Holds no value."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.reason, self.field = reason, field


class ParsedCall(NamedTuple):
    """One call as one push tells it. Texts are empty and seconds None where the push is silent."""

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


def parse(raw: bytes, *, zone: ZoneInfo, mends: Mapping[str, str] | None = None) -> ParsedCall:
    """Understand one push: its query, or its form. Raises Rejected.

    `mends`: values, by our names of the fields, that a person put in the place of what came.
    """
    values, flags = fields(raw)
    if mends:
        values |= mends
        flags.append(MENDED)
    for name, value in values.items():
        if value[:1] in "xX<{" and is_placeholder(value):
            raise Rejected("template not filled in", name)
    started_at = moment(values.get("date", ""), values.get("time", ""), zone=zone)
    caller = number(values.get("caller", ""), flags)
    virtual_number = number(values.get("virtual_number", ""), flags)
    raw_status = text(values.get("status", ""), flags)
    return ParsedCall(
        call_id=_call_id(values.get("call_id", ""), caller, started_at, virtual_number, flags),
        caller=caller,
        started_at=started_at,
        agent_number=number(values.get("agent_number", ""), flags),
        ivr_seconds=seconds(values.get("ivr_seconds", ""), flags),
        talk_seconds=seconds(values.get("talk_seconds", ""), flags),
        status=_status(raw_status, flags),
        raw_status=raw_status,
        circle=text(values.get("circle", ""), flags),
        virtual_number=virtual_number,
        department=text(values.get("department", ""), flags),
        recording_url=text(values.get("recording_url", ""), flags, longest=MAX_URL),
        call_type=text(values.get("call_type", ""), flags),
        flags=tuple(dict.fromkeys(flags)) if flags else (),
    )


# --- from bytes to named values --------------------------------------------------------------------------


def fields(raw: bytes) -> tuple[dict[str, str], list[str]]:
    """`{our field: value}` with blanks left out, and the remarks. The first non-empty value wins."""
    tidy = _tidy(raw)
    if tidy is not None:
        return tidy, []
    return _untidy(raw)


def _tidy(raw: bytes) -> dict[str, str] | None:
    """All values of a push in which nothing is to be doubted or remarked, as most are; None of any other.

    Decoded as a whole, which takes half the time of doing it value by value: where no `&` and no `=` is encoded, the
    pieces are the same.
    """
    if b"+" in raw or b"://" in raw or b"%26" in raw or b"%3D" in raw or b"%3d" in raw:
        return None
    decoded = unquote_to_bytes(raw) if b"%" in raw else raw
    if not decoded.isascii() or not (text := decoded.decode()).isprintable():
        return None
    if " &" in text or "= " in text or text[-1:] == " ":
        return None  # a value to be trimmed; no other white space is printable ASCII
    values: dict[str, str] = {}
    for piece in text.split("&"):
        name, equals, value = piece.partition("=")
        field = _FIELD_OF_NAME.get(name)
        if not field or not equals:
            return None
        if value[:1] in _FIRST_OF_BLANKS and value.casefold() in BLANKS:
            continue
        if field in values:
            return None
        values[field] = value
    return values


# With the empty text, which stands before any other.
_FIRST_OF_BLANKS = frozenset(sign for blank in BLANKS for sign in (blank[:1], blank[:1].upper()))
# As a sender who follows the provider's document writes them.
_FIELD_OF_NAME = {name: field for field, names in FIELD_NAMES.items() for name in names}


def _untidy(raw: bytes) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    flags: list[str] = []
    for field, piece in _pieces(raw):
        if not piece:
            continue
        read = _decoded if len(piece) < SHORT else _decoded.__wrapped__
        value, remarks = read(piece, field == "recording_url")
        flags += remarks
        if value.casefold() in BLANKS:
            continue
        if field in values:
            if values[field] != value:
                flags.append(REPEATED_KEY)
            continue
        values[field] = value
    return values, flags


def _pieces(raw: bytes) -> list[tuple[str, bytes]]:
    """The raw value of every known key, with the pieces that were cut off it by an unencoded `&`."""
    found: list[tuple[str, bytes]] = []
    current = ""  # the known field that a stray piece belongs to
    for piece in raw.split(b"&"):
        key, equals, value = piece.partition(b"=")
        name = _key_name(key) if equals else ""
        field = FIELD_OF_KEY.get(name)
        if field:
            found.append((field, value))
            current = field
        elif name == KEY_PARAMETER and not _inside_url(current, found):
            current = ""
        elif current and (not equals or _inside_url(current, found)):
            found[-1] = (current, found[-1][1] + b"&" + piece)
        else:
            current = ""  # an unknown parameter: what follows without a key belongs to it, not to us
    return found


@lru_cache(maxsize=1024)
def _key_name(key: bytes) -> str:
    """The key as our vocabulary writes it. Senders use a dozen, again and again; what is long is none of them."""
    if len(key) >= 100:
        return ""
    return normal_key(unquote_to_bytes(key.replace(b"+", b" ")).decode("utf-8", "replace"))


def _inside_url(current: str, found: list[tuple[str, bytes]]) -> bool:
    """Is the value so far an unencoded URL whose own parameters have begun?"""
    return current == "recording_url" and b"://" in found[-1][1] and b"?" in found[-1][1]


@lru_cache(maxsize=2048)
def _decoded(value: bytes, is_url: bool) -> tuple[str, tuple[str, ...]]:
    """The text of a value, and the remarks on it. Kept, because agents and departments come again and again."""
    flags: tuple[str, ...] = ()
    if is_url and b"://" in value and (b"?" in value or b"%3f" not in value.lower()):
        # Not encoded, so nothing to decode: a %20 in it is the URL's own.
        data = value
    elif b"%" in value or b"+" in value:
        data = unquote_to_bytes(value.replace(b"+", b" "))
    else:
        data = value
    try:
        decoded = data.decode("utf-8")
    except UnicodeDecodeError:
        decoded = data.decode("utf-8", "replace")
        flags += (BAD_ENCODING,)
    if not decoded.isprintable():
        cleaned = "".join(
            sign if sign.isprintable() else (" " if sign in "\t\r\n" else "") for sign in decoded
        )
        if cleaned != decoded:
            flags += (CONTROL_SIGNS,)
        decoded = cleaned
    # A leading space before digits is a plus that was not encoded; number() wants to see it.
    if decoded[:1] == " " and _AFTER_A_LOST_PLUS.fullmatch(decoded):
        return "+" + decoded.strip(), flags
    return decoded.strip(), flags


_AFTER_A_LOST_PLUS = re.compile(r" +[0-9]{8,}\s*")


# --- from values to meaning ------------------------------------------------------------------------------

_PLACEHOLDER = re.compile(r"[xX]{3,}|<[^<>]*>|\{.*\}", re.DOTALL)


def is_placeholder(value: str) -> bool:
    """A template's word that nobody filled in: `XXXX`, `<callnumber>`, `{date}`."""
    return _PLACEHOLDER.fullmatch(value) is not None


def text(value: str, flags: list[str], *, longest: int = MAX_TEXT) -> str:
    if len(value) > longest:
        flags.append(TRUNCATED)
        return value[:longest].rstrip()
    return value


def number(value: str, flags: list[str]) -> str:
    """E.164 where it can be, as received otherwise."""
    return (to_e164(value) if len(value) < 40 else None) or text(value, flags, longest=40)


_CLOCKED = re.compile(r"(?:([0-9]{1,3}):)?([0-9]{1,3}):([0-9]{1,2})")
_PLAIN = re.compile(r"([0-9]{1,7})(?:\.0+)?")


def seconds(value: str, flags: list[str]) -> int | None:
    """`75`, `75.0`, `1:15`, `0:01:15` are seventy-five seconds. What is no duration is None, and remarked."""
    if not value:
        return None
    total = None
    if value.isascii() and value.isdigit() and len(value) < 8:
        total = int(value)
    elif match := _PLAIN.fullmatch(value):
        total = int(match[1])
    elif match := _CLOCKED.fullmatch(value):
        total = int(match[1] or 0) * 3600 + int(match[2]) * 60 + int(match[3])
    if total is None or total > MAX_SECONDS:
        flags.append(BAD_SECONDS)
        return None
    return total


_YEAR_FIRST = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_DAY_FIRST = re.compile(r"([0-9]{1,2})([-/])([0-9]{1,2})\2([0-9]{4})")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?")
_ISO = re.compile(r"([^T ]+)[T ]+([0-9:.]+)\s*(Z|[+-][0-9]{2}:?[0-9]{2})?", re.IGNORECASE)


def moment(date: str, time: str, *, zone: ZoneInfo) -> dt.datetime:
    """The moment in UTC. Raises Rejected for what is no date or no time; never reads a month first."""
    offset = ""
    if iso := _ISO.fullmatch(date):
        date, offset = iso[1], (iso[3] or "").upper()
        time = iso[2] if offset or not time else time
    day = _date(date)
    hour, minute, second = _time(time)
    local = dt.datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=_offset(offset) or zone)
    return local.astimezone(dt.UTC)


@lru_cache(maxsize=64)
def _date(value: str) -> dt.date:
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
    if date is None or not EARLIEST <= year <= LATEST:
        raise Rejected("not a date", "date")
    return date


def _time(value: str) -> tuple[int, int, int]:
    match = _TIME.fullmatch(value)
    if not match:
        raise Rejected("no time" if not value else "not a time", "time")
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise Rejected("not a time", "time")
    return hour, minute, second


def _offset(text: str) -> dt.timezone | None:
    if not text:
        return None
    if text == "Z":
        return dt.UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 14 or minutes > 59:
        raise Rejected("not a time", "date")
    shift = dt.timedelta(hours=hours, minutes=minutes)
    return dt.timezone(-shift if text[0] == "-" else shift)


def _status(raw_status: str, flags: list[str]) -> str:
    status = _known_status(raw_status) if raw_status else OTHER
    if status is None:
        flags.append(UNKNOWN_STATUS)
    return status or OTHER


@lru_cache(maxsize=256)
def _known_status(raw_status: str) -> str | None:
    return STATUSES.get(normal_key(raw_status).upper().replace("-", ""))


def _call_id(given: str, caller: str, started_at: dt.datetime, virtual_number: str, flags: list[str]) -> str:
    if len(given) > MAX_ID:
        raise Rejected("the call's id is too long", "call_id")
    if given:
        return given
    if not caller:
        raise Rejected("no call id, and no caller to derive one from", "call_id")
    flags.append(ID_DERIVED)
    facts = "|".join([caller, started_at.isoformat(), virtual_number])
    return "derived-" + hashlib.sha256(facts.encode()).hexdigest()[:32]
