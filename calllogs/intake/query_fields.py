"""Reads the values of a push out of its query or form. Plain Python.

The provider documents no encoding, so a sender may insert a value unencoded: `state=Jammu & Kashmir`,
`callnumber=+9198…`, a recording's URL with its own `?a=1&b=2`. The query is therefore read from left to right, and a
piece without a known name belongs to the value before it.
"""

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from calllogs.provider_fields import BLANKS, FIELD_BY_NAME, FIELD_NAMES, KEY_PARAMETER, normalise_name

MAX_CACHED_BYTES = 64  # longer values are decoded without the cache

# Flags of a parsed push. They are stored in `Push.flags`.
REPEATED_KEY = "repeated_key"
BAD_ENCODING = "bad_encoding"
CONTROL_CHARACTERS = "control_signs"


def parse_fields(raw: bytes) -> tuple[dict[str, str], list[str]]:
    """`{our field: value}` without blank values, and the flags. The first value that is not blank wins."""
    tidy = _parse_plain(raw)
    if tidy is not None:
        return tidy, []
    return _parse_leniently(raw)


def _parse_plain(raw: bytes) -> dict[str, str] | None:
    """All values of an unambiguous push that needs no flags, as most are; None for any other push.

    The push is decoded as a whole, in half the time of decoding value by value. As no `&` and no `=` is encoded, the
    pieces are the same.
    """
    if b"+" in raw or b"://" in raw or b"%26" in raw or b"%3D" in raw or b"%3d" in raw:
        return None
    decoded = unquote_to_bytes(raw) if b"%" in raw else raw
    if not decoded.isascii() or not (text := decoded.decode()).isprintable():
        return None
    if " &" in text or "= " in text or text[-1:] == " ":
        return None  # a value to trim; the space is the only printable ASCII white space
    values: dict[str, str] = {}
    for piece in text.split("&"):
        name, equals, value = piece.partition("=")
        field = _FIELD_BY_EXACT_NAME.get(name)
        if not field or not equals:
            return None
        if value[:1] in _BLANK_FIRST_CHARACTERS and value.casefold() in BLANKS:
            continue
        if field in values:
            return None
        values[field] = value
    return values


# Includes the empty string, the first character of an empty value.
_BLANK_FIRST_CHARACTERS = frozenset(
    character for blank in BLANKS for character in (blank[:1], blank[:1].upper())
)
# Exactly as the provider's document spells them.
_FIELD_BY_EXACT_NAME = {name: field for field, names in FIELD_NAMES.items() for name in names}


def _parse_leniently(raw: bytes) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    flags: list[str] = []
    for field, piece in _split_into_values(raw):
        if not piece:
            continue
        decode = _decode_value if len(piece) < MAX_CACHED_BYTES else _decode_value.__wrapped__
        value, remarks = decode(piece, field == "recording_url")
        flags += remarks
        if value.casefold() in BLANKS:
            continue
        if field in values:
            if values[field] != value:
                flags.append(REPEATED_KEY)
            continue
        values[field] = value
    return values, flags


def _split_into_values(raw: bytes) -> list[tuple[str, bytes]]:
    """`(our field, raw value)` for every known name, including the pieces after an unencoded `&` in the value."""
    found: list[tuple[str, bytes]] = []
    field_before = ""  # the field that a piece without a known name belongs to
    for piece in raw.split(b"&"):
        raw_name, equals, value = piece.partition(b"=")
        name = _normalise_raw_name(raw_name) if equals else ""
        field = FIELD_BY_NAME.get(name)
        if field:
            found.append((field, value))
            field_before = field
        elif name == KEY_PARAMETER and not _is_inside_url(field_before, found):
            field_before = ""
        elif field_before and (not equals or _is_inside_url(field_before, found)):
            found[-1] = (field_before, found[-1][1] + b"&" + piece)
        else:
            field_before = ""  # an unknown parameter: pieces without a name that follow belong to it
    return found


@lru_cache(maxsize=1024)
def _normalise_raw_name(raw_name: bytes) -> str:
    """The parameter name, normalised. Cached, because senders use the same dozen names. A long one is not known."""
    if len(raw_name) >= 100:
        return ""
    return normalise_name(unquote_to_bytes(raw_name.replace(b"+", b" ")).decode("utf-8", "replace"))


def _is_inside_url(field: str, found: list[tuple[str, bytes]]) -> bool:
    """True if the value so far is an unencoded URL with a query string."""
    return field == "recording_url" and b"://" in found[-1][1] and b"?" in found[-1][1]


@lru_cache(maxsize=2048)
def _decode_value(value: bytes, is_url: bool) -> tuple[str, tuple[str, ...]]:
    """The text of a value, and its flags. Cached, because agents and departments recur."""
    flags: tuple[str, ...] = ()
    if is_url and b"://" in value and (b"?" in value or b"%3f" not in value.lower()):
        # The URL is not encoded: a %20 in it is part of the URL.
        data = value
    elif b"%" in value or b"+" in value:
        data = unquote_to_bytes(value.replace(b"+", b" "))
    else:
        data = value
    try:
        decoded = data.decode("utf-8")
    except UnicodeDecodeError:
        decoded = data.decode("utf-8", "replace")
        flags += (BAD_ENCODING,)
    if not decoded.isprintable():
        cleaned = "".join(
            character if character.isprintable() else (" " if character in "\t\r\n" else "")
            for character in decoded
        )
        if cleaned != decoded:
            flags += (CONTROL_CHARACTERS,)
        decoded = cleaned
    # A space before digits was a plus that was not encoded. `normalise_number` needs it.
    if decoded[:1] == " " and _DIGITS_AFTER_LOST_PLUS.fullmatch(decoded):
        return "+" + decoded.strip(), flags
    return decoded.strip(), flags


_DIGITS_AFTER_LOST_PLUS = re.compile(r" +[0-9]{8,}\s*")
