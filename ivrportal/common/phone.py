"""Telephone numbers: conversion to E.164, formatting and masking."""

import re
from functools import lru_cache

import phonenumbers

# In India's numbering plan, ten digits that begin with 6 to 9 are a mobile number. phonenumbers knows only the series
# in use at its release, and new series are opened every year.
_INDIAN_MOBILE = re.compile(r"(?:\+91|0091|91|0)?([6-9][0-9]{9})")
_SEPARATORS = re.compile(r"[\s().\-/\u00a0\u2011]+")


@lru_cache(maxsize=4096)  # for agents' and virtual numbers, which recur
def to_e164(text: str, *, region: str = "IN") -> str | None:
    """`+919812345678` for any usual spelling of a valid number; None for anything else."""
    compact = _SEPARATORS.sub("", text)
    if not compact.isascii():
        return None
    if match := _INDIAN_MOBILE.fullmatch(compact):
        return "+91" + match[1]
    if not re.fullmatch(r"\+?[0-9]{6,18}", compact):
        return None
    try:
        number = phonenumbers.parse(compact, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def national(number: str) -> str:
    """The number without India's country code, as the provider's API document writes agents: `9812345678`."""
    return number.removeprefix("+91")


def format_national(number: str) -> str:
    """`98123 45678` for an Indian number of ten digits, the number unchanged for anything else."""
    digits = number.removeprefix("+91")
    return f"{digits[:5]} {digits[5:]}" if len(digits) == 10 and number.startswith("+91") else number


def mask(number: str) -> str:
    """Keeps the last two digits only, for logs and messages."""
    return "••••" + number[-2:] if number else ""


# Matches nine or more digits, plain or percent-encoded one by one, and two separated groups of five. It may mask an id
# that looks like a number, which does no harm in a log.
_NUMBER = re.compile(
    r"(?:\+|%2B)?(?:91(?:[ +\-\u00a0]|%20))?\d{5}(?:[ +\-\u00a0]|%20|%C2%A0)\d{5}(?!\d)"
    r"|(?:\+|%2B)?\d{9,}"
    r"|(?:%2B)?(?:%3\d){9,}",
    re.IGNORECASE,
)


def mask_numbers(text: str) -> str:
    """Mask the numbers in a text. Their last two digits stay, so that lines about one caller can be matched."""
    return _NUMBER.sub(lambda match: mask(_digits(match[0])), text)


def _digits(number: str) -> str:
    return re.sub(r"%3(\d)", r"\1", number)


def mask_partially(number: str) -> str:
    """`98••• ••210`, for users who may not see whole numbers. A short number keeps its last two digits at most."""
    digits = number.removeprefix("+91")
    if len(digits) == 10 and number.startswith("+91"):
        return f"{digits[:2]}••• ••{digits[-3:]}"
    if len(number) >= 10:
        return f"{number[:2]}{'•' * (len(number) - 5)}{number[-3:]}"
    return "•" * max(3, len(number) - 2) + number[-2:] if len(number) > 3 else "•" * len(number)
