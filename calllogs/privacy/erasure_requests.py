"""What a person asks for: a caller erased. Recorded first, hidden with the same commit, then nudged."""

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from calllogs.models import CallbackEntry, CallLog, Erasure, Export, Push, Recording, Rollup
from calllogs.privacy import erasure_jobs, tasks
from calllogs.privacy.number_patterns import pattern_of
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import COMMAND_LINE
from ivrportal.common.phone import mask, to_e164
from settings_sync.models import Agent


class Refused(Exception):
    """Why this number is not erased; a sentence for a person, without the number."""


def number_of(text: str) -> str:
    """The number as calls have it. Raises Refused."""
    number = to_e164(text) or "".join(text.split())
    try:
        pattern_of(number)
    except ValueError:
        raise Refused(_("This is not a whole telephone number. Write all its digits.")) from None
    if Agent.objects.filter(number=number).exists():
        raise Refused(
            _(
                "This is the number of an agent, which is a setting. Delete the agent first, then erase the number."
            )
        )
    if Rollup.objects.filter(
        unit=Rollup.Unit.DAY, dimension=Rollup.Dimension.VIRTUAL_NUMBER, value=number
    ).exists():
        raise Refused(_("This is a number of the office, on which people call. It is no caller's."))
    if User.objects.filter(username__regex=pattern_of(number)).exists():
        raise Refused(
            _("Somebody signs in with this number as user name. Give that login another name first.")
        )
    return number


def what_would_go(number: str) -> dict[str, int]:
    """For the person who is about to ask: what can be counted at once."""
    calls = CallLog.objects.filter(caller=number)
    return {
        "calls": calls.count(),
        "pushes": Push.objects.filter(call__in=calls.values("pk")).count(),
        "recordings": Recording.objects.filter(call__in=calls.values("pk")).exclude(file="").count(),
        "notes": sum(
            calls.filter(**{f"{name}__isnull": False}).values(f"{name}__pk").count()
            for name in ("callnote", "calltag")
        ),
        "desk": CallbackEntry.objects.filter(caller=number).count(),
        "exports": Export.objects.exclude(file="").count(),
    }


def ask(number: str, *, request: HttpRequest | None = None) -> tuple[Erasure, bool]:
    """The erasure of this number, and whether it is new: who asks twice joins the first. Raises Refused."""
    number = number_of(number)
    user: Any = request.user if request else None
    try:
        with transaction.atomic():
            who = user.get_username() if user else COMMAND_LINE
            erasure = erasure_jobs.begin(number, user=user, who=who)
            audit_log.record(
                audit_log.Action.ERASED,
                request=request,
                person=None if request else COMMAND_LINE,
                what=_("everything about the caller %(number)s") % {"number": mask(number)},
                subject=f"calllogs.erasure:{erasure.pk}",
                callers=[number],
                count=erasure.counts.get("calls", 0),
            )
            transaction.on_commit(lambda: tasks.enqueue_erasure(erasure.pk), robust=True)
            return erasure, True
    except IntegrityError:
        first = Erasure.objects.under_way().filter(digest__in=audit_log.digests_of(number)).first()
        # It may have ended in this very moment: then there is room for a new one.
        return (first, False) if first else ask(number, request=request)
