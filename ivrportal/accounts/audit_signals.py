"""Records logins, logouts and failed logins in the audit log. Django's signals are the only hook for all of them."""

from typing import Any

from django.contrib.auth import signals
from django.http import HttpRequest

from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action

MAX_NAME_LENGTH = 150


def connect() -> None:
    for signal, receiver in (
        (signals.user_logged_in, _record_sign_in),
        (signals.user_logged_out, _record_sign_out),
        (signals.user_login_failed, _record_failure),
    ):
        signal.connect(receiver, dispatch_uid="ivrportal.accounts.audit_signals")


def _record_sign_in(*, request: HttpRequest | None, user: Any, **_: Any) -> None:
    audit_log.record(Action.SIGNED_IN, request=request, person=user, subject=audit_log.subject_of(user))


def _record_sign_out(*, request: HttpRequest | None, user: Any, **_: Any) -> None:
    if user is not None:  # None: nobody was logged in
        audit_log.record(Action.SIGNED_OUT, request=request, person=user, subject=audit_log.subject_of(user))


def _record_failure(*, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """Records the typed user name, which may belong to nobody. Other credentials are not stored."""
    name = credentials.get("username")
    person = name[:MAX_NAME_LENGTH] if isinstance(name, str) else ""
    audit_log.record(Action.SIGN_IN_FAILED, request=request, person=person)
