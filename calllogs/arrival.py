"""A push with a good key, at the door: as it came, and what was understood of it."""

import datetime as dt
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote_from_bytes
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from calllogs import parsing
from calllogs.parsing import ParsedCall

_READABLE = bytes(range(0x20, 0x7F)).decode()


@dataclass(frozen=True, slots=True)
class Arrival:
    """`call` is None where the push could not be used; then `reason` and `field` say why."""

    uid: str
    received_at: dt.datetime
    remote_addr: str
    raw_query: str
    call: ParsedCall | None
    reason: str = ""
    field: str = ""


def arrive(raw: bytes, address: str) -> Arrival:
    """Understand a push that comes now, and give it the id under which it is stored once."""
    return understood(_new_uid(), timezone.now(), address, raw)


def _new_uid() -> str:
    """Thirty-two hexadecimal digits, the moment first: neighbours in time are neighbours in the index."""
    return f"{time.time_ns() // 1000:016x}{os.urandom(8).hex()}"


def understood(
    uid: str, received_at: dt.datetime, address: str, raw: bytes, *, mends: Mapping[str, str] | None = None
) -> Arrival:
    try:
        call = parsing.parse(raw, zone=_zone(settings.PORTAL_TIME_ZONE), mends=mends)
    except parsing.Rejected as error:
        return Arrival(uid, received_at, address, as_text(raw), None, error.reason, error.field)
    return Arrival(uid, received_at, address, as_text(raw), call)


def as_text(raw: bytes) -> str:
    """The raw query in printable ASCII: any other byte is percent-encoded, which means the same to the parser."""
    if raw.isascii() and raw.decode().isprintable():
        return raw.decode()
    return quote_from_bytes(raw, safe=_READABLE)


def as_bytes(raw_query: str) -> bytes:
    return raw_query.encode("ascii", "replace")


def packed(arrival: Arrival) -> bytes:
    """The arrival for the spool. What was understood is left out: it is understood again when it is drained."""
    return json.dumps(
        [arrival.uid, arrival.received_at.isoformat(), arrival.remote_addr, arrival.raw_query]
    ).encode()


def unpacked(record: bytes) -> Arrival:
    uid, received_at, address, raw_query = json.loads(record)
    return understood(uid, dt.datetime.fromisoformat(received_at), address, as_bytes(raw_query))


@lru_cache(maxsize=4)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
