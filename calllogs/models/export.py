"""Exports: who exported which calls, when, and how it ended."""

import datetime as dt
import hashlib
import json
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def scope_digest(
    file_format: str, query: str, *, hides: str = "", departments: list[str] | None = None
) -> str:
    """Digest of an export's format, filter and limits. Exports with the same digest have the same scope."""
    limits = json.dumps([hides, departments]) if hides or departments is not None else ""
    return hashlib.sha256(f"{file_format}?{query}{limits}".encode()).hexdigest()


class ExportQuerySet(models.QuerySet["Export"]):
    def under_way(self) -> "ExportQuerySet":
        return self.filter(state__in=Export.UNDER_WAY)

    def jobs(self) -> "ExportQuerySet":
        return self.filter(way=Export.Way.JOB)

    def due(self, now: dt.datetime) -> "ExportQuerySet":
        """Jobs to start: waiting ones, and running ones whose lease has expired."""
        abandoned = Q(state=Export.State.RUNNING, lease_until__lt=now)
        return self.jobs().filter(Q(state=Export.State.WAITING) | abandoned)

    def to_notify(self, user: Any) -> "ExportQuerySet":
        """Jobs of this user that are under way, or that ended and have not been seen."""
        unseen = Q(state__in=[Export.State.DONE, Export.State.FAILED], seen_at__isnull=True)
        return self.jobs().filter(Q(state__in=Export.UNDER_WAY) | unseen, person=user)

    def expired(self, now: dt.datetime) -> "ExportQuerySet":
        return self.exclude(file="").filter(kept_until__lt=now)


class Export(models.Model):
    """One export, recorded before its first byte. `rows`: written so far, or in total once it has ended."""

    class Format(models.TextChoices):
        CSV = "csv", _("CSV")
        XLSX = "xlsx", _("Excel (XLSX)")

    class Way(models.TextChoices):
        SCREEN = "SCREEN", _("sent to the browser")
        JOB = "JOB", _("written in the background")
        COMMAND = "COMMAND", _("by a command")

    class State(models.TextChoices):
        WAITING = "WAITING", _("Waiting")
        RUNNING = "RUNNING", _("Under way")
        DONE = "DONE", _("Complete")
        STOPPED = "STOPPED", _("Stopped")
        CANCELLED = "CANCELLED", _("Cancelled")
        FAILED = "FAILED", _("Failed")

    class Hides(models.TextChoices):
        NUMBERS = "NUMBERS", _("whole numbers of callers, and addresses of recordings")
        RECORDINGS = "RECORDINGS", _("addresses of recordings")

    UNDER_WAY = (State.WAITING, State.RUNNING)

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    who = models.CharField(_("who"), max_length=150, help_text="Kept also when the login is deleted.")
    asked_at = models.DateTimeField(_("asked at"), default=timezone.now)
    file_format = models.CharField(_("format"), max_length=4, choices=Format)
    way = models.CharField(_("way"), max_length=7, choices=Way)
    zone = models.CharField(_("time zone"), max_length=64)
    query = models.TextField(blank=True, help_text="The filter, as the list's address has it.")
    words = models.TextField(_("which calls"))
    scope = models.CharField(max_length=64, help_text="Digest of format, filter and limits.")
    # What the user was allowed to see at the time of the request.
    hides = models.CharField(
        max_length=20, blank=True, db_default="", choices=Hides, help_text="What its cells do not tell."
    )
    departments = models.JSONField(null=True, blank=True, help_text="The only ones in it; null: all.")

    state = models.CharField(_("state"), max_length=9, choices=State)
    rows = models.PositiveBigIntegerField(_("rows"), default=0)
    rows_expected = models.PositiveBigIntegerField(null=True, blank=True)
    error = models.CharField(_("what went wrong"), max_length=300, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    seen_at = models.DateTimeField(
        null=True, blank=True, help_text="When its person looked at the end of it."
    )

    file = models.CharField(max_length=64, blank=True, help_text="Name below the directory of exports.")
    bytes = models.PositiveBigIntegerField(_("size"), null=True, blank=True)
    kept_until = models.DateTimeField(_("kept until"), null=True, blank=True)

    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)

    objects = ExportQuerySet.as_manager()

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering = ["-asked_at", "-id"]
        permissions = [("export_calls", "Can export calls")]
        constraints = [
            # Two simultaneous requests for the same scope share one job.
            models.UniqueConstraint(
                fields=["person", "scope"],
                condition=Q(way="JOB", state__in=["WAITING", "RUNNING"]),
                name="one_job_for_a_person_and_scope",
            )
        ]
        indexes = [
            # read by the list of exports, newest first
            models.Index(fields=["-asked_at", "-id"], name="export_newest"),
            # read by the sweep, every few seconds
            models.Index(
                fields=["id"], name="export_under_way", condition=Q(state__in=["WAITING", "RUNNING"])
            ),
            # read by the notice on every page
            models.Index(fields=["person"], name="export_news", condition=Q(way="JOB", seen_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.words} ({self.file_format.upper()})"

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNDER_WAY

    @property
    def percent(self) -> int | None:
        """Progress, at most 99 because the file is not complete with its last row; None before the rows are counted."""
        if self.rows_expected is None:
            return None
        return min(99, 100 * self.rows // max(1, self.rows_expected))

    @property
    def can_be_downloaded(self) -> bool:
        """`file` is set only while a complete file exists."""
        return self.state == self.State.DONE and bool(self.file)


# Badge of a state: (colour, icon).
EXPORT_STATE_STYLE: dict[str, tuple[str, str]] = {
    Export.State.WAITING: ("info", "hourglass_empty"),
    Export.State.RUNNING: ("info", "progress_activity"),
    Export.State.DONE: ("success", "check"),
    Export.State.STOPPED: ("warning", "stop_circle"),
    Export.State.CANCELLED: ("base", "cancel"),
    Export.State.FAILED: ("danger", "error"),
}
