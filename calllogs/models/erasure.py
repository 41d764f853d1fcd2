"""Erasures of callers' numbers, and the progress of each."""

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from calllogs.models.feed_progress import FeedProgress


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def under_way(self) -> "ErasureQuerySet":
        return self.filter(state__in=Erasure.UNDER_WAY)

    def due(self, now: dt.datetime) -> "ErasureQuerySet":
        """Erasures without a worker: not claimed, or the lease has expired."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        return self.under_way().filter(free)


class Erasure(models.Model):
    """One erasure. All state is in the row, so another worker can continue where the last one stopped.

    `number` is cleared at the end; the keyed `digest` stays, to recognise late pushes about this caller. `counts` are
    `{name: count}` of what was removed so far.
    """

    class State(models.TextChoices):
        RUNNING = "RUNNING", _("Under way")
        DONE = "DONE", _("Complete")

    UNDER_WAY = (State.RUNNING,)

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    who = models.CharField(_("who"), max_length=150, help_text="Kept also when the login is deleted.")
    asked_at = models.DateTimeField(_("asked at"), default=timezone.now)
    number = models.CharField(max_length=40, blank=True)
    digest = models.CharField(max_length=16)
    shown = models.CharField(_("number"), max_length=40, help_text="Its last two digits.")

    state = models.CharField(_("state"), max_length=7, choices=State, default=State.RUNNING)
    step = models.CharField(max_length=80, blank=True, help_text="Which step is next.")
    after = models.JSONField(null=True, help_text="The key up to which that step is done.")
    steps_done = models.PositiveSmallIntegerField(default=0)
    counts = models.JSONField(default=dict)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    objects = ErasureQuerySet.as_manager()

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        ordering = ["-asked_at", "-id"]
        default_permissions = ()  # calllogs.erase_caller covers viewing too
        constraints = [
            # Two simultaneous requests for the same number share one erasure.
            models.UniqueConstraint(
                fields=["digest"], condition=Q(state="RUNNING"), name="one_erasure_of_a_number_under_way"
            )
        ]
        indexes = [
            # read by the list, and by retention
            models.Index(fields=["-asked_at", "-id"], name="erasure_newest"),
            # read by the sweep, every few seconds
            models.Index(fields=["id"], name="erasure_under_way", condition=Q(state="RUNNING")),
        ]

    def __str__(self) -> str:
        return f"{self.shown}, {timezone.localtime(self.asked_at):%d %b %Y, %H:%M}"

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNDER_WAY


# Badge of a state: (colour, icon).
ERASURE_STATE_STYLE: dict[str, tuple[str, str]] = {
    Erasure.State.RUNNING: ("info", "progress_activity"),
    Erasure.State.DONE: ("success", "check"),
}


class ErasureProgress(FeedProgress):
    """The position in the change feed up to which late pushes of erased callers were processed."""

    class Meta:
        verbose_name = _("progress of the watch over the erased")
        verbose_name_plural = _("progress of the watch over the erased")

    def __str__(self) -> str:
        return "progress of the watch over the erased"
