"""Callers' numbers inside of texts, hidden for people who may not see whole ones. Plain Python.

Of each number stays what `half_hidden` leaves of it. Numbers of the office (agents, virtual numbers) are `known`, and
stay as they are.
"""

import re
from collections.abc import Callable, Collection, Iterator
from urllib.parse import unquote, unquote_plus

from calllogs.provider_fields import FIELD_OF_KEY, normal_key
from ivrportal.common.phone import mask_partially, to_e164

# A call id that the portal made is a digest of caller and moment: who knows the moment could try all callers.
DERIVED = "derived-"
HIDDEN_ID = DERIVED + "…"
SHORTEST_IN_ID = 6  # digits; what is shorter is found in an id by chance
_SHORTEST_IN_TEXT = 5
# Nine digits and more, as people write them: with single signs between groups. A date is none.
_NUMBER = re.compile(r"(?<!\d)(?!\d{4}-\d\d-\d\d(?!\d))\+?\d(?:[\s().\-\u2011]{0,2}\d){8,}")
_NO_DIGIT = re.compile(r"\D+")
_DECODED_AT_MOST = 4  # times; a value may have been encoded again and again on its way


def digits_of(number: str) -> str:
    """As the number may stand inside of another text: `9812345210` of `+919812345210`."""
    return number[3:] if number.startswith("+91") else number.replace("+", "")


def in_text(text: str, *, callers: Collection[str] = (), known: Collection[str] = ()) -> str:
    """A text that people or the provider wrote. `callers` are hidden also if they are short.

    What is encoded as in an address is shown decoded if something in it is hidden: else it could be decoded again.
    """
    plain = _decoded(text, unquote)
    shown = _hidden(plain, callers, known)
    return text if shown == plain else shown


def _hidden(text: str, callers: Collection[str], known: Collection[str]) -> str:
    office = {digits_of(number) for number in known if number}

    def hidden(match: re.Match[str]) -> str:
        digits = _NO_DIGIT.sub("", match[0])
        number = to_e164(match[0]) or ("+" if match[0][0] == "+" else "") + digits
        return match[0] if {digits, digits_of(number)} & office else mask_partially(number)

    for caller in callers:
        digits = digits_of(caller)
        if len(digits) >= _SHORTEST_IN_TEXT and digits not in office:
            text = text.replace(digits, mask_partially(caller))
    return _NUMBER.sub(hidden, text)


def in_call_id(call_id: str, caller: str) -> str:
    """The provider's own id stays, but for the caller's number inside of it."""
    if call_id.startswith(DERIVED):
        return HIDDEN_ID
    digits = digits_of(caller)
    return call_id.replace(digits, mask_partially(caller)) if len(digits) >= SHORTEST_IN_ID else call_id


def in_query(raw_query: str, *, callers: Collection[str] = (), known: Collection[str] = ()) -> str:
    """A push as it came."""
    return "&".join(_hidden_pieces(raw_query, callers, known))


def _hidden_pieces(raw_query: str, callers: Collection[str], known: Collection[str]) -> Iterator[str]:
    is_caller = False
    for piece in raw_query.split("&"):
        key, equals, value = piece.partition("=")
        field = FIELD_OF_KEY.get(normal_key(_decoded(key))) if equals else None
        if field == "caller":
            is_caller = True
            plain = _decoded(value).strip()
            yield f"{key}={mask_partially(to_e164(plain) or plain)}"
        elif field or not is_caller:
            is_caller = False
            plain = _decoded(piece)
            shown = in_text(plain, callers=callers, known=known)
            yield piece if shown == plain else shown
        # else it may belong to the caller's number before it


def _decoded(text: str, decode: Callable[[str], str] = unquote_plus) -> str:
    for _time in range(_DECODED_AT_MOST):
        plain = decode(text)
        if plain == text:
            break
        text = plain
    return text


def without_recording(raw_query: str) -> str:
    """The query with dots in the place of the recording's address, up to the next parameter that we know."""
    pieces: list[str] = []
    is_inside = False
    for piece in raw_query.split("&"):
        key, equals, _value = piece.partition("=")
        field = FIELD_OF_KEY.get(normal_key(unquote_plus(key))) if equals else None
        if field == "recording_url":
            pieces.append(f"{key}=…")
            is_inside = True
        elif field or not is_inside:
            pieces.append(piece)
            is_inside = False
    return "&".join(pieces)
