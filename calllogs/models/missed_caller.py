"""The callback queue: callers who wait for a callback, claims on them, and what users did.

The calls and the entries are the source data. `MissedCaller` rows are derived from both (`calllogs.callbacks`) and can
be deleted and rebuilt at any time.
"""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from calllogs.models.feed_progress import FeedProgress


class MissReason(models.TextChoices):
    """Why the last call of a caller did not get through."""

    OLD_HOURS = "OLD_HOURS", _("We were open, the provider had old hours")
    HOLIDAY = "HOLIDAY", _("Holiday")
    CLOSED = "CLOSED", _("Out of hours")
    DROPPED = "DROPPED", _("Dropped in the IVR")
    NO_ANSWER = "NO_ANSWER", _("No answer")
    OTHER = "OTHER", _("Other")


# Badge of each reason: (colour, icon).
MISS_REASON_STYLE: dict[str, tuple[str, str]] = {
    MissReason.OLD_HOURS: ("danger", "sync_problem"),
    MissReason.HOLIDAY: ("base", "celebration"),
    MissReason.CLOSED: ("base", "bedtime"),
    MissReason.DROPPED: ("warning", "call_end"),
    MissReason.NO_ANSWER: ("warning", "phone_missed"),
    MissReason.OTHER: ("info", "voicemail"),
}


class MissedCaller(models.Model):
    """One open row for each caller who did not get through and has not been reached since.

    Only `calllogs.callbacks` writes it. `misses`: the number of calls since the last answered or closed call.
    """

    caller = models.CharField(_("caller"), max_length=40, unique=True)
    misses = models.PositiveIntegerField(_("calls"))
    first_at = models.DateTimeField(_("waiting since"))
    last_at = models.DateTimeField(_("last call"))
    # The following fields describe the last call. No foreign key, so that deleting a call does not involve this table.
    last_call = models.BigIntegerField()
    department = models.CharField(_("department"), max_length=100, blank=True)
    virtual_number = models.CharField(_("virtual number"), max_length=40, blank=True)
    raw_status = models.CharField(max_length=100, blank=True)
    why = models.CharField(_("why"), max_length=9, choices=MissReason)
    wanted = models.CharField(
        max_length=40, blank=True, help_text="The hours or holiday that the office wanted then."
    )
    had = models.CharField(max_length=40, blank=True, help_text="What the provider had confirmed by then.")
    is_old = models.BooleanField(default=False, help_text="No call for MISSED_DAYS days.")

    class Meta:
        verbose_name = _("missed caller")
        verbose_name_plural = _("missed callers")
        ordering = ["first_at", "id"]
        indexes = [
            # read by the queue's pages: longest waiting first
            models.Index(fields=["is_old", "first_at", "id"], name="missed_longest"),
            # read by the queue's filters, which count by these three fields, and by the count in the navigation
            models.Index(fields=["is_old", "department", "virtual_number", "why"], name="missed_filters"),
            # read by the task that marks callers as old
            models.Index(fields=["last_at"], name="missed_aging", condition=models.Q(is_old=False)),
        ]

    def __str__(self) -> str:
        return f"{self.misses} × {self.first_at:%d %b %Y, %H:%M}"


class CallbackEntry(models.Model):
    """What a user did in the callback queue; append-only.

    An entry with `until` closes the caller's calls up to that time, unless another entry undoes it.
    """

    class Kind(models.TextChoices):
        CLAIMED = "CLAIMED", _("Took it")
        TAKEN_OVER = "TAKEN_OVER", _("Took it over")
        RELEASED = "RELEASED", _("Gave it back")
        CALLED_BACK = "CALLED_BACK", _("Called back")
        DISMISSED = "DISMISSED", _("Dismissed")
        REOPENED = "REOPENED", _("Opened again")

    caller = models.CharField(_("caller"), max_length=40)
    # Department of the open row. If empty, only users who see all departments see the entry.
    department = models.CharField(_("department"), max_length=100, blank=True, db_default="")
    kind = models.CharField(_("what"), max_length=11, choices=Kind)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    person_name = models.CharField(_("who"), max_length=150, help_text="Stays when the account is deleted.")
    at = models.DateTimeField(_("when"))
    note = models.CharField(_("note"), max_length=500, blank=True)
    until = models.DateTimeField(
        null=True, blank=True, help_text="A closing: the last call that the person saw."
    )
    # Values of the closed row, for the list of done callers.
    misses = models.PositiveIntegerField(_("calls"), null=True, blank=True)
    first_at = models.DateTimeField(_("waiting since"), null=True, blank=True)
    undoes = models.OneToOneField(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="undone_by"
    )

    class Meta:
        db_table = "calllogs_deskentry"  # its name in earlier releases
        verbose_name = _("entry of the desk")
        verbose_name_plural = _("entries of the desk")
        ordering = ["-id"]
        indexes = [
            # read by a caller's page
            models.Index(fields=["caller", "-id"], name="desk_caller"),
            # read by `derive`: the time up to which a caller is closed
            models.Index(
                fields=["caller", "-until"], name="desk_closings", condition=models.Q(until__isnull=False)
            ),
            # read by the list of done callers, newest first
            models.Index(fields=["-id"], name="desk_done", condition=models.Q(until__isnull=False)),
            # read by retention
            models.Index(fields=["at"], name="desk_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.person_name}"


class CallbackClaim(models.Model):
    """The user who is calling this caller back. One row per caller, so that of two simultaneous claims one succeeds."""

    caller = models.CharField(max_length=40, unique=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    claimed_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "calllogs_deskclaim"  # its name in earlier releases
        verbose_name = _("claim")
        verbose_name_plural = _("claims")

    def __str__(self) -> str:
        return f"{self.person}: {self.claimed_at:%d %b %Y, %H:%M}"


class MissedRecheck(models.Model):
    """Callers to recompute. Added by code that changes calls in another way than by a new push."""

    caller = models.CharField(max_length=40)

    class Meta:
        verbose_name = _("caller to look at again")
        verbose_name_plural = _("callers to look at again")

    def __str__(self) -> str:
        return str(self.pk)


class MissedHistory(models.Model):
    """How many callers waited at the start of an hour of the portal's time zone, for comparisons with earlier periods.

    Only `calllogs.callbacks.waiting_history` writes it: one row for each department, and always one for no department,
    so that an hour without waiting callers differs from an hour that was not counted.
    """

    pk = models.CompositePrimaryKey("hour", "department")
    hour = models.DateTimeField()
    department = models.CharField(max_length=100, blank=True)
    waiting = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("callers who waited")
        verbose_name_plural = _("callers who waited")

    def __str__(self) -> str:
        return f"{self.hour:%d %b %Y, %H:%M}"


class MissedProgress(FeedProgress):
    """Up to which call and push the open rows are up to date."""

    class Meta:
        verbose_name = _("progress of the desk")
        verbose_name_plural = _("progress of the desk")

    def __str__(self) -> str:
        return "progress of the desk"
