"""Days on which callers hear the holiday message."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords


class Holiday(models.Model):
    date = models.DateField(
        _("date"), unique=True, error_messages={"unique": _("This date is a holiday already.")}
    )
    name = models.CharField(
        _("name"), max_length=100, blank=True, help_text=_("For you; the provider takes no name.")
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("holiday")
        verbose_name_plural = _("holidays")
        ordering = ["date"]

    def __str__(self) -> str:
        return f"{self.date:%d %b %Y} {self.name}".strip()
