"""Mask callers' numbers inside texts, for users who may not see whole numbers. Plain Python.

Each number is replaced by its `mask_partially` form. Numbers of the office (agents, virtual numbers) are passed as
`known` and are not masked.
"""

import re
from collections.abc import Callable, Collection, Iterator
from urllib.parse import unquote, unquote_plus

from calllogs.provider_fields import FIELD_BY_NAME, normalise_name
from ivrportal.common.phone import mask_partially, to_e164

# A call id made by the portal is a digest of caller and start time, so a user who knows the time could try all callers.
DERIVED_PREFIX = "derived-"
REDACTED_ID = DERIVED_PREFIX + "…"
SHORTEST_IN_ID = 6  # digits; shorter numbers appear in ids by chance
_SHORTEST_IN_TEXT = 5
# Nine or more digits, with up to two separators between them. A date does not match.
_NUMBER = re.compile(r"(?<!\d)(?!\d{4}-\d\d-\d\d(?!\d))\+?\d(?:[\s().\-\u2011]{0,2}\d){8,}")
_NO_DIGIT = re.compile(r"\D+")
_DECODED_AT_MOST = 4  # times; a value may be percent-encoded more than once


def national_digits(number: str) -> str:
    """The digits as they may appear inside another text: `9812345210` for `+919812345210`."""
    return number[3:] if number.startswith("+91") else number.replace("+", "")


def redact_text(text: str, *, callers: Collection[str] = (), known: Collection[str] = ()) -> str:
    """Mask numbers in a text written by users or the provider. `callers` are masked even if they are short.

    A percent-encoded text is returned decoded if something in it is masked; otherwise it is returned unchanged.
    """
    plain = _decode_repeatedly(text, unquote)
    shown = _mask_numbers(plain, callers, known)
    return text if shown == plain else shown


def _mask_numbers(text: str, callers: Collection[str], known: Collection[str]) -> str:
    office = {national_digits(number) for number in known if number}

    def hidden(match: re.Match[str]) -> str:
        digits = _NO_DIGIT.sub("", match[0])
        number = to_e164(match[0]) or ("+" if match[0][0] == "+" else "") + digits
        return match[0] if {digits, national_digits(number)} & office else mask_partially(number)

    for caller in callers:
        digits = national_digits(caller)
        if len(digits) >= _SHORTEST_IN_TEXT and digits not in office:
            text = text.replace(digits, mask_partially(caller))
    return _NUMBER.sub(hidden, text)


def redact_call_id(call_id: str, caller: str) -> str:
    """Mask the caller's number inside a provider's call id; replace an id that the portal derived."""
    if call_id.startswith(DERIVED_PREFIX):
        return REDACTED_ID
    digits = national_digits(caller)
    return call_id.replace(digits, mask_partially(caller)) if len(digits) >= SHORTEST_IN_ID else call_id


def redact_query(raw_query: str, *, callers: Collection[str] = (), known: Collection[str] = ()) -> str:
    """Mask numbers in the raw query string of a push."""
    return "&".join(_redact_parameters(raw_query, callers, known))


def _redact_parameters(raw_query: str, callers: Collection[str], known: Collection[str]) -> Iterator[str]:
    is_caller = False
    for piece in raw_query.split("&"):
        key, equals, value = piece.partition("=")
        field = FIELD_BY_NAME.get(normalise_name(_decode_repeatedly(key))) if equals else None
        if field == "caller":
            is_caller = True
            plain = _decode_repeatedly(value).strip()
            yield f"{key}={mask_partially(to_e164(plain) or plain)}"
        elif field or not is_caller:
            is_caller = False
            plain = _decode_repeatedly(piece)
            shown = redact_text(plain, callers=callers, known=known)
            yield piece if shown == plain else shown
        # An unknown parameter after the caller may be part of an unencoded caller number, so it is dropped.


def _decode_repeatedly(text: str, decode: Callable[[str], str] = unquote_plus) -> str:
    for _time in range(_DECODED_AT_MOST):
        plain = decode(text)
        if plain == text:
            break
        text = plain
    return text


def hide_recording_url(raw_query: str) -> str:
    """Replace the recording's URL with "…", up to the next known parameter."""
    pieces: list[str] = []
    is_inside = False
    for piece in raw_query.split("&"):
        key, equals, _value = piece.partition("=")
        field = FIELD_BY_NAME.get(normalise_name(unquote_plus(key))) if equals else None
        if field == "recording_url":
            pieces.append(f"{key}=…")
            is_inside = True
        elif field or not is_inside:
            pieces.append(piece)
            is_inside = False
    return "&".join(pieces)
