"""A telephone number in every spelling that a text, an address or a push can give it. Plain Python.

Written so that Python's expressions and PostgreSQL's read it alike.
"""

import re

import phonenumbers

ERASED = "[erased]"
FEWEST = 7  # digits; what has fewer is no person's number, and would be found in anything
# What people and encodings put between digits.
_BETWEEN = "(?:[ ().+/_-]|\u00a0|\u2011|%(?:20|28|29|2[bBdDeEfF])|%[cC]2%[aA]0|%[eE]2%80%91){0,3}"


def pattern_of(number: str) -> str:
    """For a number as calls have it. Raises ValueError for what is too short to be searched for."""
    country, digits = _parts(number)
    if len(digits) < FEWEST:
        raise ValueError("too short")
    before = f"(?:(?:[+]|%2[bB]|00)?{_spelled(country)}{_BETWEEN}|0{_BETWEEN})?" if country else ""
    return before + _spelled(digits)


def without(text: str, pattern: str) -> str:
    """The text with a word in the place of the number; empty if it was nothing else."""
    return "" if re.fullmatch(pattern, text) else re.sub(pattern, ERASED, text)


def is_in(text: str, pattern: str) -> bool:
    return re.search(pattern, text) is not None


def _parts(number: str) -> tuple[str, str]:
    """The country's code and what people write without it; for what is no such number, its digits."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return "", re.sub(r"[^0-9]", "", number)
    return str(parsed.country_code), phonenumbers.national_significant_number(parsed)


def _spelled(digits: str) -> str:
    return _BETWEEN.join(f"(?:%3)?{digit}" for digit in digits)
