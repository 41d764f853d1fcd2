"""Search for calls by a number in any spelling, its beginning, its last digits, or a call id.

A user who may not see whole numbers can search only by the visible digits, so a search reveals no more than the list
does.
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

LONGEST_SEARCH = 128  # as long as a call id
_SEPARATORS = re.compile(r"[\s().\-/\u00a0\u2011]+")
_DIGITS = re.compile(r"\+?[0-9]+")
_COUNTRY = "+91"
_LENGTH = Length("caller")


def condition(text: str, *, by_index: bool = False, hides_numbers: bool = False) -> Q:
    """Calls whose caller is, starts with or ends in this number, and the call with this id.

    `by_index`: search all calls through indexes instead of filtering calls that are scanned anyway. `hides_numbers`:
    for a user who may not see whole numbers.
    """
    if hides_numbers or DOT in text:
        matches = _visible_id_condition(text) if hides_numbers else Q(call_id=text)
        callers = match_masks(parse_masks(text), by_index=by_index)
        return matches if callers is None else matches | callers
    compact = _SEPARATORS.sub("", text)
    matches = Q(call_id=text)
    if number := to_e164(text):
        return matches | Q(caller__in=sorted({number, compact}))
    if not _DIGITS.fullmatch(compact):
        return matches | _starts_with(text)
    for beginning in sorted(_stored_prefixes(compact)):
        matches |= _starts_with(beginning)
    return matches if compact[0] == "+" else matches | _ends_with(compact, by_index=by_index)


def _stored_prefixes(compact: str) -> set[str]:
    """Stored forms of a typed beginning: `098`, `98` and `+9198` mean the same."""
    if compact[0] == "+":
        return {compact}
    if compact.startswith("00"):
        return {compact, "+" + compact[2:]}
    if compact[0] == "0":
        return {compact, _COUNTRY + compact[1:]}
    return {compact, _COUNTRY + compact, "+" + compact}


def _starts_with(text: str) -> Q:
    if connection.vendor == "sqlite":  # its LIKE uses no index; its texts compare byte by byte
        return Q(caller__gte=text, caller__lt=text + "\U0010ffff")
    return Q(caller__startswith=text)


def _ends_with(digits: str, *, by_index: bool) -> Q:
    if connection.vendor != "sqlite":
        return Q(StartsWith(Reverse("caller"), digits[::-1]))
    ends = Q(Exact(Right("caller", len(digits)), digits))  # SQLite has no built-in REVERSE for an index
    return Q(pk__in=CallLog.objects.filter(ends).order_by().values("pk")) if by_index else ends


# --- search by visible digits ----------------------------------------------------------------------------

DOT, OR = "•", "|"
_MASK = re.compile(rf"(\+[0-9]?|[0-9]{{0,2}})({DOT}+)([0-9]{{0,3}})")
_FIXED_LENGTH_FROM = (
    3  # from this many dots on, they stand for exactly that many digits; fewer stand for any number
)
_MOBILE_CHARACTERS, _MOBILE_DIGITS = 13, 10
_IS_MOBILE = Q(caller__startswith=_COUNTRY) & Q(Exact(_LENGTH, _MOBILE_CHARACTERS))
# The caller's digits, as `redaction.national_digits` returns them.
_DIGITS_OF_CALLER = Case(
    When(caller__startswith=_COUNTRY, then=Substr("caller", 4)),
    default=Replace(F("caller"), Value("+"), Value("")),
)


class NumberMask(NamedTuple):
    """A partly hidden number such as `98••• ••210`: visible start, visible end, and total length (0: any)."""

    first: str
    last: str
    length: int = 0


def parse_masks(text: str) -> list[NumberMask]:
    """Parse a search into alternative masks; digits that are not visible in the list are dropped.

    `98••• ••210` is one mask, `98•` and `•210` are a beginning and an ending, and `|` separates alternatives.
    """
    if DOT in text:
        seen = (_MASK.fullmatch(_SEPARATORS.sub("", part)) for part in text.split(OR))
        found = [
            NumberMask(match[1], match[3], len(match[0]) if len(match[2]) >= _FIXED_LENGTH_FROM else 0)
            for match in seen
            if match
        ]
        return [mask for mask in found if mask.first or mask.last]
    if number := to_e164(text):
        return parse_masks(mask_partially(number))
    compact = _SEPARATORS.sub("", text)
    if not _DIGITS.fullmatch(compact):
        return []
    if compact[0] == "+":
        rest = compact.removeprefix(_COUNTRY)
        return [NumberMask(rest[:2], "")] if rest else []
    if len(compact) == 3:  # three digits are visible only at the end
        return [NumberMask("", compact)]
    trunk = [NumberMask(compact[1:3], "")] if compact[0] == "0" and len(compact) > 1 else []
    return [NumberMask(compact[:2], ""), *trunk, NumberMask("", compact[-3:])]


def mask_search(text: str) -> str:
    """Mask the numbers in a search text that another user typed. The result finds the same visible digits."""
    if DOT in text:
        return text
    if number := to_e164(text):
        return mask_partially(number)
    found = parse_masks(text)
    return (
        OR.join(f"{mask.first}{DOT}{mask.last}" for mask in found) if found else redaction.redact_text(text)
    )


def match_masks(found: list[NumberMask], *, by_index: bool = False) -> Q | None:
    """Rows with a `caller` that fits one of the masks; None if no caller can."""
    matches = None
    for condition in (each for mask in found for each in _mask_conditions(mask, by_index=by_index)):
        matches = condition if matches is None else matches | condition
    return matches


def _mask_conditions(mask: NumberMask, *, by_index: bool) -> list[Q]:
    """A mask hides a mobile's country code and shows only two digits of a short number (`mask_partially`)."""
    first, last, length = mask
    ends = _ends_with(last, by_index=by_index) if last else Q()
    found = []
    if length in (0, _MOBILE_DIGITS):
        found.append(_starts_with(_COUNTRY + first) & Q(Exact(_LENGTH, _MOBILE_CHARACTERS)) & ends)
    if length == 0 or length >= 10:
        is_long = Q(Exact(_LENGTH, length)) if length else Q(GreaterThanOrEqual(_LENGTH, 10))
        found.append((_starts_with(first) if first else Q()) & is_long & ~_IS_MOBILE & ends)
    if not first and len(last) <= 2 and (length == 0 or 3 < length < 10):
        # A number of four characters is masked like one of five.
        lengths = {length, 4} if length == 5 else {length} if length else set(range(4, 10))
        found.append(_length_condition(lengths) & ends)
    return found


def _length_condition(lengths: set[int]) -> Q:
    matches = Q()
    for length in sorted(lengths):
        matches |= Q(Exact(_LENGTH, length))
    return matches


def _visible_id_condition(text: str) -> Q:
    """Match only ids that contain no hidden digits; otherwise guessing ids would reveal the caller's number."""
    if text.startswith(redaction.DERIVED_PREFIX):
        return Q(pk=0)
    is_long = Q(GreaterThanOrEqual(Length(_DIGITS_OF_CALLER), redaction.SHORTEST_IN_ID))
    is_inside = Q(GreaterThan(StrIndex(F("call_id"), _DIGITS_OF_CALLER), 0))
    return Q(call_id=text) & ~(is_long & is_inside)
