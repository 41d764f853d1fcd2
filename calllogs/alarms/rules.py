"""Judges look at one thing each: a sentence if it is the matter now, else an empty text.

Sentences are mailed: they count, and name no telephone number, so no agent's setting either.
"""

import datetime as dt
from collections.abc import Callable

from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from calllogs.alarms import silence
from calllogs.intake import replay
from calllogs.models import OutgoingMail, Push, Report, ReportRun
from calllogs.models.alarm import Alarm
from settings_sync import coverage
from settings_sync.delivery import circuit
from settings_sync.models import Circuit, ProviderSetting
from settings_sync.models.provider_setting import State

HOUR = dt.timedelta(hours=1)
STUCK_S = 30  # the spool is drained every five seconds; what is older than this does not go in


def _silence(now: dt.datetime) -> str:
    found = silence.found(now)
    return silence.words(found, now) if found else ""


def _nobody(_now: dt.datetime) -> str:
    alarm = coverage.alarm_now()
    if not alarm.is_nobody:
        return ""
    words = _("Nobody is available, and the office is open until %(until)s: no one can answer a call.")
    return words % {"until": alarm.until}


def _breaker(_now: dt.datetime) -> str:
    """Open until a request gets through again, also while a probe is on its way."""
    if not circuit.is_configured() or not Circuit.objects.filter(opened_until__isnull=False).exists():
        return ""
    waiting = ProviderSetting.objects.not_past().moving().count()
    return ngettext(
        "The provider does not answer. %(n)d change waits, and reaches it by itself when it answers again.",
        "The provider does not answer. %(n)d changes wait, and reach it by themselves when it answers again.",
        waiting,
    ) % {"n": waiting}


def _account(now: dt.datetime) -> str:
    paused_at = Circuit.objects.exclude(paused_reason="").values_list("paused_at", flat=True).first()
    if paused_at is None:
        return ""
    return _(
        "The provider refuses our account or its address does not work, since %(time)s: nothing is sent. Have key, "
        "customer id and address checked, then press Start sending."
    ) % {"time": _clock(paused_at, now)}


def _refused(_now: dt.datetime) -> str:
    count = ProviderSetting.objects.not_past().filter(state__in=[State.REFUSED, State.NEEDS_PERSON]).count()
    if not count:
        return ""
    return ngettext(
        "%(n)d setting was refused by the provider or answered in words that we do not know: a person must look.",
        "%(n)d settings were refused by the provider or answered in words that we do not know: a person must look.",
        count,
    ) % {"n": count}


def _unsent(now: dt.datetime) -> str:
    """Changed an hour ago and not confirmed, or failing for as long; what a person must look at is told already."""
    changed = ~Q(desired=F("confirmed")) & Q(changed_at__lt=now - HOUR)
    rows = ProviderSetting.objects.not_past().moving().exclude(state=State.NEEDS_PERSON)
    count = rows.filter(changed | Q(first_failed_at__lt=now - HOUR)).count()
    if not count:
        return ""
    return ngettext(
        "%(n)d change has not reached the provider for more than an hour: callers may still meet what was before.",
        "%(n)d changes have not reached the provider for more than an hour: callers may still meet what was before.",
        count,
    ) % {"n": count}


def _spool(_now: dt.datetime) -> str:
    depth = replay.spool().depth()
    if not depth.records or depth.oldest_age_s < STUCK_S:
        return ""
    return ngettext(
        "%(n)d push of the provider waits on the disk of the server and does not get into the database.",
        "%(n)d pushes of the provider wait on the disk of the server and do not get into the database.",
        depth.records,
    ) % {"n": depth.records}


def _damaged(_now: dt.datetime) -> str:
    count = replay.spool().depth().damaged
    if not count:
        return ""
    return ngettext(
        "%(n)d push was damaged on the disk of the server and is set aside in the spool's folder.",
        "%(n)d pushes were damaged on the disk of the server and are set aside in the spool's folder.",
        count,
    ) % {"n": count}


def _inbox(now: dt.datetime) -> str:
    """New ones: who leaves an old one lying has seen it."""
    new = Push.objects.filter(outcome=Push.Outcome.REJECTED, received_at__gte=now - HOUR).count()
    if not new:
        return ""
    return ngettext(
        "%(n)d push of the last hour could not be used. It waits in the inbox to be corrected.",
        "%(n)d pushes of the last hour could not be used. They wait in the inbox to be corrected.",
        new,
    ) % {"n": new}


def _mail(_now: dt.datetime) -> str:
    """Reports whose newest run reached somebody not, for good."""
    newest = ReportRun.objects.filter(report=OuterRef("pk")).order_by("-made_at", "-id").values("pk")[:1]
    runs = Report.objects.filter(is_on=True).annotate(newest=Subquery(newest)).values("newest")
    failed = OutgoingMail.objects.filter(run__in=runs, state=OutgoingMail.State.FAILED).values("run")
    names = ReportRun.objects.filter(Q(pk__in=failed) | (Q(pk__in=runs) & ~Q(problem=""))).order_by(
        "report__name"
    )
    found = sorted(set(names.values_list("report__name", flat=True)))
    if not found:
        return ""
    return _("Not everybody got the report: %(names)s. Its page says why.") % {
        "names": ", ".join(found)[:200]
    }


def _clock(moment: dt.datetime, now: dt.datetime) -> str:
    local = timezone.localtime(moment)
    is_today = local.date() == timezone.localdate(now)
    return time_format(local, "H:i") if is_today else f"{local:%d %b, %H:%M}"


JUDGES: dict[str, Callable[[dt.datetime], str]] = {
    Alarm.Kind.SILENCE: _silence,
    Alarm.Kind.NOBODY: _nobody,
    Alarm.Kind.BREAKER: _breaker,
    Alarm.Kind.ACCOUNT: _account,
    Alarm.Kind.REFUSED: _refused,
    Alarm.Kind.UNSENT: _unsent,
    Alarm.Kind.SPOOL: _spool,
    Alarm.Kind.DAMAGED: _damaged,
    Alarm.Kind.INBOX: _inbox,
    Alarm.Kind.MAIL: _mail,
}
