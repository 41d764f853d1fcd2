"""What a person types to find a call: a number in any spelling, its beginning, its last digits, or a call id.

Who does not see whole numbers finds by what is seen of them, and by nothing else: the answer of every such search is
one that looking through the list would have given as well.
"""

import re
from typing import NamedTuple

from django.db import connection
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Length, Replace, Reverse, Right, StrIndex, Substr
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, StartsWith

from calllogs.access import redaction
from calllogs.models import CallLog
from ivrportal.common.phone import mask_partially, to_e164

LONGEST = 128  # as long as a call id
_SEPARATORS = re.compile(r"[\s().\-/\u00a0\u2011]+")
_DIGITS = re.compile(r"\+?[0-9]+")
_COUNTRY = "+91"
_LENGTH = Length("caller")


def condition(text: str, *, by_index: bool = False, hides_numbers: bool = False) -> Q:
    """Calls whose caller is, begins with or ends in this number, and the call with this id.

    `by_index`: among all calls, not among some that are looked at anyway. `hides_numbers`: for a person who does not
    see whole numbers.
    """
    if hides_numbers or DOT in text:
        wanted = _by_seen_id(text) if hides_numbers else Q(call_id=text)
        callers = match_masks(masks(text), by_index=by_index)
        return wanted if callers is None else wanted | callers
    compact = _SEPARATORS.sub("", text)
    wanted = Q(call_id=text)
    if number := to_e164(text):
        return wanted | Q(caller__in=sorted({number, compact}))
    if not _DIGITS.fullmatch(compact):
        return wanted | _begins(text)
    for beginning in sorted(_beginnings(compact)):
        wanted |= _begins(beginning)
    return wanted if compact[0] == "+" else wanted | _ends(compact, by_index=by_index)


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


# --- by what is seen of a number -------------------------------------------------------------------------

DOT, OR = "•", "|"
_SEEN = re.compile(rf"(\+[0-9]?|[0-9]{{0,2}})({DOT}+)([0-9]{{0,3}})")
_WHOLE_FROM = 3  # dots; fewer stand for any number of digits
_MOBILE_SIGNS, _MOBILE_DIGITS = 13, 10
_IS_MOBILE = Q(caller__startswith=_COUNTRY) & Q(Exact(_LENGTH, _MOBILE_SIGNS))
# The caller's digits as `hiding.digits_of` has them.
_DIGITS_OF_CALLER = Case(
    When(caller__startswith=_COUNTRY, then=Substr("caller", 4)),
    default=Replace(F("caller"), Value("+"), Value("")),
)


class NumberMask(NamedTuple):
    """Of `98••• ••210`: its first signs, its last digits, and how many signs it has in all (0: any number)."""

    first: str
    last: str
    length: int = 0


def masks(text: str) -> list[NumberMask]:
    """How the numbers look that are meant, each of them enough; what would say more is shortened.

    `98••• ••210` is one look, `98•` and `•210` are beginnings and endings, and `|` stands between several.
    """
    if DOT in text:
        seen = (_SEEN.fullmatch(_SEPARATORS.sub("", part)) for part in text.split(OR))
        found = [
            NumberMask(match[1], match[3], len(match[0]) if len(match[2]) >= _WHOLE_FROM else 0)
            for match in seen
            if match
        ]
        return [look for look in found if look.first or look.last]
    if number := to_e164(text):
        return masks(mask_partially(number))
    compact = _SEPARATORS.sub("", text)
    if not _DIGITS.fullmatch(compact):
        return []
    if compact[0] == "+":
        rest = compact.removeprefix(_COUNTRY)
        return [NumberMask(rest[:2], "")] if rest else []
    if len(compact) == 3:  # so many digits are seen at the end only
        return [NumberMask("", compact)]
    trunk = [NumberMask(compact[1:3], "")] if compact[0] == "0" and len(compact) > 1 else []
    return [NumberMask(compact[:2], ""), *trunk, NumberMask("", compact[-3:])]


def shortened(text: str) -> str:
    """The same search with no more of a number than is seen of it: for whoever reads what others looked for."""
    if DOT in text:
        return text
    if number := to_e164(text):
        return mask_partially(number)
    found = masks(text)
    return OR.join(f"{look.first}{DOT}{look.last}" for look in found) if found else redaction.in_text(text)


def match_masks(found: list[NumberMask], *, by_index: bool = False) -> Q | None:
    """For anything with a `caller`: those that look so. None if nobody can."""
    wanted = None
    for condition in (each for look in found for each in _of_look(look, by_index=by_index)):
        wanted = condition if wanted is None else wanted | condition
    return wanted


def _of_look(look: NumberMask, *, by_index: bool) -> list[Q]:
    """A mobile shows its ends without the country's code, a short number its last two digits only (`half_hidden`)."""
    first, last, length = look
    ends = _ends(last, by_index=by_index) if last else Q()
    found = []
    if length in (0, _MOBILE_DIGITS):
        found.append(_begins(_COUNTRY + first) & Q(Exact(_LENGTH, _MOBILE_SIGNS)) & ends)
    if length == 0 or length >= 10:
        is_long = Q(Exact(_LENGTH, length)) if length else Q(GreaterThanOrEqual(_LENGTH, 10))
        found.append((_begins(first) if first else Q()) & is_long & ~_IS_MOBILE & ends)
    if not first and len(last) <= 2 and (length == 0 or 3 < length < 10):
        # Four signs look as five do.
        lengths = {length, 4} if length == 5 else {length} if length else set(range(4, 10))
        found.append(_is_one_of(lengths) & ends)
    return found


def _is_one_of(lengths: set[int]) -> Q:
    wanted = Q()
    for length in sorted(lengths):
        wanted |= Q(Exact(_LENGTH, length))
    return wanted


def _by_seen_id(text: str) -> Q:
    """By an id that is seen whole: in others, trying would find the caller's hidden digits."""
    if text.startswith(redaction.DERIVED):
        return Q(pk=0)
    is_long = Q(GreaterThanOrEqual(Length(_DIGITS_OF_CALLER), redaction.SHORTEST_IN_ID))
    is_inside = Q(GreaterThan(StrIndex(F("call_id"), _DIGITS_OF_CALLER), 0))
    return Q(call_id=text) & ~(is_long & is_inside)
