"""Alarms open, are mailed once, are acknowledged, and close by themselves; however many look at the same time."""

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
from calllogs.alarms.rules import JUDGES
from calllogs.models import Alarm, AlarmHeartbeat, AlarmRecipient, OutgoingMail
from calllogs.notifications import outbox
from calllogs.notifications.outbox import Content

logger = logging.getLogger(__name__)

# What comes again so soon is still the same alarm: it is not told a second time.
AGAIN = dt.timedelta(minutes=15)
LATE = dt.timedelta(minutes=5)  # who watches is due every minute
SHOWN = ("id", "kind", "words", "opened_at", "acknowledged_name", "quiet_until", "mailed_at")


def evaluate_all(now: dt.datetime | None = None) -> None:
    """Judge everything, and write down what changed. What one judge stumbles over hides no other alarm."""
    now = now or timezone.now()
    for kind, judge in JUDGES.items():
        try:
            words = judge(now)
        except Exception as error:
            logger.error("the alarm %s cannot be judged: %s", kind, type(error).__name__)
            continue
        resolve(kind, words, now)
    queue_notifications(now)
    AlarmHeartbeat.objects.update_or_create(pk=AlarmHeartbeat.ONLY, defaults={"looked_at": now})


def resolve(kind: str, words: str, now: dt.datetime) -> None:
    """Open, keep or close the alarm of this kind; empty words: it is not the matter now."""
    is_on = Alarm.objects.filter(kind=kind, closed_at=None)
    if not words:
        if is_on.update(closed_at=now):
            outbox.drop(OutgoingMail.objects.filter(alarm__kind=kind, alarm__closed_at__isnull=False))
        return
    if is_on.update(last_seen_at=now, words=words[:400]):
        return
    try:
        with transaction.atomic():
            _open(kind, words[:400], now)
    except IntegrityError:
        return  # somebody else has opened it at this very moment


def _open(kind: str, words: str, now: dt.datetime) -> None:
    last = Alarm.objects.filter(kind=kind).order_by("-opened_at", "-id").first()
    if last and last.closed_at and last.closed_at > now - AGAIN:
        mine = Alarm.objects.filter(pk=last.pk, closed_at=last.closed_at)
        mine.update(closed_at=None, last_seen_at=now, words=words)
        return
    alarm = Alarm(kind=kind, words=words, opened_at=now, last_seen_at=now)
    if last and last.is_quiet(now):  # somebody said that this kind shall be quiet, and it still shall
        alarm.acknowledged_by_id, alarm.acknowledged_name = last.acknowledged_by_id, last.acknowledged_name
        alarm.acknowledged_at, alarm.quiet_until = last.acknowledged_at, last.quiet_until
    alarm.save(force_insert=True)


def queue_notifications(now: dt.datetime) -> None:
    """Write a letter about each alarm that is to be mailed, to each of its readers, once."""
    if not outbox.is_set_up():
        return
    alarms = list(Alarm.objects.to_mail(now))
    people = list(outbox.readers().filter(pk__in=AlarmRecipient.objects.values("user"))) if alarms else []
    if not people:
        return
    for alarm in alarms:
        with transaction.atomic():
            if (
                Alarm.objects.to_mail(now)
                .filter(pk=alarm.pk, mailed_at=alarm.mailed_at)
                .update(mailed_at=now)
            ):
                for is_limited in (False, True):
                    readers = [person for person in people if visibility_for(person).is_limited == is_limited]
                    outbox.write(readers, content(alarm, is_limited=is_limited), alarm=alarm)


def content(alarm: Alarm, *, is_limited: bool) -> Content:
    since = date_format(timezone.localtime(alarm.opened_at), "j F Y, H:i")
    context = {
        "kind": alarm.get_kind_display(),
        "words": alarm.told(is_limited=is_limited),
        "since": since,
        "link": outbox.address(reverse("admin:alarms")),
    }
    return Content(
        _("Alarm: %(kind)s") % {"kind": alarm.get_kind_display()},
        render_to_string("calllogs/alarms/mail.txt", context),
        render_to_string("calllogs/alarms/mail.html", context),
    )


# --- people ------------------------------------------------------------------------------------------------


def acknowledge(alarm_id: int, *, person: User, until: dt.datetime, now: dt.datetime | None = None) -> bool:
    """Quiet until that moment; False if it is over already."""
    now = now or timezone.now()
    is_on = Alarm.objects.filter(pk=alarm_id, closed_at=None)
    quiet = is_on.update(
        acknowledged_by=person,
        acknowledged_name=person.get_full_name() or person.username,
        acknowledged_at=now,
        quiet_until=until,
    )
    if quiet:
        outbox.drop(OutgoingMail.objects.filter(alarm=alarm_id))
        if not OutgoingMail.objects.filter(alarm=alarm_id).exclude(state=OutgoingMail.State.DROPPED).exists():
            is_on.update(mailed_at=None)  # seen before a mail had left: nobody was told by mail
    return bool(quiet)


def end_snooze(alarm_id: int, now: dt.datetime | None = None) -> bool:
    """The quiet time ends at this moment; False if there was none."""
    now = now or timezone.now()
    quiet = Alarm.objects.filter(pk=alarm_id, closed_at=None, quiet_until__gt=now)
    # Told is told: it is mailed again only if it was not mailed at all.
    return bool(quiet.update(quiet_until=None))


def mail_status(now: dt.datetime) -> tuple[list[Alarm], bool]:
    """What is on, the latest first, and whether somebody still looks; a portal that has just begun counts as watched.

    One query, since the home screen has few to spend.
    """
    nothing, never = Value("", CharField()), Cast(Value(None), DateTimeField())
    alarms = Alarm.objects.filter(closed_at=None).order_by().values_list(*SHOWN)
    watch = AlarmHeartbeat.objects.filter(pk=AlarmHeartbeat.ONLY).order_by().values_list(
        "pk", nothing, nothing, "looked_at", nothing, never, never
    )  # fmt: skip
    rows = list(alarms.union(watch, all=True))
    looked_at = next((row[3] for row in rows if not row[1]), now)
    found = [Alarm(**dict(zip(SHOWN, row, strict=True))) for row in rows if row[1]]
    return sorted(found, key=lambda alarm: (alarm.opened_at, alarm.pk), reverse=True), looked_at > now - LATE
