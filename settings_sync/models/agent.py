"""The people who take the calls."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from settings_sync.phone import to_e164


class PhoneField(models.CharField):
    """A telephone number, kept in E.164 whatever spelling it is typed in; refuses what is none."""

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
    off_until = models.DateTimeField(_("off until"), null=True, blank=True)

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
