"""Our own copies of recordings, how far the search for new ones has come, and who listened to what."""

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Recording(models.Model):
    """The copy of one call's recording, or what became of the wish to have one. No row: nobody looked yet."""

    class State(models.TextChoices):
        WAITING = "WAITING", _("Waiting to be fetched")
        KEPT = "KEPT", _("Kept here")
        GIVEN_UP = "GIVEN_UP", _("Could not be fetched")
        EXPIRED = "EXPIRED", _("Deleted after its time")

    # Null once the call is deleted: the file outlives the row until the sweep has deleted it too.
    call = models.OneToOneField(
        "calllogs.CallLog", verbose_name=_("call"), on_delete=models.SET_NULL, null=True, blank=True
    )
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.WAITING)
    url_digest = models.CharField(max_length=64, help_text="SHA-256 of the address that was fetched.")
    file = models.CharField(_("file"), max_length=200, blank=True, help_text="Its name in the storage.")
    size = models.PositiveBigIntegerField(_("size in bytes"), null=True, blank=True)
    content_type = models.CharField(_("kind of sound"), max_length=100, blank=True)
    fetched_at = models.DateTimeField(_("fetched at"), null=True, blank=True)
    error = models.CharField(_("why not"), max_length=20, blank=True, help_text="A name of causes.Cause.")
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    next_try_at = models.DateTimeField(_("next try at"), null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("recording")
        verbose_name_plural = _("recordings")
        permissions = [
            ("listen_recording", _("Can listen to recordings")),
            ("download_recording", _("Can download recordings")),
        ]
        indexes = [
            # read by the sweep: what is due
            models.Index(fields=["next_try_at"], name="recording_due", condition=models.Q(state="WAITING")),
            # read by retention: the oldest copies
            models.Index(fields=["fetched_at"], name="recording_kept", condition=models.Q(state="KEPT")),
            # read by retention: copies whose call is gone
            models.Index(fields=["id"], name="recording_orphan", condition=models.Q(call__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} ({self.pk})"


class ArchiveCursor(models.Model):
    """How far the search for new recordings has come: one row, moved by conditional updates."""

    started_at = models.DateTimeField(help_text="Start of the last call that was looked at.")
    call_pk = models.BigIntegerField(default=0)

    class Meta:
        db_table = "calllogs_walk"  # its name in earlier releases
        verbose_name = _("search for recordings")
        verbose_name_plural = _("search for recordings")

    def __str__(self) -> str:
        return f"{self.started_at:%d %b %Y, %H:%M:%S}"


# Requests of one opened page that come within this time of each other are one play.
PLAY_PAUSE = dt.timedelta(hours=1)
_NOTED_EVERY = dt.timedelta(seconds=15)


class ListeningQuerySet(models.QuerySet["Listening"]):
    def note(self, call: Any, *, user: Any, play: str) -> bool:
        """That a byte of this call goes to this person, now; is it the first of a play?

        Committed when it returns, outside a transaction.
        """
        now = timezone.now()
        known = self.filter(call=call, user=user, play=play).order_by("-series").first()
        if known is None or known.last_at < now - PLAY_PAUSE:
            return self.get_or_create(
                call=call, user=user, play=play, series=known.series + 1 if known else 0,
                defaults={
                    "user_name": user.get_username()[:150], "call_uid": call.call_id, "at": now, "last_at": now,
                },
            )[1]  # fmt: skip
        if known.last_at < now - _NOTED_EVERY:
            self.filter(pk=known.pk).update(last_at=now)
        return False


class Listening(models.Model):
    """That a person listened to a call. One row for each play, however many requests its player makes."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    user_name = models.CharField(_("who"), max_length=150)
    call = models.ForeignKey(
        "calllogs.CallLog", verbose_name=_("call"), on_delete=models.SET_NULL, null=True, blank=True
    )
    # The call's own id, which stays when the call is deleted after its days.
    call_uid = models.CharField(_("call id"), max_length=128)
    play = models.CharField(max_length=32, blank=True, help_text="Of one opened page.")
    series = models.PositiveIntegerField(default=0, help_text="Counts the plays of one opened page.")
    at = models.DateTimeField(_("from"))
    last_at = models.DateTimeField(_("until"))

    objects = ListeningQuerySet.as_manager()

    class Meta:
        verbose_name = _("listening")
        verbose_name_plural = _("who listened")
        ordering = ["-at", "-id"]
        constraints = [
            # Requests that a player makes at the same time share one row.
            models.UniqueConstraint(fields=["call", "user", "play", "series"], name="one_row_for_a_play")
        ]
        indexes = [
            # read by the list of who listened
            models.Index(fields=["-at", "-id"], name="listening_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.user_name}: {self.call_uid}"
