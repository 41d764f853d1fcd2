"""Office hours: one interval per weekday, as the provider's API supports it, and overrides for single dates."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords


class OfficeHours(models.Model):
    class Day(models.TextChoices):
        MONDAY = "Monday", _("Monday")
        TUESDAY = "Tuesday", _("Tuesday")
        WEDNESDAY = "Wednesday", _("Wednesday")
        THURSDAY = "Thursday", _("Thursday")
        FRIDAY = "Friday", _("Friday")
        SATURDAY = "Saturday", _("Saturday")
        SUNDAY = "Sunday", _("Sunday")

    day = models.CharField(
        _("day"),
        max_length=9,
        choices=Day,
        unique=True,
        error_messages={"unique": _("This day has its hours already: change them there.")},
    )
    opens_at = models.TimeField(_("opens at"))
    closes_at = models.TimeField(_("closes at"))

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("office hours")
        verbose_name_plural = _("office hours")
        constraints = [
            models.CheckConstraint(
                name="office_closes_after_it_opens", condition=models.Q(closes_at__gt=models.F("opens_at"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_day_display()} {self.opens_at:%H:%M}–{self.closes_at:%H:%M}"

    def clean(self) -> None:
        clean_interval(self)


class OtherHours(models.Model):
    """Hours for one date only, e.g. to close at 16:00 today.

    The provider knows weekdays, not dates: on that date its weekday is sent with these hours, and the next day with the
    usual hours again.
    """

    date = models.DateField(
        _("date"),
        unique=True,
        error_messages={"unique": _("This date has other hours already: change them there.")},
    )
    opens_at = models.TimeField(_("opens at"))
    closes_at = models.TimeField(_("closes at"))
    note = models.CharField(_("why"), max_length=100, blank=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("other hours for a date")
        verbose_name_plural = _("other hours for a date")
        ordering = ["date"]
        constraints = [
            models.CheckConstraint(
                name="other_hours_close_after_they_open",
                condition=models.Q(closes_at__gt=models.F("opens_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date:%d %b %Y} {self.opens_at:%H:%M}–{self.closes_at:%H:%M}"

    def clean(self) -> None:
        clean_interval(self)


def clean_interval(hours: OfficeHours | OtherHours) -> None:
    """Truncate the times to whole minutes and check their order. Raises ValidationError for `closes_at`."""
    if not (hours.opens_at and hours.closes_at):
        return
    hours.opens_at = hours.opens_at.replace(second=0, microsecond=0)
    hours.closes_at = hours.closes_at.replace(second=0, microsecond=0)
    if hours.closes_at <= hours.opens_at:
        error = ValidationError(
            _("Closing must come after opening. For “until midnight” write 11:59 PM (23:59)."),
            code="closes_before_opening",
        )
        raise ValidationError({"closes_at": error})
