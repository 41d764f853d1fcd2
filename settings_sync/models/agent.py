"""Agents and their shifts."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ivrportal.common.phone import to_e164
from settings_sync.setting_address import WEEKDAYS


class PhoneField(models.CharField):
    """A telephone number, stored in E.164 however it is typed. Raises ValidationError for anything else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 20)
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> Any:
        if value in (None, ""):
            return value
        number = to_e164(str(value))
        if number is None:
            raise ValidationError(
                _("This is not a telephone number. Write ten digits, or + and the country code."),
                code="invalid",
            )
        return number


class Agent(models.Model):
    class Availability(models.TextChoices):
        AVAIL = "AVAIL", _("Available")
        OFF = "OFF", _("Off")

    name = models.CharField(_("name"), max_length=100)
    number = PhoneField(
        _("mobile number"),
        unique=True,
        help_text=_("Ten digits, e.g. 98765 43210."),
        error_messages={"unique": _("Another agent has this number already.")},
    )
    department = models.CharField(_("department"), max_length=100, blank=True)
    availability = models.CharField(
        _("availability"), max_length=5, choices=Availability, default=Availability.AVAIL
    )
    off_until = models.DateTimeField(
        _("off until"), null=True, blank=True, help_text=_("Switched on again by itself at this moment.")
    )
    shift_edge_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="The last beginning or end of a shift that was acted on.",
    )

    history = HistoricalRecords(excluded_fields=["shift_edge_at"])

    class Meta:
        verbose_name = _("agent")
        verbose_name_plural = _("agents")
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(
                name="agent_availability_known", condition=models.Q(availability__in=["AVAIL", "OFF"])
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Shift(models.Model):
    """A weekly interval in which an agent takes calls. The agent is switched at its edges; users may switch between."""

    class Day(models.IntegerChoices):
        MONDAY = 0, _("Monday")
        TUESDAY = 1, _("Tuesday")
        WEDNESDAY = 2, _("Wednesday")
        THURSDAY = 3, _("Thursday")
        FRIDAY = 4, _("Friday")
        SATURDAY = 5, _("Saturday")
        SUNDAY = 6, _("Sunday")

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="shifts")
    day = models.PositiveSmallIntegerField(_("day"), choices=Day)
    starts_at = models.TimeField(_("from"))
    ends_at = models.TimeField(_("to"))

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("shift")
        verbose_name_plural = _("shifts")
        ordering = ["day", "starts_at"]
        constraints = [
            models.CheckConstraint(
                name="shift_ends_after_it_starts", condition=models.Q(ends_at__gt=models.F("starts_at"))
            ),
        ]

    def __str__(self) -> str:
        return f"{WEEKDAYS[self.day]} {self.starts_at:%H:%M}–{self.ends_at:%H:%M}"

    def clean(self) -> None:
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValidationError(
                {
                    "ends_at": _(
                        "The end must come after the beginning. For “until midnight” write 11:59 PM (23:59)."
                    )
                }
            )
