"""Regular expressions for a telephone number in every notation that a text, a URL or a push can have. Plain Python.

The patterns mean the same in Python and in PostgreSQL.
"""

import re

import phonenumbers

ERASED = "[erased]"
MIN_DIGITS = 7  # a shorter number is not a person's and would match anywhere
# What people and encodings put between digits, including percent-encoded characters.
_SEPARATORS = "(?:[ ().+/_-]|\u00a0|\u2011|%(?:20|28|29|2[bBdDeEfF])|%[cC]2%[aA]0|%[eE]2%80%91){0,3}"


def build_pattern(number: str) -> str:
    """The pattern of a number as stored in calls. Raises ValueError if it is too short to search for."""
    country, digits = _split_country_code(number)
    if len(digits) < MIN_DIGITS:
        raise ValueError("too short")
    prefix = (
        f"(?:(?:[+]|%2[bB]|00)?{_digits_pattern(country)}{_SEPARATORS}|0{_SEPARATORS})?" if country else ""
    )
    return prefix + _digits_pattern(digits)


def redact(text: str, pattern: str) -> str:
    """Replaces the number by ERASED; returns an empty string if the text is only the number."""
    return "" if re.fullmatch(pattern, text) else re.sub(pattern, ERASED, text)


def has_match(text: str, pattern: str) -> bool:
    return re.search(pattern, text) is not None


def _split_country_code(number: str) -> tuple[str, str]:
    """(country code, national number); ("", digits) if it cannot be parsed."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return "", re.sub(r"[^0-9]", "", number)
    return str(parsed.country_code), phonenumbers.national_significant_number(parsed)


def _digits_pattern(digits: str) -> str:
    return _SEPARATORS.join(f"(?:%3)?{digit}" for digit in digits)
