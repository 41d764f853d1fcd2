"""When the office takes calls: one interval for each weekday, as the provider takes it."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _


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
        if self.opens_at and self.closes_at:
            # The wire knows minutes only; two moments within one minute would be no time at all there.
            self.opens_at = self.opens_at.replace(second=0, microsecond=0)
            self.closes_at = self.closes_at.replace(second=0, microsecond=0)
            if self.closes_at <= self.opens_at:
                raise ValidationError(
                    {
                        "closes_at": _(
                            "Closing must come after opening. For “until midnight” write 11:59 PM (23:59)."
                        )
                    },
                    code="closes_before_opening",
                )
