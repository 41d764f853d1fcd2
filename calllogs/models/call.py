"""One telephone call, assembled from its pushes."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from calllogs import provider_fields

# 1 for calls with a recording, 0 for others: an expression that can be indexed and filtered.
HAS_RECORDING = models.Case(
    models.When(recording_url="", then=0), default=1, output_field=models.PositiveSmallIntegerField()
)


class CallLog(models.Model):
    class Status(models.TextChoices):
        ANSWERED = provider_fields.ANSWERED, _("Answered")
        MISSED = provider_fields.MISSED, _("Missed")
        DROPPED = provider_fields.DROPPED, _("Dropped")
        OTHER = provider_fields.OTHER, _("Other")

    call_id = models.CharField(_("call id"), max_length=128)
    caller = models.CharField(_("caller"), max_length=40, blank=True)
    started_at = models.DateTimeField(_("started at"))
    agent_number = models.CharField(_("agent's number"), max_length=40, blank=True)
    ivr_seconds = models.PositiveIntegerField(_("seconds in the IVR"), null=True, blank=True)
    talk_seconds = models.PositiveIntegerField(_("seconds of talk"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.OTHER)
    raw_status = models.CharField(_("status as received"), max_length=100, blank=True)
    circle = models.CharField(_("circle"), max_length=100, blank=True)
    virtual_number = models.CharField(_("virtual number"), max_length=40, blank=True)
    department = models.CharField(_("department"), max_length=100, blank=True)
    recording_url = models.CharField(_("recording"), max_length=2000, blank=True)
    call_type = models.CharField(_("kind of call"), max_length=100, blank=True)
    has_conflict = models.BooleanField(_("pushes disagree"), default=False)
    received_at = models.DateTimeField(_("received at"), help_text=_("When the first push of it came."))
    told_at = models.DateTimeField(_("last told at"), help_text=_("When the newest push of it came."))
    updated_at = models.DateTimeField(_("updated at"), help_text=_("When a push last changed it here."))

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ["-started_at", "-id"]
        permissions = [
            ("see_numbers", _("Can see whole numbers of callers")),
            ("see_who_saw", _("Can see who saw a caller's number")),
            ("erase_caller", _("Can erase a caller everywhere")),
        ]
        constraints = [
            # A constraint, because a unique CharField gets a second index on PostgreSQL, which slows pushes.
            models.UniqueConstraint(fields=["call_id"], name="one_call_for_an_id")
        ]
        indexes = [
            # read by the list and the export: newest first
            models.Index(fields=["-started_at", "-id"], name="call_newest"),
            # read by the search for a number or its beginning, and by a call's page for the caller's other calls; the
            # pattern operator class lets PostgreSQL use the index for prefix searches
            models.Index(
                fields=["caller", "-started_at"],
                opclasses=["varchar_pattern_ops", "timestamptz_ops"],
                name="call_caller",
            ),
            # read by the list for combined filters with few matches; it has few distinct values, so it is small
            models.Index(
                "status",
                "agent_number",
                "department",
                "virtual_number",
                "circle",
                HAS_RECORDING,
                name="call_facets",
            ),
            # read by the list's filter for long and short talks
            models.Index(fields=["status", "talk_seconds"], name="call_talk"),
            # PostgreSQL has one more (migration 0002): call_last_digits, on the reversed number; read by the search for
            # last digits.
        ]

    def __str__(self) -> str:
        return self.call_id


# Badge of each status: (colour of the theme, icon).
STATUS_BADGE: dict[str, tuple[str, str]] = {
    CallLog.Status.ANSWERED: ("success", "call"),
    CallLog.Status.MISSED: ("danger", "call_missed"),
    CallLog.Status.DROPPED: ("warning", "call_end"),
    CallLog.Status.OTHER: ("info", "question_mark"),
}
