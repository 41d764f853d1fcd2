"""What stays of an erased caller: calls under ids that nobody can read back, and a keyed digest of the number.

By both a late word of the provider about the same person is known. What comes new after the erasure is new data, and
kept.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Iterable, Sequence

from django.conf import settings

from calllogs.intake import parser
from calllogs.intake.envelope import ParsedPush, as_bytes
from calllogs.models import CallLog, Erasure
from ivrportal.audit.audit_log import digests_of

PREFIX = "erased-"


def id_of(call_id: str) -> str:
    """What an erased call is called. By today's secret key; what is erased already stays as it is."""
    return call_id if call_id.startswith(PREFIX) else _id(call_id, settings.SECRET_KEY)


def erased_among(call_ids: Iterable[str]) -> set[str]:
    """Those of the ids that are of erased calls, by today's secret key or those before it. One query."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    origin = {_id(call_id, secret): call_id for call_id in call_ids for secret in secrets}
    known = CallLog.objects.filter(call_id__in=origin).values_list("call_id", flat=True)
    return {origin[found] for found in known}


class Erased:
    """The erased of this moment. Read once for a batch; without any, nothing else is asked or worked out."""

    def __init__(self) -> None:
        self._until: dict[str, dt.datetime] = {}
        for digest, asked_at in Erasure.objects.order_by("asked_at").values_list("digest", "asked_at"):
            self._until[digest] = asked_at

    def __bool__(self) -> bool:
        return bool(self._until)

    def came_before(self, number: str, received_at: dt.datetime) -> bool:
        """Was this received before its caller was erased?"""
        moments = (self._until.get(digest) for digest in digests_of(number))
        return any(moment is not None and received_at <= moment for moment in moments)


def without_erased(arrivals: Sequence[ParsedPush]) -> list[ParsedPush]:
    """Those that are not about an erased call, or of an erased caller and from before the erasure.

    For pushes out of the spool and the inbox. One query where nobody was ever erased, else two.
    """
    erased = Erased()
    if not erased:
        return list(arrivals)
    ids = erased_among(arrival.call.call_id for arrival in arrivals if arrival.call)
    return [
        arrival
        for arrival in arrivals
        if not (arrival.call and arrival.call.call_id in ids)
        and not erased.came_before(_caller_of(arrival), arrival.received_at)
    ]


def _caller_of(arrival: ParsedPush) -> str:
    """Also of one that could not be used."""
    if arrival.call:
        return arrival.call.caller
    values, flags = parser.fields(as_bytes(arrival.raw_query))
    return parser.number(values.get("caller", ""), flags)


def _id(call_id: str, secret: str) -> str:
    key = hashlib.sha256(f"erased call {secret}".encode()).digest()
    return PREFIX + hmac.new(key, call_id.encode(), hashlib.sha256).hexdigest()[:40]
