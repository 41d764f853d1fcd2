"""Who has given the right password and owes a code yet. Kept in the session, for ten minutes."""

import time
from typing import Any

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from ivrportal.accounts import session_limits

LASTS_S = 600
_KEY, _SECRET = "pending_sign_in", "pending_key"


def begin(request: HttpRequest, user: Any, *, to: str) -> None:
    """`to`: the page that was asked for, already checked to be ours."""
    request.session.flush()  # a new key, and nothing left of who sat here before
    request.session[_KEY] = {
        "person": user.pk,
        "backend": user.backend,
        "password": user.get_session_auth_hash(),
        "at": time.time(),
        "to": to,
    }
    request.session.set_expiry(LASTS_S)


def person_of(request: HttpRequest) -> User | None:
    """None too if the ten minutes are over, or if the password or the account was changed meanwhile."""
    kept = request.session.get(_KEY)
    if not kept or time.time() - kept["at"] > LASTS_S:
        return None
    person = User.objects.filter(pk=kept["person"], is_active=True, is_staff=True).first()
    if person is None or not constant_time_compare(kept["password"], person.get_session_auth_hash()):
        return None
    return person


def finish(request: HttpRequest, person: User, *, device: int) -> str:
    """Sign the person in, under a new session key; returns the page that was asked for."""
    kept = request.session.pop(_KEY)
    request.session.pop(_SECRET, None)
    login(request, person, backend=kept["backend"])
    session_limits.note_factor(request, device)
    return str(kept["to"])


def forget(request: HttpRequest) -> None:
    request.session.flush()


# The key of a phone that is being set up. In the session, not in the database's devices: so nobody who opened the page
# before the owner, with the owner's password, has seen the key that the owner confirms.


def key_of(request: HttpRequest, make: Any) -> str:
    if _SECRET not in request.session:
        request.session[_SECRET] = make()
    return str(request.session[_SECRET])


def forget_key(request: HttpRequest) -> None:
    request.session.pop(_SECRET, None)
