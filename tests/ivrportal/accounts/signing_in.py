"""Login helpers for tests: password, phone, recovery code."""

import time

from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.conftest import PASSWORD

LOGIN, STEP, SET_UP, HOME = "/admin/login/", "/admin/second-step/", "/admin/second-factor/", "/admin/"
KEY = "3132333435363738393031323334353637383930"


def stranger(address: str = "203.0.113.5") -> Client:
    return Client(headers={"host": "127.0.0.1"}, REMOTE_ADDR=address)


def give_password(client: Client, name: str, password: str = PASSWORD, *, to: str = "", **extra):
    query = f"?next={to}" if to else ""
    return client.post(LOGIN + query, {"username": name, "password": password, "next": to or HOME}, **extra)


def is_in(client: Client) -> bool:
    return client.get(HOME).status_code == 200


def code_of(key: str = KEY, *, steps: int = 0) -> str:
    """The code that a phone with this key shows now, or `steps` half minutes later."""
    clock = TOTP(bytes.fromhex(key))
    clock.time = time.time() + 30 * steps
    return f"{clock.token():06d}"


def give_phone(person) -> TOTPDevice:
    return TOTPDevice.objects.create(user=person, key=KEY, name="Phone", confirmed=True)
