"""Opens, mails, snoozes and closes alarms. Safe when several workers run it at the same time."""

import datetime as dt
import logging

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import CharField, DateTimeField, Value
from django.db.models.functions import Cast
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calllogs.access.visibility import visibility_for
from calllogs.alarms.rules import RULES
from calllogs.models import Alarm, AlarmHeartbeat, AlarmRecipient, OutgoingMail
from calllogs.notifications import outbox
from calllogs.notifications.outbox import MailContent

logger = logging.getLogger(__name__)

# An alarm that recurs within this time is reopened, not mailed again.
REOPEN_WITHIN = dt.timedelta(minutes=15)
HEARTBEAT_TIMEOUT = dt.timedelta(minutes=5)  # the rules are evaluated every minute
LOADED_FIELDS = ("id", "kind", "words", "opened_at", "acknowledged_name", "quiet_until", "mailed_at")


def evaluate_all(now: dt.datetime | None = None) -> None:
    """Evaluate all rules and update the alarms. A rule that raises is logged and does not stop the others."""
    now = now or timezone.now()
    for kind, rule in RULES.items():
        try:
            text = rule(now)
        except Exception as error:
            logger.error("the rule of alarm %s failed: %s", kind, type(error).__name__)
            continue
        update_alarm(kind, text, now)
    queue_notifications(now)
    AlarmHeartbeat.objects.update_or_create(pk=AlarmHeartbeat.ONLY, defaults={"looked_at": now})


def update_alarm(kind: str, text: str, now: dt.datetime) -> None:
    """Open or update the alarm of this kind, or close it if `text` is empty."""
    open_alarm = Alarm.objects.filter(kind=kind, closed_at=None)
    if not text:
        if open_alarm.update(closed_at=now):
            outbox.drop_waiting(OutgoingMail.objects.filter(alarm__kind=kind, alarm__closed_at__isnull=False))
        return
    if open_alarm.update(last_seen_at=now, words=text[:400]):
        return
    try:
        with transaction.atomic():
            _open_alarm(kind, text[:400], now)
    except IntegrityError:
        return  # another worker has opened it at the same moment


def _open_alarm(kind: str, text: str, now: dt.datetime) -> None:
    last = Alarm.objects.filter(kind=kind).order_by("-opened_at", "-id").first()
    if last and last.closed_at and last.closed_at > now - REOPEN_WITHIN:
        unchanged = Alarm.objects.filter(pk=last.pk, closed_at=last.closed_at)
        unchanged.update(closed_at=None, last_seen_at=now, words=text)
        return
    alarm = Alarm(kind=kind, words=text, opened_at=now, last_seen_at=now)
    if last and last.is_quiet(now):  # a snooze applies to the kind, so the new alarm takes it over
        alarm.acknowledged_by_id, alarm.acknowledged_name = last.acknowledged_by_id, last.acknowledged_name
        alarm.acknowledged_at, alarm.quiet_until = last.acknowledged_at, last.quiet_until
    alarm.save(force_insert=True)


def queue_notifications(now: dt.datetime) -> None:
    """Queue one mail per recipient for each alarm that is due to be mailed."""
    if not outbox.is_set_up():
        return
    alarms = list(Alarm.objects.to_mail(now))
    if not alarms:
        return
    recipients = list(outbox.eligible_recipients().filter(pk__in=AlarmRecipient.objects.values("user")))
    if not recipients:
        return
    for alarm in alarms:
        with transaction.atomic():
            unclaimed = Alarm.objects.to_mail(now).filter(pk=alarm.pk, mailed_at=alarm.mailed_at)
            if unclaimed.update(mailed_at=now):
                for is_limited in (False, True):
                    users = [user for user in recipients if visibility_for(user).is_limited == is_limited]
                    outbox.queue_mails(users, build_mail(alarm, is_limited=is_limited), alarm=alarm)


def build_mail(alarm: Alarm, *, is_limited: bool) -> MailContent:
    since = date_format(timezone.localtime(alarm.opened_at), "j F Y, H:i")
    context = {
        "kind": alarm.get_kind_display(),
        "text": alarm.text_for(is_limited=is_limited),
        "since": since,
        "link": outbox.build_absolute_url(reverse("admin:alarms")),
    }
    return MailContent(
        _("Alarm: %(kind)s") % {"kind": alarm.get_kind_display()},
        render_to_string("calllogs/alarms/mail.txt", context),
        render_to_string("calllogs/alarms/mail.html", context),
    )


# --- actions of users --------------------------------------------------------------------------------------


def acknowledge(alarm_id: int, *, user: User, until: dt.datetime, now: dt.datetime | None = None) -> bool:
    """Snooze an open alarm until that moment. Returns False if it is already closed."""
    now = now or timezone.now()
    open_alarm = Alarm.objects.filter(pk=alarm_id, closed_at=None)
    is_snoozed = open_alarm.update(
        acknowledged_by=user,
        acknowledged_name=user.get_full_name() or user.username,
        acknowledged_at=now,
        quiet_until=until,
    )
    if is_snoozed:
        outbox.drop_waiting(OutgoingMail.objects.filter(alarm=alarm_id))
        if not OutgoingMail.objects.filter(alarm=alarm_id).exclude(state=OutgoingMail.State.DROPPED).exists():
            open_alarm.update(mailed_at=None)  # no mail was sent, so one is due when the snooze ends
    return bool(is_snoozed)


def end_snooze(alarm_id: int, now: dt.datetime | None = None) -> bool:
    """End the snooze now. Returns False if the alarm is not snoozed."""
    now = now or timezone.now()
    snoozed = Alarm.objects.filter(pk=alarm_id, closed_at=None, quiet_until__gt=now)
    # `mailed_at` stays, so an alarm that was mailed before the snooze is not mailed again.
    return bool(snoozed.update(quiet_until=None))


def load_open_alarms(now: dt.datetime) -> tuple[list[Alarm], bool]:
    """The open alarms, newest first, and whether the rules are still evaluated. True if they have never been evaluated.

    A single query, because the home screen has a limit of queries.
    """
    empty, null = Value("", CharField()), Cast(Value(None), DateTimeField())
    open_alarms = Alarm.objects.filter(closed_at=None).order_by().values_list(*LOADED_FIELDS)
    heartbeat = AlarmHeartbeat.objects.filter(pk=AlarmHeartbeat.ONLY).order_by().values_list(
        "pk", empty, empty, "looked_at", empty, null, null
    )  # fmt: skip
    rows = list(open_alarms.union(heartbeat, all=True))
    evaluated_at = next((row[3] for row in rows if not row[1]), now)
    alarms = [Alarm(**dict(zip(LOADED_FIELDS, row, strict=True))) for row in rows if row[1]]
    alarms.sort(key=lambda alarm: (alarm.opened_at, alarm.pk), reverse=True)
    return alarms, evaluated_at > now - HEARTBEAT_TIMEOUT
