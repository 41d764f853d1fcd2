"""The second factor: six digits from a phone (TOTP), or one of ten recovery codes."""

import base64
import hashlib
import secrets
from io import BytesIO
from typing import Any

import qrcode
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key
from qrcode.image.svg import SvgPathFillImage

from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.models import RecoveryCode

CODES = 10
PHONE, RECOVERY = "phone", "recovery"  # by what a person was let in
SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look alike on paper
GROUPS, GROUP = 4, 4


def is_required_of(person: User) -> bool:
    """Does one of the person's roles ask for it? One query, none for superusers or where no role asks."""
    asking = settings.SECOND_FACTOR_ROLES
    return bool(asking) and (person.is_superuser or person.groups.filter(name__in=asking).exists())


def device_of(person: User) -> TOTPDevice | None:
    return TOTPDevice.objects.filter(user=person, confirmed=True).first()


def codes_left(person: User) -> int:
    return RecoveryCode.objects.filter(person=person).count()


# --- the second step -------------------------------------------------------------------------------------


def accept(person: User, code: str) -> str:
    """PHONE, RECOVERY, or empty. A code works once, also when it is sent twice at the same moment."""
    code = "".join(code.split()).casefold()
    if code.isascii() and code.isdigit() and len(code) == 6:
        return PHONE if _is_of_phone(person, code) else ""
    used, _ = RecoveryCode.objects.filter(person=person, digest=_digest(person, code)).delete()
    return RECOVERY if used else ""


def _is_of_phone(person: User, code: str) -> bool:
    with transaction.atomic():
        device = TOTPDevice.objects.select_for_update().filter(user=person, confirmed=True).first()
        return device is not None and bool(device.verify_token(code))


# --- setting it up ---------------------------------------------------------------------------------------


def new_key() -> str:
    return str(default_key())


def secret_words(key: str) -> str:
    """The key as people type it: base32 in groups of four."""
    text = base64.b32encode(bytes.fromhex(key)).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def address(person: User, key: str) -> str:
    """The `otpauth:` address that the QR code holds, and that opens the app on the phone itself."""
    return str(TOTPDevice(user=person, key=key).config_url)


def picture(text: str) -> str:
    """A QR code as the `data:` URL of an SVG image."""
    file = BytesIO()
    qrcode.make(text, image_factory=SvgPathFillImage, border=3).save(file)
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()


def set_up(request: HttpRequest, person: User, *, key: str, code: str) -> list[str] | None:
    """The ten recovery codes, which nobody can read again; None if the code is wrong. Replaces a phone of before."""
    device = TOTPDevice(user=person, key=key, name="Phone", confirmed=True)
    code = "".join(code.split())
    clock = TOTP(device.bin_key, device.step, device.t0, device.digits)
    if not (code.isascii() and code.isdigit() and clock.verify(int(code), tolerance=device.tolerance)):
        return None
    with transaction.atomic():
        is_change = bool(TOTPDevice.objects.filter(user=person).delete()[0])
        device.last_t = clock.t()
        device.save()
        codes = _make_codes(person)
        _note(request, person, "changed the phone" if is_change else "set up")
    return codes


def renew_codes(request: HttpRequest, person: User) -> list[str]:
    with transaction.atomic():
        codes = _make_codes(person)
        _note(request, person, "new recovery codes")
    return codes


def remove(request: HttpRequest | None, person: User, *, why: str) -> bool:
    """Was there one? `why` goes on record. No request: a command line asks."""
    with transaction.atomic():
        removed = bool(TOTPDevice.objects.filter(user=person).delete()[0])
        RecoveryCode.objects.filter(person=person).delete()
        if removed:
            _note(request, person, why)
    return removed


def note_recovery(request: HttpRequest, person: User) -> int:
    """How many codes are left; a use is on record."""
    left = codes_left(person)
    _note(request, person, f"recovery code used, {left} left")
    return left


def _note(request: HttpRequest | None, person: User, what: str) -> None:
    """In the name of who is signed in; at the second step that is the person; on a command line, nobody."""
    who: Any = audit_log.SYSTEM
    if request is not None:
        who = request.user if request.user.is_authenticated else person
    subject = f"auth.user:{person.pk}"
    audit_log.record(
        Action.SECOND_FACTOR,
        request=request,
        person=who,
        what=f"{person.get_username()}: {what}",
        subject=subject,
    )


def _make_codes(person: User) -> list[str]:
    RecoveryCode.objects.filter(person=person).delete()
    codes = [_random_code() for _ in range(CODES)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(person=person, digest=_digest(person, code)) for code in codes
    )
    return codes


def _random_code() -> str:
    """`xxxx-xxxx-xxxx-xxxx`, 79 bits."""
    return "-".join("".join(secrets.choice(SIGNS) for _ in range(GROUP)) for _ in range(GROUPS))


def _digest(person: User, code: str) -> str:
    """Hyphens do not count: people leave them out."""
    return hashlib.sha256(f"{person.pk}:{code.replace('-', '')}".encode()).hexdigest()
