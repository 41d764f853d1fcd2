"""Telephone numbers in one spelling: E.164 where they can be, as received where they cannot."""

import re
from functools import lru_cache

import phonenumbers

# India's numbering plan: ten digits that begin with 6 to 9 are a mobile. phonenumbers knows the series that
# were in use when it was made, and new ones are opened every year; the plan's rule does not age.
_INDIAN_MOBILE = re.compile(r"(?:\+91|0091|91|0)?([6-9][0-9]{9})")
_SEPARATORS = re.compile(r"[\s().\-/\u00a0\u2011]+")


@lru_cache(maxsize=4096)  # agents and the office's numbers come again and again; callers hardly do
def to_e164(text: str, *, region: str = "IN") -> str | None:
    """`+919812345678` for any usual spelling of a valid number; None for what is no telephone number."""
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
    """The number without its country code, as the provider's document writes agents: `9812345678`."""
    return number.removeprefix("+91")


def format_national(number: str) -> str:
    """`98123 45678` for an Indian mobile, the number itself for anything else."""
    digits = number.removeprefix("+91")
    return f"{digits[:5]} {digits[5:]}" if len(digits) == 10 and number.startswith("+91") else number


def mask(number: str) -> str:
    """For logs and messages: the last two digits only."""
    return "••••" + number[-2:] if number else ""


# A run of nine or more digits is a telephone number to us; an id that looks like one is no loss in a log. So are two
# fives however they are kept apart, and digits that are percent-encoded one by one.
_NUMBER = re.compile(
    r"(?:\+|%2B)?(?:91(?:[ +\-\u00a0]|%20))?\d{5}(?:[ +\-\u00a0]|%20|%C2%A0)\d{5}(?!\d)"
    r"|(?:\+|%2B)?\d{9,}"
    r"|(?:%2B)?(?:%3\d){9,}",
    re.IGNORECASE,
)


def mask_numbers(text: str) -> str:
    """The text without whole numbers. Their last two digits stay, so that two lines about one caller can be matched."""
    return _NUMBER.sub(lambda match: mask(_digits(match[0])), text)


def _digits(number: str) -> str:
    return re.sub(r"%3(\d)", r"\1", number)


def mask_partially(number: str) -> str:
    """`98••• ••210`: for people who may not see whole numbers. Of a short number only the last two digits stay."""
    digits = number.removeprefix("+91")
    if len(digits) == 10 and number.startswith("+91"):
        return f"{digits[:2]}••• ••{digits[-3:]}"
    if len(number) >= 10:
        return f"{number[:2]}{'•' * (len(number) - 5)}{number[-3:]}"
    return "•" * max(3, len(number) - 2) + number[-2:] if len(number) > 3 else "•" * len(number)
