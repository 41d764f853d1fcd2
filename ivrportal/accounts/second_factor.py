"""The second factor: a six-digit code from a phone (TOTP), or one of ten recovery codes."""

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

CODE_COUNT = 10
PHONE, RECOVERY = "phone", "recovery"  # results of `verify_code`
CODE_CHARACTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without characters that look alike on paper
GROUP_COUNT, GROUP_LENGTH = 4, 4


def is_required_for(person: User) -> bool:
    """True if one of the person's roles requires it. One query; none for superusers or if no role requires it."""
    required_roles = settings.SECOND_FACTOR_ROLES
    return bool(required_roles) and (
        person.is_superuser or person.groups.filter(name__in=required_roles).exists()
    )


def device_of(person: User) -> TOTPDevice | None:
    return TOTPDevice.objects.filter(user=person, confirmed=True).first()


def count_codes_left(person: User) -> int:
    return RecoveryCode.objects.filter(person=person).count()


# --- the second step -------------------------------------------------------------------------------------


def verify_code(person: User, code: str) -> str:
    """PHONE, RECOVERY, or empty if the code is wrong. A code is accepted once, even if it is sent twice at once."""
    code = "".join(code.split()).casefold()
    if code.isascii() and code.isdigit() and len(code) == 6:
        return PHONE if _verify_totp(person, code) else ""
    used, _ = RecoveryCode.objects.filter(person=person, digest=_digest(person, code)).delete()
    return RECOVERY if used else ""


def _verify_totp(person: User, code: str) -> bool:
    with transaction.atomic():
        device = TOTPDevice.objects.select_for_update().filter(user=person, confirmed=True).first()
        return device is not None and bool(device.verify_token(code))


# --- set-up ----------------------------------------------------------------------------------------------


def new_key() -> str:
    return str(default_key())


def format_secret(key: str) -> str:
    """The key for manual entry: base32 in groups of four."""
    text = base64.b32encode(bytes.fromhex(key)).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def otpauth_url(person: User, key: str) -> str:
    """The `otpauth:` URL in the QR code, which also opens the app on the phone itself."""
    return str(TOTPDevice(user=person, key=key).config_url)


def qr_code_data_url(text: str) -> str:
    """A QR code as the `data:` URL of an SVG image."""
    file = BytesIO()
    qrcode.make(text, image_factory=SvgPathFillImage, border=3).save(file)
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()


def set_up(request: HttpRequest, person: User, *, key: str, code: str) -> list[str] | None:
    """Set up a phone in place of the previous one. Returns the recovery codes, or None if the code is wrong.

    The codes are stored as digests, so this is the only time that they can be shown.
    """
    device = TOTPDevice(user=person, key=key, name="Phone", confirmed=True)
    code = "".join(code.split())
    clock = TOTP(device.bin_key, device.step, device.t0, device.digits)
    if not (code.isascii() and code.isdigit() and clock.verify(int(code), tolerance=device.tolerance)):
        return None
    with transaction.atomic():
        is_change = bool(TOTPDevice.objects.filter(user=person).delete()[0])
        device.last_t = clock.t()
        device.save()
        codes = _create_codes(person)
        _record(request, person, "changed the phone" if is_change else "set up")
    return codes


def renew_codes(request: HttpRequest, person: User) -> list[str]:
    with transaction.atomic():
        codes = _create_codes(person)
        _record(request, person, "new recovery codes")
    return codes


def remove(request: HttpRequest | None, person: User, *, why: str) -> bool:
    """Remove phone and recovery codes; True if there was a phone. `why` is recorded. No request: the command line."""
    with transaction.atomic():
        removed = bool(TOTPDevice.objects.filter(user=person).delete()[0])
        RecoveryCode.objects.filter(person=person).delete()
        if removed:
            _record(request, person, why)
    return removed


def record_recovery(request: HttpRequest, person: User) -> int:
    """Record the use of a recovery code. Returns how many are left."""
    left = count_codes_left(person)
    _record(request, person, f"recovery code used, {left} left")
    return left


def _record(request: HttpRequest | None, person: User, what: str) -> None:
    """The actor is the logged-in user, at the second step the person themselves, on the command line SYSTEM."""
    actor: Any = audit_log.SYSTEM
    if request is not None:
        actor = request.user if request.user.is_authenticated else person
    subject = f"auth.user:{person.pk}"
    audit_log.record(
        Action.SECOND_FACTOR,
        request=request,
        person=actor,
        what=f"{person.get_username()}: {what}",
        subject=subject,
    )


def _create_codes(person: User) -> list[str]:
    RecoveryCode.objects.filter(person=person).delete()
    codes = [_random_code() for _ in range(CODE_COUNT)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(person=person, digest=_digest(person, code)) for code in codes
    )
    return codes


def _random_code() -> str:
    """`xxxx-xxxx-xxxx-xxxx`, 79 bits."""
    return "-".join(
        "".join(secrets.choice(CODE_CHARACTERS) for _ in range(GROUP_LENGTH)) for _ in range(GROUP_COUNT)
    )


def _digest(person: User, code: str) -> str:
    """Ignores hyphens, because users leave them out."""
    return hashlib.sha256(f"{person.pk}:{code.replace('-', '')}".encode()).hexdigest()
