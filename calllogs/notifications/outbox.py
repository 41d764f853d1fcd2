"""The outbox: mails are stored as rows in the transaction of what they are about, and sent by any worker.

Delivery is at least once. A worker that dies after the mail server accepted a mail, but before the result is stored,
leaves a mail that is sent again after `LEASE`. Both copies have the same Message-ID, so mail clients can show one.
Replies of mail servers may contain addresses, so only the kind of an error is stored.
"""

import datetime as dt
import logging
import smtplib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from calllogs.models import Alarm, OutgoingMail, ReportRun

logger = logging.getLogger(__name__)

VIEW_CALLS_PERMISSION = "calllogs.view_calllog"
LEASE = dt.timedelta(minutes=3)  # longer than any attempt: Celery ends the task within one minute
RETRY_DELAYS = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180))
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1
FILE_BACKEND = "django.core.mail.backends.filebased.EmailBackend"


@dataclass(frozen=True, slots=True)
class MailContent:
    subject: str
    text: str
    html: str = ""


def is_set_up() -> bool:
    """Whether mail delivery is configured."""
    return bool(settings.MAIL_IS_SET_UP)


def mail_folder() -> str:
    """The folder where mails are stored as files instead of being sent, as in the demo; empty if they are sent."""
    return str(settings.EMAIL_FILE_PATH) if settings.EMAIL_BACKEND == FILE_BACKEND else ""


def build_absolute_url(path: str) -> str:
    """The absolute URL of a page, for links in mails."""
    return f"{settings.PORTAL_URL}{path}"


def eligible_recipients() -> QuerySet[User]:
    """Users to whom mails may be sent: active staff with an e-mail address and the permission to see calls."""
    users: QuerySet[User] = User.objects.with_perm(
        VIEW_CALLS_PERMISSION, backend="django.contrib.auth.backends.ModelBackend"
    )
    return users.filter(is_staff=True).exclude(email="").order_by("username")


def queue_mails(
    users: Iterable[User], content: MailContent, *, alarm: Alarm | None = None, run: ReportRun | None = None
) -> None:
    """Store one mail per user, in the caller's transaction."""
    now = timezone.now()
    OutgoingMail.objects.bulk_create(
        OutgoingMail(
            user=user,
            alarm=alarm,
            run=run,
            subject=content.subject[:200],
            text=content.text,
            html=content.html,
            made_at=now,
            next_at=now,
        )
        for user in users
    )


def drop_waiting(mails: QuerySet[OutgoingMail]) -> None:
    """Cancel those of the mails that are still waiting. An attempt in progress is not stopped."""
    mails.filter(state=OutgoingMail.State.WAITING).update(state=OutgoingMail.State.DROPPED, next_at=None)


def send_due(*, budget_s: float) -> int:
    """Send the mails that are due, oldest first. Returns how many were sent.

    Starts no mail after `budget_s`, and stops after a temporary error.
    """
    deadline, sent = time.monotonic() + budget_s, 0
    due = OutgoingMail.objects.filter(state=OutgoingMail.State.WAITING, next_at__lte=timezone.now())
    for mail in due.select_related("user").order_by("next_at", "id")[:200]:
        if time.monotonic() > deadline:
            break
        if not _claim(mail):
            continue
        try:
            problem, is_permanent = _reason_not_to_send(mail), True
            if not problem:
                _send_mail(mail)
        except Exception as error:  # whatever a mail server, a socket or a file system raises
            problem, is_permanent = describe_error(error), _is_permanent(error)
            logger.warning(
                "mail %d was not sent (%s), attempt %d", mail.pk, type(error).__name__, mail.attempts
            )
        _record_result(mail, problem, is_permanent=is_permanent)
        sent += not problem
        if problem and not is_permanent:
            break  # the other mails would wait for the same server; they stay due
    return sent


def _claim(mail: OutgoingMail) -> bool:
    """Begin an attempt. False if another worker has claimed the mail; otherwise it is ours until `LEASE` is over."""
    unclaimed = OutgoingMail.objects.filter(
        pk=mail.pk, state=OutgoingMail.State.WAITING, attempts=mail.attempts
    )
    mail.attempts += 1
    return bool(unclaimed.update(attempts=mail.attempts, next_at=timezone.now() + LEASE))


def _record_result(mail: OutgoingMail, problem: str, *, is_permanent: bool) -> None:
    """Store the result of an attempt, unless a newer attempt has begun."""
    now = timezone.now()
    claimed = OutgoingMail.objects.filter(pk=mail.pk, attempts=mail.attempts)
    if not problem:
        claimed.update(state=OutgoingMail.State.SENT, sent_at=now, next_at=None, problem="")
    elif is_permanent or mail.attempts >= MAX_ATTEMPTS:
        claimed.filter(state=OutgoingMail.State.WAITING).update(
            state=OutgoingMail.State.FAILED, next_at=None, problem=problem[:200]
        )
    else:
        delay = RETRY_DELAYS[mail.attempts - 1]
        claimed.filter(state=OutgoingMail.State.WAITING).update(next_at=now + delay, problem=problem[:200])


def _reason_not_to_send(mail: OutgoingMail) -> str:
    """Why the mail must not be sent; empty if it may be sent."""
    if mail.attempts > MAX_ATTEMPTS:
        return _("It was begun several times and never came to its end.")
    if not is_set_up():
        return _("E-mail is not set up.")
    user = mail.user
    if not user.is_active or not user.has_perm(VIEW_CALLS_PERMISSION):
        return _("This person may not see calls any more.")
    return "" if user.email else _("This person has no e-mail address.")


def _send_mail(mail: OutgoingMail) -> None:
    host = urlsplit(settings.PORTAL_URL).hostname or "localhost"
    message = EmailMultiAlternatives(
        mail.subject,
        mail.text,
        to=[mail.user.email],
        # The same Message-ID for each attempt. Auto-Submitted suppresses automatic replies.
        headers={"Message-ID": f"<letter-{mail.pk}@{host}>", "Auto-Submitted": "auto-generated"},
        connection=get_connection(),
    )
    if mail.html:
        message.attach_alternative(mail.html, "text/html")
    message.send()


def _is_permanent(error: Exception) -> bool:
    """Whether the mail server refuses this recipient permanently, so another attempt is useless."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(500 <= code < 600 for code, _text in error.recipients.values())
    return False


def describe_error(error: Exception) -> str:
    """The error as a text for users, without addresses and without the server's reply."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _("The mail server does not take mail for this address.")
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return _("The mail server refuses our user name or password.")
    if isinstance(error, smtplib.SMTPResponseException):
        return _("The mail server refused it with code %(code)d.") % {"code": error.smtp_code}
    # smtplib reports a time-out as a lost connection. The task's soft limit ends an exchange that is too slow.
    if isinstance(error, smtplib.SMTPServerDisconnected | TimeoutError | SoftTimeLimitExceeded):
        return _("The mail server did not answer in time, or hung up.")
    if isinstance(error, OSError):
        return _("The mail server cannot be reached.")
    return _("It went wrong on our side (%(kind)s).") % {"kind": type(error).__name__}
