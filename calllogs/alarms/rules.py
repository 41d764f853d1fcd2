"""Alarm rules: one function per kind of alarm. It returns the alarm's text, or an empty text if all is well.

The text is mailed. It may hold counts, but no telephone number, and therefore no agent's setting address.
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
STUCK_AFTER_S = 30  # the spool is drained every five seconds, so an older record is stuck


def _check_silence(now: dt.datetime) -> str:
    detected = silence.detect_silence(now)
    return silence.describe_silence(detected, now) if detected else ""


def _check_nobody_available(_now: dt.datetime) -> str:
    alarm = coverage.load_alarm()
    if not alarm.is_nobody:
        return ""
    template = _("Nobody is available, and the office is open until %(until)s: no one can answer a call.")
    return template % {"until": alarm.until}


def _check_provider_down(_now: dt.datetime) -> str:
    """The alarm lasts until a request succeeds, also while the circuit breaker sends a probe."""
    if not circuit.is_configured() or not Circuit.objects.filter(opened_until__isnull=False).exists():
        return ""
    waiting = ProviderSetting.objects.not_past().pending().count()
    return ngettext(
        "The provider does not answer. %(n)d change waits, and reaches it by itself when it answers again.",
        "The provider does not answer. %(n)d changes wait, and reach it by themselves when it answers again.",
        waiting,
    ) % {"n": waiting}


def _check_account_refused(now: dt.datetime) -> str:
    paused_at = Circuit.objects.exclude(paused_reason="").values_list("paused_at", flat=True).first()
    if paused_at is None:
        return ""
    return _(
        "The provider refuses our account or its address does not work, since %(time)s: nothing is sent. Have key, "
        "customer id and address checked, then press Start sending."
    ) % {"time": _format_time(paused_at, now)}


def _check_refused_settings(_now: dt.datetime) -> str:
    count = ProviderSetting.objects.not_past().filter(state__in=[State.REFUSED, State.NEEDS_PERSON]).count()
    if not count:
        return ""
    return ngettext(
        "%(n)d setting was refused by the provider or answered in words that we do not know: a person must look.",
        "%(n)d settings were refused by the provider or answered in words that we do not know: a person must look.",
        count,
    ) % {"n": count}


def _check_unsent_changes(now: dt.datetime) -> str:
    """Settings unconfirmed or failing for more than an hour, without those that `_check_refused_settings` counts."""
    changed = ~Q(desired=F("confirmed")) & Q(changed_at__lt=now - HOUR)
    rows = ProviderSetting.objects.not_past().pending().exclude(state=State.NEEDS_PERSON)
    count = rows.filter(changed | Q(first_failed_at__lt=now - HOUR)).count()
    if not count:
        return ""
    return ngettext(
        "%(n)d change has not reached the provider for more than an hour: callers may still meet what was before.",
        "%(n)d changes have not reached the provider for more than an hour: callers may still meet what was before.",
        count,
    ) % {"n": count}


def _check_spool(_now: dt.datetime) -> str:
    depth = replay.get_spool().depth()
    if not depth.records or depth.oldest_age_s < STUCK_AFTER_S:
        return ""
    return ngettext(
        "%(n)d push of the provider waits on the disk of the server and does not get into the database.",
        "%(n)d pushes of the provider wait on the disk of the server and do not get into the database.",
        depth.records,
    ) % {"n": depth.records}


def _check_damaged_pushes(_now: dt.datetime) -> str:
    count = replay.get_spool().depth().damaged
    if not count:
        return ""
    return ngettext(
        "%(n)d push was damaged on the disk of the server and is set aside in the spool's folder.",
        "%(n)d pushes were damaged on the disk of the server and are set aside in the spool's folder.",
        count,
    ) % {"n": count}


def _check_inbox(now: dt.datetime) -> str:
    """Rejected pushes of the last hour. Older ones are assumed to have been noticed."""
    count = Push.objects.filter(outcome=Push.Outcome.REJECTED, received_at__gte=now - HOUR).count()
    if not count:
        return ""
    return ngettext(
        "%(n)d push of the last hour could not be used. It waits in the inbox to be corrected.",
        "%(n)d pushes of the last hour could not be used. They wait in the inbox to be corrected.",
        count,
    ) % {"n": count}


def _check_report_mails(_now: dt.datetime) -> str:
    """Reports whose latest run permanently failed for at least one recipient."""
    latest = ReportRun.objects.filter(report=OuterRef("pk")).order_by("-made_at", "-id").values("pk")[:1]
    latest_runs = Report.objects.filter(is_on=True).annotate(latest=Subquery(latest)).values("latest")
    failed = OutgoingMail.objects.filter(run__in=latest_runs, state=OutgoingMail.State.FAILED).values("run")
    failed_runs = ReportRun.objects.filter(
        Q(pk__in=failed) | (Q(pk__in=latest_runs) & ~Q(problem=""))
    ).order_by("report__name")
    names = sorted(set(failed_runs.values_list("report__name", flat=True)))
    if not names:
        return ""
    return _("Not everybody got the report: %(names)s. Its page says why.") % {
        "names": ", ".join(names)[:200]
    }


def _format_time(moment: dt.datetime, now: dt.datetime) -> str:
    local = timezone.localtime(moment)
    is_today = local.date() == timezone.localdate(now)
    return time_format(local, "H:i") if is_today else f"{local:%d %b, %H:%M}"


RULES: dict[str, Callable[[dt.datetime], str]] = {
    Alarm.Kind.SILENCE: _check_silence,
    Alarm.Kind.NOBODY: _check_nobody_available,
    Alarm.Kind.BREAKER: _check_provider_down,
    Alarm.Kind.ACCOUNT: _check_account_refused,
    Alarm.Kind.REFUSED: _check_refused_settings,
    Alarm.Kind.UNSENT: _check_unsent_changes,
    Alarm.Kind.SPOOL: _check_spool,
    Alarm.Kind.DAMAGED: _check_damaged_pushes,
    Alarm.Kind.INBOX: _check_inbox,
    Alarm.Kind.MAIL: _check_report_mails,
}
