"""Alarms, their recipients and the heartbeat of their evaluation."""

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class AlarmQuerySet(models.QuerySet["Alarm"]):
    def open(self) -> "AlarmQuerySet":
        """Alarms that are not closed, newest first."""
        return self.filter(closed_at=None).order_by("-opened_at", "-id")

    def to_mail(self, now: dt.datetime) -> "AlarmQuerySet":
        """Open alarms, not snoozed now, that were not mailed yet or were last mailed before a snooze that has ended."""
        is_new = Q(mailed_at=None)
        was_quiet = Q(quiet_until__isnull=False, mailed_at__lt=F("quiet_until"))
        return self.open().filter(Q(quiet_until=None) | Q(quiet_until__lte=now)).filter(is_new | was_quiet)


class Alarm(models.Model):
    """A condition that needs, or needed, attention. `words`, its text, is mailed and holds no telephone number."""

    class Kind(models.TextChoices):
        SILENCE = "SILENCE", _("No calls come")
        NOBODY = "NOBODY", _("Nobody is available")
        BREAKER = "BREAKER", _("The provider does not answer")
        ACCOUNT = "ACCOUNT", _("The provider refuses our account")
        REFUSED = "REFUSED", _("The provider refused a setting")
        UNSENT = "UNSENT", _("A change has not reached the provider")
        SPOOL = "SPOOL", _("Calls wait on the disk")
        DAMAGED = "DAMAGED", _("Damaged calls on the disk")
        INBOX = "INBOX", _("Calls that cannot be used")
        MAIL = "MAIL", _("A report could not be mailed")

    kind = models.CharField(_("what"), max_length=10, choices=Kind)
    words = models.CharField(max_length=400)
    opened_at = models.DateTimeField(_("since"))
    last_seen_at = models.DateTimeField(help_text="When it was last found to be so.")
    closed_at = models.DateTimeField(_("until"), null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    acknowledged_name = models.CharField(
        max_length=150, blank=True, help_text="Stays when the account is deleted."
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    quiet_until = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(
        null=True, blank=True, help_text="When its letters were written; each is sent by itself."
    )

    objects = AlarmQuerySet.as_manager()

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        ordering = ["-opened_at", "-id"]
        constraints = [
            # Workers that evaluate the rules at the same moment open only one.
            models.UniqueConstraint(
                fields=["kind"], condition=Q(closed_at=None), name="one_open_alarm_of_a_kind"
            )
        ]
        indexes = [
            # read by the list of past alarms, by the search for a kind's latest alarm, and by retention
            models.Index(fields=["-opened_at", "-id"], name="alarm_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {timezone.localtime(self.opened_at):%d %b %Y, %H:%M}"

    def text_for(self, *, is_limited: bool) -> str:
        """The text for a user. Users limited to departments get it without figures of the whole office."""
        return str(TEXT_WITHOUT_FIGURES.get(self.kind, self.words)) if is_limited else self.words

    def is_quiet(self, now: dt.datetime) -> bool:
        return self.quiet_until is not None and self.quiet_until > now


# By kind: (badge colour, icon, URL name of the page where the cause can be corrected, or empty).
ALARM_STYLE: dict[str, tuple[str, str, str]] = {
    Alarm.Kind.SILENCE: ("danger", "phone_disabled", "connect"),
    Alarm.Kind.NOBODY: ("danger", "person_off", "settings_sync_agent_changelist"),
    Alarm.Kind.BREAKER: ("danger", "cloud_off", "settings_sync_providersetting_changelist"),
    Alarm.Kind.ACCOUNT: ("danger", "key_off", "settings_sync_providersetting_changelist"),
    Alarm.Kind.REFUSED: ("danger", "block", "settings_sync_providersetting_changelist"),
    Alarm.Kind.UNSENT: ("warning", "sync_problem", "settings_sync_providersetting_changelist"),
    Alarm.Kind.SPOOL: ("warning", "save", ""),
    Alarm.Kind.DAMAGED: ("warning", "heart_broken", ""),
    Alarm.Kind.INBOX: ("warning", "inbox", "calllogs_push_changelist"),
    Alarm.Kind.MAIL: ("warning", "unsubscribe", "calllogs_report_changelist"),
}


# Texts for department-limited users, of the kinds that count calls or pushes of the whole office or name its reports.
# Other kinds concern settings, which every user may know.
TEXT_WITHOUT_FIGURES: dict[str, Any] = {
    Alarm.Kind.SILENCE: _("No call has come for longer than is likely at this time of the week."),
    Alarm.Kind.SPOOL: _(
        "Pushes of the provider wait on the disk of the server and do not get into the database."
    ),
    Alarm.Kind.DAMAGED: _(
        "Pushes were damaged on the disk of the server and are set aside in the spool's folder."
    ),
    Alarm.Kind.INBOX: _("Pushes of the last hour could not be used. They wait in the inbox to be corrected."),
    Alarm.Kind.MAIL: _("Not everybody got a report that is sent by mail."),
}


class AlarmRecipient(models.Model):
    """A user who gets alarms by mail."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    added_by = models.CharField(max_length=150, blank=True)
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "calllogs_alarmreader"  # its name in earlier releases
        verbose_name = _("reader of alarms")
        verbose_name_plural = _("readers of alarms")

    def __str__(self) -> str:
        return str(self.user)


class AlarmHeartbeat(models.Model):
    """When the alarm rules were last evaluated. A single row; an old time shows that the background worker stopped."""

    ONLY = 1

    looked_at = models.DateTimeField()

    class Meta:
        db_table = "calllogs_watch"  # its name in earlier releases
        verbose_name = _("watch")
        verbose_name_plural = _("watch")

    def __str__(self) -> str:
        return "watch"
