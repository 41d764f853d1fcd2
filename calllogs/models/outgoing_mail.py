"""Outgoing mails and their delivery status."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class OutgoingMail(models.Model):
    """One mail to one user about an alarm or a run of a report. It holds no telephone number.

    `next_at` is the time of the next attempt. During an attempt, it is the time at which that attempt counts as lost.
    `attempts` identifies an attempt: a result is stored only if no newer attempt has begun.
    """

    class State(models.TextChoices):
        WAITING = "WAITING", _("Waiting")
        SENT = "SENT", _("Sent")
        FAILED = "FAILED", _("Not sent")
        DROPPED = "DROPPED", _("Not needed any more")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    alarm = models.ForeignKey(
        "calllogs.Alarm", on_delete=models.CASCADE, null=True, blank=True, related_name="mails"
    )
    run = models.ForeignKey(
        "calllogs.ReportRun", on_delete=models.CASCADE, null=True, blank=True, related_name="mails"
    )
    subject = models.CharField(max_length=200)
    text = models.TextField()
    html = models.TextField(blank=True)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "calllogs_letter"  # its name in earlier releases
        verbose_name = _("letter")
        verbose_name_plural = _("letters")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "user"], condition=Q(run__isnull=False), name="one_letter_for_a_run_and_person"
            )
        ]
        indexes = [
            # read by the task that sends due mails
            models.Index(fields=["next_at"], name="letter_due", condition=Q(state="WAITING")),
            # read by retention
            models.Index(fields=["made_at"], name="letter_oldest"),
        ]

    def __str__(self) -> str:
        return self.subject
