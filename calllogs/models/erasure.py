"""People whose number was erased everywhere, and how far each erasure is."""

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
        """Those that somebody should take up: nobody has yet, or who had is silent for longer than the lease."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        return self.under_way().filter(free)


class Erasure(models.Model):
    """One erasure. The row is the truth: whoever takes it up goes on where the last one was cut off.

    `number` stands here only while it is under way; what stays is `digest`, keyed, by which a late word of the provider
    about this person is known. `counts` are `{what: how many}`, of what is gone so far.
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
        default_permissions = ()  # who may erase sees them: calllogs.erase_caller
        constraints = [
            # Who asks twice at once joins the first.
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


# Look of a state beside its words: (badge colour, icon).
ERASURE_LOOK: dict[str, tuple[str, str]] = {
    Erasure.State.RUNNING: ("info", "progress_activity"),
    Erasure.State.DONE: ("success", "check"),
}


class ErasureProgress(FeedProgress):
    """How far what came was looked through for words about people who are erased."""

    class Meta:
        verbose_name = _("progress of the watch over the erased")
        verbose_name_plural = _("progress of the watch over the erased")

    def __str__(self) -> str:
        return "progress of the watch over the erased"
