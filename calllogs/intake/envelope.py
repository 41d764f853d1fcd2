"""One push in memory: `RawPush` is what was sent, `ParsedPush` is what the parser made of it."""

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
from ivrportal.common.ids import new_sortable_id

logger = logging.getLogger(__name__)

_PRINTABLE_ASCII = bytes(range(0x20, 0x7F)).decode()


class RawPush(NamedTuple):
    """A push as received. `raw_query` is the query or form without the push key, in printable ASCII."""

    uid: str
    received_at: dt.datetime
    remote_addr: str
    raw_query: str


class ParsedPush(NamedTuple):
    """A push after parsing. If it is unusable, `call` is None and `reason` and `field` say why."""

    uid: str
    received_at: dt.datetime
    remote_addr: str
    raw_query: str
    call: ParsedCall | None
    reason: str = ""
    field: str = ""


def receive(raw: bytes, address: str) -> RawPush:
    """Wrap the bytes of a new push. Its `uid` makes storing it idempotent. It is parsed later, when it is stored."""
    return RawPush(new_sortable_id(), timezone.now(), address, to_printable_ascii(raw))


def parse_push(push: RawPush, *, corrections: Mapping[str, str] | None = None) -> ParsedPush:
    """Parse a push. Never raises for anything that a sender can write; an unusable push has `call=None`."""
    try:
        call = parser.parse(
            to_bytes(push.raw_query), zone=_load_zone(settings.PORTAL_TIME_ZONE), corrections=corrections
        )
    except parser.Rejected as error:
        return ParsedPush(*push, None, error.reason, error.field)
    except Exception as error:
        # A bug in the parser must not affect the other pushes of the batch. This one can be replayed after the fix.
        logger.error("a push could not be read (%s)", type(error).__name__)
        return ParsedPush(*push, None, "could not be read")
    return ParsedPush(*push, call)


def to_printable_ascii(raw: bytes) -> str:
    """The raw query in printable ASCII. Other bytes are percent-encoded, which the parser treats the same."""
    if raw.isascii() and (text := raw.decode()).isprintable():
        return text
    return quote_from_bytes(raw, safe=_PRINTABLE_ASCII)


def to_bytes(raw_query: str) -> bytes:
    return raw_query.encode("ascii", "replace")


def to_spool_record(push: RawPush) -> bytes:
    """Serialise a push for the spool. It is parsed when it is drained."""
    return json.dumps([push.uid, push.received_at.isoformat(), push.remote_addr, push.raw_query]).encode()


def from_spool_record(record: bytes) -> ParsedPush:
    uid, received_at, address, raw_query = json.loads(record)
    return parse_push(RawPush(uid, dt.datetime.fromisoformat(received_at), address, raw_query))


@lru_cache(maxsize=4)
def _load_zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
