"""Password validation and hashing."""

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

ASHA = User(username="asha.nair", first_name="Asha", last_name="Nair", email="asha@office.example")


@pytest.mark.parametrize(
    "password",
    [
        "five words are quite enough",
        "correct horse battery",
        "एक लंबा पासवर्ड जो याद रहे",
        "all lower case and no digit",
        "w7 kite." * 16,
        "🙂 smile at the long password 🙂",
    ],
)
def test_long_ones_are_welcome(password):
    validate_password(password, ASHA)


@pytest.mark.parametrize(
    "password",
    [
        "short words",
        "123456789012",
        "justinbieber",  # on the list of common passwords
        "ivrportal2026!",
        "IVR Portal password",
        "asha.nair-asha",
        "Asha Nair 2026",
        "asha@office.example",
        "w7 kite." * 16 + "y",
        "aaaaaaaaaaaaaaaa",
        "qwertyuiop[]12",
        "abcdefghijklmnop",
    ],
)
def test_short_known_and_own_ones_are_not(password):
    with pytest.raises(ValidationError):
        validate_password(password, ASHA)


def test_the_host_s_name_is_no_password(settings):
    settings.ALLOWED_HOSTS = ["calls.acmetelephony.example"]
    with pytest.raises(ValidationError):
        validate_password("acmetelephony2026")


def test_passwords_are_normalised_and_older_hashes_stay_valid(settings):
    settings.PASSWORD_HASHERS = ["ivrportal.accounts.password_validation.NfkcPBKDF2Hasher"]
    composed, decomposed = "caf\u00e9 and a long day", "cafe\u0301 and a long day"
    kept = make_password(composed)
    assert check_password(decomposed, kept)
    assert check_password("ﬁve words are enough", make_password("five words are enough"))
    assert not check_password(composed + " ", kept), "spaces count"
    before = PBKDF2PasswordHasher().encode("plain old password", "salt", 1000)
    assert check_password("plain old password", before)
