"""Sign-ins, sign-outs and failed sign-ins, in the audit trail. Django tells of them by its own signals alone."""

from typing import Any

from django.contrib.auth import signals
from django.http import HttpRequest

from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action

LONGEST_NAME = 150


def connect() -> None:
    for signal, receiver in (
        (signals.user_logged_in, _signed_in),
        (signals.user_logged_out, _signed_out),
        (signals.user_login_failed, _failed),
    ):
        signal.connect(receiver, dispatch_uid="ivrportal.accounts.audit_signals")


def _signed_in(*, request: HttpRequest | None, user: Any, **_: Any) -> None:
    audit_log.record(Action.SIGNED_IN, request=request, person=user, subject=audit_log.subject_of(user))


def _signed_out(*, request: HttpRequest | None, user: Any, **_: Any) -> None:
    if user is not None:  # nobody was signed in
        audit_log.record(Action.SIGNED_OUT, request=request, person=user, subject=audit_log.subject_of(user))


def _failed(*, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """The typed name is whatever somebody typed. Of the rest nothing is kept."""
    name = credentials.get("username")
    person = name[:LONGEST_NAME] if isinstance(name, str) else ""
    audit_log.record(Action.SIGN_IN_FAILED, request=request, person=person)
