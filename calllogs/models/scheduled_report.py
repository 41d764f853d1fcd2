"""Reports that are mailed on a schedule, and their runs."""

import datetime as dt

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Report(models.Model):
    """A scheduled report: its content, recipients and schedule. Days and times are in the portal's time zone."""

    class Rhythm(models.TextChoices):
        DAILY = "DAILY", _("Every day, about the day before")
        WEEKLY = "WEEKLY", _("Every week, about the seven days before")
        MONTHLY = "MONTHLY", _("Every month, about the month before")

    class Day(models.IntegerChoices):
        MONDAY = 0, _("Monday")
        TUESDAY = 1, _("Tuesday")
        WEDNESDAY = 2, _("Wednesday")
        THURSDAY = 3, _("Thursday")
        FRIDAY = 4, _("Friday")
        SATURDAY = 5, _("Saturday")
        SUNDAY = 6, _("Sunday")

    name = models.CharField(_("name"), max_length=80, help_text=_("Becomes the subject of the mail."))
    rhythm = models.CharField(_("how often"), max_length=7, choices=Rhythm, default=Rhythm.DAILY)
    weekday = models.PositiveSmallIntegerField(_("on which day"), choices=Day, default=Day.MONDAY)
    at = models.TimeField(_("at what time"), default=dt.time(8))
    people = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("to whom"),
        related_name="+",
        help_text=_("People who may see calls and have an e-mail address."),
    )
    view = models.ForeignKey(
        "calllogs.SavedView",
        verbose_name=_("with the calls of a saved view"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text=_(
            "The mail links to these calls of the period; after signing in they can be exported there. Numbers of "
            "callers are never mailed."
        ),
    )
    maker = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("made by"),
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        help_text="The report shows what this person may see when it is sent. Without one it is not sent.",
    )
    is_on = models.BooleanField(_("switched on"), default=True)
    on_since = models.DateTimeField(
        editable=False, help_text="Periods that ended earlier are not sent by themselves."
    )

    class Meta:
        verbose_name = _("report by mail")
        verbose_name_plural = _("reports by mail")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class ReportRun(models.Model):
    """A report generated for one period, with one mail per recipient.

    `again` is 0 for the first run of a period and rises with each repetition that a user requests.
    """

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="runs")
    first = models.DateField(_("first day"))
    last = models.DateField(_("last day"))
    again = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField()
    asked_by = models.CharField(max_length=150, blank=True, help_text="Empty: it was due.")
    problem = models.CharField(
        max_length=300, blank=True, help_text="Why nobody, or not everybody, was written to."
    )

    class Meta:
        verbose_name = _("sending of a report")
        verbose_name_plural = _("sendings of a report")
        ordering = ["-made_at", "-id"]
        constraints = [
            # Workers that find a report due at the same moment generate it only once.
            models.UniqueConstraint(
                fields=["report", "first", "again"], name="one_run_for_a_report_and_period"
            )
        ]
        indexes = [
            # read by the report's page and the list of reports: the latest runs of a report
            models.Index(fields=["report", "-made_at", "-id"], name="run_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.report}: {self.first} – {self.last}"
