"""What a person types to find a call: a number in any spelling, its beginning, its last digits, or a call id."""

import re

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Reverse

from calllogs.models import CallLog
from settings_sync.phone import to_e164

LONGEST = 128  # as long as a call id
_SEPARATORS = re.compile(r"[\s().\-/\u00a0\u2011]+")
_DIGITS = re.compile(r"\+?[0-9]+")
_COUNTRY = "+91"


def search(calls: QuerySet[CallLog], text: str) -> QuerySet[CallLog]:
    """The calls whose caller is, begins with or ends in this number, and the call with this id."""
    compact = _SEPARATORS.sub("", text)
    wanted = Q(call_id=text)
    if number := to_e164(text):
        return calls.filter(wanted | Q(caller__in={number, compact}))
    if not _DIGITS.fullmatch(compact):
        return calls.filter(wanted | _begins(text))
    for beginning in sorted(_beginnings(compact)):
        wanted |= _begins(beginning)
    if compact[0] in "+0":
        return calls.filter(wanted)
    if connection.vendor == "sqlite":  # it cannot turn a text round; it reads the callers' index through
        return calls.filter(wanted | Q(caller__endswith=compact))
    return calls.alias(caller_reversed=Reverse("caller")).filter(
        wanted | Q(caller_reversed__startswith=compact[::-1])
    )


def _beginnings(compact: str) -> set[str]:
    """How numbers are kept that a person would say begin so: `098`, `98` and `+9198` are the same beginning."""
    if compact[0] == "+":
        return {compact}
    if compact.startswith("00"):
        return {compact, "+" + compact[2:]}
    if compact[0] == "0":
        return {compact, _COUNTRY + compact[1:]}
    return {compact, _COUNTRY + compact, "+" + compact}


def _begins(text: str) -> Q:
    if connection.vendor == "sqlite":  # its LIKE uses no index; its texts are compared byte by byte
        return Q(caller__gte=text, caller__lt=text + "\U0010ffff")
    return Q(caller__startswith=text)
