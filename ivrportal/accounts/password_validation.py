"""Password hashing and validation, following NIST SP 800-63B.

There are no composition rules and no expiry, because both lead to weaker passwords. Spaces and all scripts are allowed.
"""

import re
import unicodedata
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MAX_LENGTH = 128
MIN_REMAINING_LENGTH = 8  # characters left after well-known names are removed
MIN_DISTINCT_CHARACTERS = 5
KEYBOARD_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890")
SITE_NAMES = {"ivrportal", "portal", "ivr", "password", "passwort", "admin"}


def normalise(password: str) -> str:
    """NFKC normalisation, because two keyboards may encode the same é differently."""
    return unicodedata.normalize("NFKC", password)


class NfkcPBKDF2Hasher(PBKDF2PasswordHasher):
    """Django's hasher applied to the normalised password. Older hashes stay valid: NFKC does not change ASCII."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        return super().encode(normalise(password), salt, iterations)


class MaximumLengthValidator:
    def validate(self, password: str, user: Any = None) -> None:
        if len(normalise(password)) > MAX_LENGTH:
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        return _("Your password can have up to %(n)d signs, spaces and every script included.") % {
            "n": MAX_LENGTH
        }


class KeyboardSequenceValidator:
    """Rejects repetitions, and sequences of the alphabet, the digits or the keyboard."""

    def validate(self, password: str, user: Any = None) -> None:
        characters = normalise(password).casefold()
        pairs = list(pairwise(characters))
        neighbours = sum(_is_neighbour(one, next_one) for one, next_one in pairs)
        if len(set(characters)) < MIN_DISTINCT_CHARACTERS or neighbours * 3 >= len(pairs) * 2:
            raise ValidationError(
                _("This password repeats or follows a row of the keyboard."), code="password_is_a_row"
            )

    def get_help_text(self) -> str:
        return _("Your password must not be a row such as 1234 or qwerty.")


class SiteNameValidator:
    """Rejects a password that is little more than the name of the portal, its host or the user."""

    def validate(self, password: str, user: Any = None) -> None:
        remainder = _letters_and_digits(password)
        for name in sorted(SITE_NAMES | _host_names() | _user_names(user), key=len, reverse=True):
            remainder = remainder.replace(name, "")
        if len(remainder) < MIN_REMAINING_LENGTH:
            raise ValidationError(
                _("Beside names that everybody knows, this password has too few signs of its own."),
                code="password_is_our_name",
            )

    def get_help_text(self) -> str:
        return _("Your password must be more than the name of the portal, the office or yourself.")


def _is_neighbour(one: str, next_one: str) -> bool:
    if abs(ord(one) - ord(next_one)) <= 1:
        return True
    return any(one + next_one in row or next_one + one in row for row in KEYBOARD_ROWS)


def _letters_and_digits(text: str) -> str:
    return re.sub(r"[\W_]+", "", normalise(text).casefold())


def _host_names() -> set[str]:
    words = {word for host in settings.ALLOWED_HOSTS for word in re.split(r"[^\w]+", host.casefold())}
    return {word for word in words if len(word) > 3}


def _user_names(user: Any) -> set[str]:
    texts = [str(getattr(user, field, "")) for field in ("username", "first_name", "last_name", "email")]
    return {
        name
        for text in texts
        for word in re.split(r"[\s@.]+", text)
        if len(name := _letters_and_digits(word)) > 2
    }
