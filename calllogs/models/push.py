"""Pushes as received, and daily counts of refused pushes."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class PushQuerySet(models.QuerySet["Push"]):
    def last_age_s(self) -> float | None:
        """Seconds since the newest push that was not refused; None if there is none."""
        newest = self.exclude(outcome=Push.Outcome.REFUSED).aggregate(at=models.Max("received_at"))["at"]
        return round((timezone.now() - newest).total_seconds(), 1) if newest else None


class Push(models.Model):
    """One request of the provider. `raw_query` is the query or form without the push key, in printable ASCII."""

    class Outcome(models.TextChoices):
        STORED = "STORED", _("New call")
        MERGED = "MERGED", _("Added to a call")
        REPEAT = "REPEAT", _("Exact repeat")
        REJECTED = "REJECTED", _("Not usable")
        REFUSED = "REFUSED", _("From a stranger")

    uid = models.CharField(max_length=32, help_text="Given at receipt, so that no push is stored twice.")
    received_at = models.DateTimeField(_("received at"))
    remote_addr = models.CharField(_("from"), max_length=45, blank=True)
    raw_query = models.TextField(_("as received"))
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    field = models.CharField(_("field"), max_length=40, blank=True)
    flags = models.CharField(_("remarks"), max_length=200, blank=True)
    mends = models.JSONField(
        _("corrections"),
        null=True,
        blank=True,
        help_text=_("Values that a person put in the place of what came."),
    )
    mended_by = models.CharField(_("corrected by"), max_length=150, blank=True, db_default="")
    # No database constraint: checking it would lock the call's row again for each push. The statement that stores a
    # push writes the call first, and only retention and erasure delete calls.
    call = models.ForeignKey(
        "calllogs.CallLog", verbose_name=_("call"), on_delete=models.SET_NULL, null=True, blank=True,
        db_constraint=False,
    )  # fmt: skip

    objects = PushQuerySet.as_manager()

    class Meta:
        verbose_name = _("push")
        verbose_name_plural = _("pushes")
        ordering = ["-received_at", "-id"]
        permissions = [("replay_push", _("Can replay pushes"))]
        constraints = [models.UniqueConstraint(fields=["uid"], name="one_push_for_a_uid")]
        indexes = [
            # read by the inbox, newest first, and by retention
            models.Index(fields=["-received_at", "-id"], name="push_newest"),
            # read by the inbox's filter for unusable pushes and by replay
            models.Index(fields=["reason"], name="push_rejected", condition=models.Q(outcome="REJECTED")),
            # read by the cap on records of refused pushes
            models.Index(fields=["id"], name="push_refused", condition=models.Q(outcome="REFUSED")),
        ]

    def __str__(self) -> str:
        return f"{timezone.localtime(self.received_at):%d %b %Y, %H:%M:%S}"


# Badge of an outcome: (colour, icon).
OUTCOME_STYLE: dict[str, tuple[str, str]] = {
    Push.Outcome.STORED: ("success", "check"),
    Push.Outcome.MERGED: ("info", "call_merge"),
    Push.Outcome.REPEAT: ("base", "repeat"),
    Push.Outcome.REJECTED: ("warning", "error"),
    Push.Outcome.REFUSED: ("danger", "block"),
}


class RefusedPushCount(models.Model):
    """Refused pushes (wrong key or network not allowed) of one address on one day."""

    date = models.DateField()
    remote_addr = models.CharField(_("from"), max_length=45, blank=True)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "calllogs_refusals"  # its name in earlier releases
        verbose_name = _("refused pushes")
        verbose_name_plural = _("refused pushes")
        constraints = [
            models.UniqueConstraint(fields=["date", "remote_addr"], name="one_count_for_a_day_and_address")
        ]

    def __str__(self) -> str:
        return f"{self.date}: {self.count}"
