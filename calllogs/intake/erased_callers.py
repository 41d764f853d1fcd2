"""Recognises pushes about erased callers.

An erasure leaves the calls under hashed ids and a keyed digest of the number. Both identify a late push about the same
caller. A push received after the erasure is new data and is kept.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Iterable, Sequence

from django.conf import settings

from calllogs.intake import parser, query_fields
from calllogs.intake.envelope import ParsedPush, to_bytes
from calllogs.models import CallLog, Erasure
from ivrportal.audit.audit_log import caller_digests

ERASED_PREFIX = "erased-"


def erased_call_id(call_id: str) -> str:
    """The id of a call after its erasure, hashed with SECRET_KEY. An erased id is returned unchanged."""
    return call_id if call_id.startswith(ERASED_PREFIX) else _hash_call_id(call_id, settings.SECRET_KEY)


def find_erased_calls(call_ids: Iterable[str]) -> set[str]:
    """The ids whose calls were erased, under SECRET_KEY or one of its fallbacks. One query."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    call_id_by_hash = {_hash_call_id(call_id, secret): call_id for call_id in call_ids for secret in secrets}
    erased_ids = CallLog.objects.filter(call_id__in=call_id_by_hash).values_list("call_id", flat=True)
    return {call_id_by_hash[found] for found in erased_ids}


class ErasedCallers:
    """The callers erased so far, loaded by one query. False if there are none."""

    def __init__(self) -> None:
        self._erased_at: dict[str, dt.datetime] = {}
        for digest, asked_at in Erasure.objects.order_by("asked_at").values_list("digest", "asked_at"):
            self._erased_at[digest] = asked_at

    def __bool__(self) -> bool:
        return bool(self._erased_at)

    def was_received_before_erasure(self, number: str, received_at: dt.datetime) -> bool:
        """True if a push about this number was received before its caller was erased."""
        erasures = (self._erased_at.get(digest) for digest in caller_digests(number))
        return any(moment is not None and received_at <= moment for moment in erasures)


def drop_erased(pushes: Sequence[ParsedPush]) -> list[ParsedPush]:
    """The pushes without those about an erased call, and those received before their caller was erased.

    For pushes from the spool and the inbox. One query if no caller was ever erased, otherwise two.
    """
    erased = ErasedCallers()
    if not erased:
        return list(pushes)
    ids = find_erased_calls(push.call.call_id for push in pushes if push.call)
    return [
        push
        for push in pushes
        if not (push.call and push.call.call_id in ids)
        and not erased.was_received_before_erasure(_find_caller(push), push.received_at)
    ]


def _find_caller(push: ParsedPush) -> str:
    """The caller's number, also of an unusable push."""
    if push.call:
        return push.call.caller
    values, flags = query_fields.parse_fields(to_bytes(push.raw_query))
    return parser.normalise_number(values.get("caller", ""), flags)


def _hash_call_id(call_id: str, secret: str) -> str:
    key = hashlib.sha256(f"erased call {secret}".encode()).digest()
    return ERASED_PREFIX + hmac.new(key, call_id.encode(), hashlib.sha256).hexdigest()[:40]
