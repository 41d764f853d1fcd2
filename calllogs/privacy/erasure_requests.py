"""Requests to erase a caller: recorded and hidden in one transaction, then enqueued."""

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from calllogs.models import CallbackEntry, CallLog, Erasure, Export, Push, Recording, Rollup
from calllogs.privacy import erasure_jobs, tasks
from calllogs.privacy.number_patterns import build_pattern
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import COMMAND_LINE
from ivrportal.common.phone import mask, to_e164
from settings_sync.models import Agent


class ErasureRefused(Exception):
    """The message for the user why this number is not erased. It does not contain the number."""


def clean_number(text: str) -> str:
    """The number as stored in calls. Raises ErasureRefused."""
    number = to_e164(text) or "".join(text.split())
    try:
        build_pattern(number)
    except ValueError:
        raise ErasureRefused(_("This is not a whole telephone number. Write all its digits.")) from None
    if Agent.objects.filter(number=number).exists():
        raise ErasureRefused(
            _(
                "This is the number of an agent, which is a setting. Delete the agent first, then erase the number."
            )
        )
    if Rollup.objects.filter(
        unit=Rollup.Unit.DAY, dimension=Rollup.Dimension.VIRTUAL_NUMBER, value=number
    ).exists():
        raise ErasureRefused(_("This is a number of the office, on which people call. It is no caller's."))
    if User.objects.filter(username__regex=build_pattern(number)).exists():
        raise ErasureRefused(
            _("Somebody signs in with this number as user name. Give that login another name first.")
        )
    return number


def count_affected(number: str) -> dict[str, int]:
    """What an erasure would remove, for the confirmation page: {name: count}, as far as it can be counted quickly."""
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


def request_erasure(number: str, *, request: HttpRequest | None = None) -> tuple[Erasure, bool]:
    """Returns (erasure, is_new). A repeated request returns the one under way. Raises ErasureRefused."""
    number = clean_number(number)
    user: Any = request.user if request else None
    try:
        with transaction.atomic():
            who = user.get_username() if user else COMMAND_LINE
            erasure = erasure_jobs.start(number, user=user, who=who)
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
        first = Erasure.objects.under_way().filter(digest__in=audit_log.caller_digests(number)).first()
        # The first one may have ended just now; then a new one can start.
        return (first, False) if first else request_erasure(number, request=request)
