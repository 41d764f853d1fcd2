"""What a person types to find a call: a number in any spelling, its beginning, its last digits, or a call id."""

import re

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Reverse, Right
from django.db.models.lookups import Exact, StartsWith

from calllogs.models import CallLog
from settings_sync.phone import to_e164

LONGEST = 128  # as long as a call id
_SEPARATORS = re.compile(r"[\s().\-/\u00a0\u2011]+")
_DIGITS = re.compile(r"\+?[0-9]+")
_COUNTRY = "+91"


def condition(text: str, *, by_index: bool = False) -> Q:
    """Calls whose caller is, begins with or ends in this number, and the call with this id.

    `by_index`: among all calls, not among some that are looked at anyway.
    """
    compact = _SEPARATORS.sub("", text)
    wanted = Q(call_id=text)
    if number := to_e164(text):
        return wanted | Q(caller__in=sorted({number, compact}))
    if not _DIGITS.fullmatch(compact):
        return wanted | _begins(text)
    for beginning in sorted(_beginnings(compact)):
        wanted |= _begins(beginning)
    return wanted if compact[0] in "+0" else wanted | _ends(compact, by_index=by_index)


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


def _ends(digits: str, *, by_index: bool) -> Q:
    if connection.vendor != "sqlite":
        return Q(StartsWith(Reverse("caller"), digits[::-1]))
    ends = Q(Exact(Right("caller", len(digits)), digits))  # an index of it would need a function of Python's
    return Q(pk__in=CallLog.objects.filter(ends).order_by().values("pk")) if by_index else ends
