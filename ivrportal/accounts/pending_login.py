"""A login between the password step and the second-factor step. It is kept in the session for ten minutes."""

import time
from typing import Any

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from ivrportal.accounts import session_limits

LIFETIME_S = 600
_KEY, _SECRET = "pending_sign_in", "pending_key"


def begin(request: HttpRequest, user: Any, *, target: str) -> None:
    """`target` is the URL to redirect to after login, already checked to be on this site."""
    request.session.flush()  # a new session key, without data of a previous user
    request.session[_KEY] = {
        "person": user.pk,
        "backend": user.backend,
        "password": user.get_session_auth_hash(),
        "at": time.time(),
        "to": target,
    }
    request.session.set_expiry(LIFETIME_S)


def pending_user(request: HttpRequest) -> User | None:
    """None if there is no pending login, it has expired, or the password or account has changed since."""
    pending = request.session.get(_KEY)
    if not pending or time.time() - pending["at"] > LIFETIME_S:
        return None
    person = User.objects.filter(pk=pending["person"], is_active=True, is_staff=True).first()
    if person is None or not constant_time_compare(pending["password"], person.get_session_auth_hash()):
        return None
    return person


def finish(request: HttpRequest, person: User, *, device: int) -> str:
    """Log the user in under a new session key. Returns the URL to redirect to."""
    pending = request.session.pop(_KEY)
    request.session.pop(_SECRET, None)
    login(request, person, backend=pending["backend"])
    session_limits.set_device(request, device)
    return str(pending["to"])


def cancel(request: HttpRequest) -> None:
    request.session.flush()


# The key of a phone during set-up is kept in the session, not in TOTPDevice. Otherwise someone who knows the password
# could open the page first and see the key that the owner confirms later.


def get_or_create_key(request: HttpRequest, generate: Any) -> str:
    if _SECRET not in request.session:
        request.session[_SECRET] = generate()
    return str(request.session[_SECRET])


def forget_key(request: HttpRequest) -> None:
    request.session.pop(_SECRET, None)
