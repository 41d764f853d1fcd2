"""The way out for mails: letters are rows, written with what they are about, and sent by whoever comes next.

At least once: a worker that dies between the mail server's yes and our note of it leaves a letter that is sent again
after LEASE. Both copies have the same Message-ID, so that mail programs which care show one. What a mail server says
may hold addresses: of its errors only the kind is kept.
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

VIEW = "calllogs.view_calllog"
LEASE = dt.timedelta(minutes=3)  # longer than any attempt: the task that tries is ended after one minute
WAITS = tuple(
    dt.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180)
)  # after the first try, the second, …
MOST_TRIES = len(WAITS) + 1
FILES = "django.core.mail.backends.filebased.EmailBackend"


@dataclass(frozen=True, slots=True)
class Content:
    subject: str
    text: str
    html: str = ""


def is_set_up() -> bool:
    """Whether mails can go anywhere."""
    return bool(settings.MAIL_IS_SET_UP)


def folder() -> str:
    """Where mails are laid instead of being sent, as in the demo; empty if they are sent."""
    return str(settings.EMAIL_FILE_PATH) if settings.EMAIL_BACKEND == FILES else ""


def address(path: str) -> str:
    """The whole address of a page, for a mail."""
    return f"{settings.PORTAL_URL}{path}"


def readers() -> QuerySet[User]:
    """Who can be written to: active, with an e-mail address, and allowed to see calls."""
    found: QuerySet[User] = User.objects.with_perm(VIEW, backend="django.contrib.auth.backends.ModelBackend")
    return found.filter(is_staff=True).exclude(email="").order_by("username")


def write(
    people: Iterable[User], content: Content, *, alarm: Alarm | None = None, run: ReportRun | None = None
) -> None:
    """A letter for each; the caller's transaction decides whether they come to be."""
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
        for user in people
    )


def drop(letters: QuerySet[OutgoingMail]) -> None:
    """What nobody needs any more is not sent, unless somebody is at it."""
    letters.filter(state=OutgoingMail.State.WAITING).update(state=OutgoingMail.State.DROPPED, next_at=None)


def send_due(*, budget_s: float) -> int:
    """Send what is due, the oldest first; how many were sent. Ends when the mail server cannot be reached."""
    until, sent = time.monotonic() + budget_s, 0
    due = OutgoingMail.objects.filter(state=OutgoingMail.State.WAITING, next_at__lte=timezone.now())
    for letter in due.select_related("user").order_by("next_at", "id")[:200]:
        if time.monotonic() > until:
            break
        if not _claim(letter):
            continue
        try:
            problem, is_final = _refusal(letter), True
            if not problem:
                _send(letter)
        except Exception as error:  # whatever a mail server, a socket or a file system raises
            problem, is_final = words_for(error), _is_final(error)
            logger.warning(
                "letter %d was not sent (%s), attempt %d", letter.pk, type(error).__name__, letter.attempts
            )
        _note(letter, problem, is_final=is_final)
        sent += not problem
        if problem and not is_final:
            break  # the others would wait for the same server; they are still due
    return sent


def _claim(letter: OutgoingMail) -> bool:
    """One attempt of one worker. Until LEASE is over nobody else tries."""
    mine = OutgoingMail.objects.filter(
        pk=letter.pk, state=OutgoingMail.State.WAITING, attempts=letter.attempts
    )
    letter.attempts += 1
    return bool(mine.update(attempts=letter.attempts, next_at=timezone.now() + LEASE))


def _note(letter: OutgoingMail, problem: str, *, is_final: bool) -> None:
    now = timezone.now()
    mine = OutgoingMail.objects.filter(pk=letter.pk, attempts=letter.attempts)
    if not problem:
        mine.update(state=OutgoingMail.State.SENT, sent_at=now, next_at=None, problem="")
    elif is_final or letter.attempts >= MOST_TRIES:
        mine.filter(state=OutgoingMail.State.WAITING).update(
            state=OutgoingMail.State.FAILED, next_at=None, problem=problem[:200]
        )
    else:
        wait = WAITS[letter.attempts - 1]
        mine.filter(state=OutgoingMail.State.WAITING).update(next_at=now + wait, problem=problem[:200])


def _refusal(letter: OutgoingMail) -> str:
    """Why it must not be sent, whatever the mail server would say; empty if it may."""
    if letter.attempts > MOST_TRIES:
        return _("It was begun several times and never came to its end.")
    if not is_set_up():
        return _("E-mail is not set up.")
    user = letter.user
    if not user.is_active or not user.has_perm(VIEW):
        return _("This person may not see calls any more.")
    return "" if user.email else _("This person has no e-mail address.")


def _send(letter: OutgoingMail) -> None:
    host = urlsplit(settings.PORTAL_URL).hostname or "localhost"
    mail = EmailMultiAlternatives(
        letter.subject,
        letter.text,
        to=[letter.user.email],
        # The same for each attempt; and no automatic answers, please.
        headers={"Message-ID": f"<letter-{letter.pk}@{host}>", "Auto-Submitted": "auto-generated"},
        connection=get_connection(),
    )
    if letter.html:
        mail.attach_alternative(letter.html, "text/html")
    mail.send()


def _is_final(error: Exception) -> bool:
    """Whether the mail server will say the same to the next attempt: it refuses this one person for good."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(500 <= code < 600 for code, _text in error.recipients.values())
    return False


def words_for(error: Exception) -> str:
    """What a person is told of it; no address, no text of the server."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _("The mail server does not take mail for this address.")
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return _("The mail server refuses our user name or password.")
    if isinstance(error, smtplib.SMTPResponseException):
        return _("The mail server refused it with code %(code)d.") % {"code": error.smtp_code}
    # A time-out reaches us as a lost connection; the task's own limit ends a server that drips.
    if isinstance(error, smtplib.SMTPServerDisconnected | TimeoutError | SoftTimeLimitExceeded):
        return _("The mail server did not answer in time, or hung up.")
    if isinstance(error, OSError):
        return _("The mail server cannot be reached.")
    return _("It went wrong on our side (%(kind)s).") % {"kind": type(error).__name__}
