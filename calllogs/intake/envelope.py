"""A push at the door: as it came (`Received`), and what was understood of it (`Arrival`)."""

import datetime as dt
import json
import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote_from_bytes
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from calllogs.intake import parser
from calllogs.intake.parser import ParsedCall
from ivrportal.common.ids import new_id_in_time

logger = logging.getLogger(__name__)

_READABLE = bytes(range(0x20, 0x7F)).decode()


class RawPush(NamedTuple):
    """A push as it came: `raw_query` is what was sent, without the push key, in printable ASCII."""

    uid: str
    received_at: dt.datetime
    remote_addr: str
    raw_query: str


class ParsedPush(NamedTuple):
    """`call` is None where the push could not be used; then `reason` and `field` say why."""

    uid: str
    received_at: dt.datetime
    remote_addr: str
    raw_query: str
    call: ParsedCall | None
    reason: str = ""
    field: str = ""


def receive(raw: bytes, address: str) -> RawPush:
    """A push that comes now, with the id under which it is stored once. Who stores it reads what it says."""
    return RawPush(new_id_in_time(), timezone.now(), address, as_text(raw))


def parse_push(push: RawPush, *, mends: Mapping[str, str] | None = None) -> ParsedPush:
    """Never raises for anything that a sender can write: what cannot be used is an arrival that says why."""
    try:
        call = parser.parse(as_bytes(push.raw_query), zone=_zone(settings.PORTAL_TIME_ZONE), mends=mends)
    except parser.Rejected as error:
        return ParsedPush(*push, None, error.reason, error.field)
    except Exception as error:
        # A mistake of ours costs this push its call, and no other push anything; it is replayed when that is mended.
        logger.error("a push could not be read (%s)", type(error).__name__)
        return ParsedPush(*push, None, "could not be read")
    return ParsedPush(*push, call)


def as_text(raw: bytes) -> str:
    """The raw query in printable ASCII: any other byte is percent-encoded, which means the same to the parser."""
    if raw.isascii() and (text := raw.decode()).isprintable():
        return text
    return quote_from_bytes(raw, safe=_READABLE)


def as_bytes(raw_query: str) -> bytes:
    return raw_query.encode("ascii", "replace")


def to_spool_record(push: RawPush) -> bytes:
    """The push for the spool; it is understood when it is drained."""
    return json.dumps([push.uid, push.received_at.isoformat(), push.remote_addr, push.raw_query]).encode()


def from_spool_record(record: bytes) -> ParsedPush:
    uid, received_at, address, raw_query = json.loads(record)
    return parse_push(RawPush(uid, dt.datetime.fromisoformat(received_at), address, raw_query))


@lru_cache(maxsize=4)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
