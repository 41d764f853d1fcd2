"""Our own copies of recordings, the cursor of the scan for new ones, and who listened to which call."""

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Recording(models.Model):
    """The copy of a call's recording, or why there is none. No row: the scan has not reached the call."""

    class State(models.TextChoices):
        WAITING = "WAITING", _("Waiting to be fetched")
        KEPT = "KEPT", _("Kept here")
        GIVEN_UP = "GIVEN_UP", _("Could not be fetched")
        EXPIRED = "EXPIRED", _("Deleted after its time")

    # Null once the call is deleted: the row stays until the sweep has deleted the file.
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
            # read by the sweep: due rows
            models.Index(fields=["next_try_at"], name="recording_due", condition=models.Q(state="WAITING")),
            # read by retention: the oldest copies
            models.Index(fields=["fetched_at"], name="recording_kept", condition=models.Q(state="KEPT")),
            # read by retention: copies whose call was deleted
            models.Index(fields=["id"], name="recording_orphan", condition=models.Q(call__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} ({self.pk})"


class ArchiveCursor(models.Model):
    """The position of the scan for new recordings: one row, moved by conditional updates."""

    started_at = models.DateTimeField(help_text="Start of the last call that was looked at.")
    call_pk = models.BigIntegerField(default=0)

    class Meta:
        db_table = "calllogs_walk"  # the table's name in earlier releases
        verbose_name = _("search for recordings")
        verbose_name_plural = _("search for recordings")

    def __str__(self) -> str:
        return f"{self.started_at:%d %b %Y, %H:%M:%S}"


# Requests of one opened page with less than this time between them are one play.
PLAY_GAP = dt.timedelta(hours=1)
_UPDATE_INTERVAL = dt.timedelta(seconds=15)


class ListeningQuerySet(models.QuerySet["Listening"]):
    def record_play(self, call: Any, *, user: Any, play: str) -> bool:
        """Records that the user receives bytes of this call now. Returns True for the first request of a play.

        Outside of a transaction it is committed on return.
        """
        now = timezone.now()
        known = self.filter(call=call, user=user, play=play).order_by("-series").first()
        if known is None or known.last_at < now - PLAY_GAP:
            return self.get_or_create(
                call=call, user=user, play=play, series=known.series + 1 if known else 0,
                defaults={
                    "user_name": user.get_username()[:150], "call_uid": call.call_id, "at": now, "last_at": now,
                },
            )[1]  # fmt: skip
        if known.last_at < now - _UPDATE_INTERVAL:
            self.filter(pk=known.pk).update(last_at=now)
        return False


class Listening(models.Model):
    """A user listened to a call. One row for each play, however many requests the player makes."""

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
    # The call's id; it stays when retention deletes the call.
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
            # Simultaneous requests of a player share one row.
            models.UniqueConstraint(fields=["call", "user", "play", "series"], name="one_row_for_a_play")
        ]
        indexes = [
            # read by the list of listenings
            models.Index(fields=["-at", "-id"], name="listening_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.user_name}: {self.call_uid}"
