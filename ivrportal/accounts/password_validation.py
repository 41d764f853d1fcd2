"""What a password must be: long, and not what everybody tries first. In the spirit of NIST SP 800-63B.

No composition rules and no expiry: both make people choose worse ones. Spaces and every script are welcome.
"""

import re
import unicodedata
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

LONGEST = 128
LEFT_AT_LEAST = 8  # signs beside names that everybody knows
FEWEST_SIGNS = 5  # different ones
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890")
OUR_NAMES = {"ivrportal", "portal", "ivr", "password", "passwort", "admin"}


def same_signs(password: str) -> str:
    """One spelling of signs that look alike (NFKC): two keyboards write the same é differently."""
    return unicodedata.normalize("NFKC", password)


class NfkcPBKDF2Hasher(PBKDF2PasswordHasher):
    """Django's own, over the one spelling. What it wrote before is still read: plain letters are spelt one way."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        return super().encode(same_signs(password), salt, iterations)


class MaximumLengthValidator:
    def validate(self, password: str, user: Any = None) -> None:
        if len(same_signs(password)) > LONGEST:
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        return _("Your password can have up to %(n)d signs, spaces and every script included.") % {
            "n": LONGEST
        }


class KeyboardSequenceValidator:
    """Refuses what repeats or runs along the alphabet, the digits or the keyboard."""

    def validate(self, password: str, user: Any = None) -> None:
        signs = same_signs(password).casefold()
        steps = list(pairwise(signs))
        rows = sum(_is_row(one, next_one) for one, next_one in steps)
        if len(set(signs)) < FEWEST_SIGNS or rows * 3 >= len(steps) * 2:
            raise ValidationError(
                _("This password repeats or follows a row of the keyboard."), code="password_is_a_row"
            )

    def get_help_text(self) -> str:
        return _("Your password must not be a row such as 1234 or qwerty.")


class SiteNameValidator:
    """Refuses a password that is little more than the name of the portal, of its host or of the person."""

    def validate(self, password: str, user: Any = None) -> None:
        left = _letters(password)
        for name in sorted(OUR_NAMES | _host_names() | _names_of(user), key=len, reverse=True):
            left = left.replace(name, "")
        if len(left) < LEFT_AT_LEAST:
            raise ValidationError(
                _("Beside names that everybody knows, this password has too few signs of its own."),
                code="password_is_our_name",
            )

    def get_help_text(self) -> str:
        return _("Your password must be more than the name of the portal, the office or yourself.")


def _is_row(one: str, next_one: str) -> bool:
    if abs(ord(one) - ord(next_one)) <= 1:
        return True
    return any(one + next_one in row or next_one + one in row for row in ROWS)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", same_signs(text).casefold())


def _host_names() -> set[str]:
    words = {word for host in settings.ALLOWED_HOSTS for word in re.split(r"[^\w]+", host.casefold())}
    return {word for word in words if len(word) > 3}


def _names_of(user: Any) -> set[str]:
    texts = [str(getattr(user, field, "")) for field in ("username", "first_name", "last_name", "email")]
    return {name for text in texts for word in re.split(r"[\s@.]+", text) if len(name := _letters(word)) > 2}
