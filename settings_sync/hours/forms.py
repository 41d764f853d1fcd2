"""The week as seven forms, `form-0-opens_at` to `form-6-closes_at`, of which only the changed ones are saved.

Each row posts the times that the page was rendered with (`form-0-was`). So an untouched row is never written, and a row
that another user changed meanwhile is reported instead of overwritten. Clients may omit `was` and `day`: the rows are
then Monday to Sunday, or those of the records in `form-0-id`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ivrportal.common import admin_theme
from settings_sync import setting_address
from settings_sync.hours import day_bars
from settings_sync.models import OfficeHours

FORMSET = "form"
NO_HOURS = "-"

Posted = Mapping[str, str]


class DayForm(forms.ModelForm):
    """The hours of one weekday: both times, or none as long as none are stored."""

    class Meta:
        model = OfficeHours
        fields = ["opens_at", "closes_at"]
        widgets = dict.fromkeys(fields, admin_theme.TimeWidget)
        error_messages = {
            name: {
                "required": gettext_lazy("Write both times: the provider takes no day without hours."),
                "invalid": gettext_lazy("Write a time such as 09:30."),
            }
            for name in ("opens_at", "closes_at")
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "use_required_attribute": False})
        self.stored = stored_interval(self.instance)
        self.rendered = self.data.get(self.add_prefix("was"))
        for field in self.fields.values():
            field.widget.attrs |= {
                "aria-label": f"{self.instance.get_day_display()}: {field.label}",
                "aria-describedby": self.add_prefix("errors"),
            }

    def clean(self) -> dict[str, Any]:
        """Report a concurrent change instead of overwriting it."""
        cleaned = super().clean() or {}
        if self.rendered not in {None, self.stored, self.entered} and self.entered != self.stored:
            raise ValidationError(
                _("Meanwhile somebody else set %(day)s to %(hours)s. Save again to use your times instead."),
                code="changed_meanwhile",
                params={"day": self.instance.get_day_display(), "hours": _format_hours(self.instance)},
            )
        return cleaned

    @property
    def entered(self) -> str:
        """The entered interval if it is valid, else `NO_HOURS`."""
        opens_at, closes_at = self.cleaned_data.get("opens_at"), self.cleaned_data.get("closes_at")
        return setting_address.format_interval(opens_at, closes_at) if opens_at and closes_at else NO_HOURS

    @property
    def is_changed(self) -> bool:
        return self.entered != self.stored

    @property
    def is_backwards(self) -> bool:
        """True if closing is not after opening; the page then offers midnight."""
        return self.has_error("closes_at", "closes_before_opening")


@dataclass(frozen=True, slots=True)
class WeekdayRow:
    """A weekday on the page. The form is bound only if the user changed the row."""

    number: int
    day: str
    form: DayForm

    @property
    def address(self) -> str:
        return setting_address.hours_address(self.day)


def stored_interval(hours: OfficeHours) -> str:
    return setting_address.format_interval(hours.opens_at, hours.closes_at) if hours.pk else NO_HOURS


def build_rows(data: Posted | None = None) -> list[WeekdayRow]:
    """Build the rows Monday to Sunday from the stored hours and the posted data. One query."""
    existing = {hours.day: hours for hours in OfficeHours.objects.all()}
    posted = _order_by_weekday(data or {}, {str(hours.pk): hours.day for hours in existing.values()})
    return [
        WeekdayRow(
            number,
            day,
            _build_form(existing.get(day) or OfficeHours(day=day), posted, prefix=_prefix(number)),
        )
        for number, day in enumerate(setting_address.WEEKDAYS)
    ]


def changed_rows(rows: Iterable[WeekdayRow]) -> list[WeekdayRow] | None:
    """The rows to save; None if any row is invalid."""
    bound = [row for row in rows if row.form.is_bound]
    errors = [row.form.errors for row in bound]  # validates every row, so that each shows its own errors
    if any(errors):
        return None
    return [row for row in bound if row.form.is_changed]


def _build_form(hours: OfficeHours, data: Posted, *, prefix: str) -> DayForm:
    opens_at, closes_at = data.get(f"{prefix}-opens_at"), data.get(f"{prefix}-closes_at")
    if opens_at is None and closes_at is None:
        return DayForm(instance=hours, prefix=prefix)
    typed = f"{opens_at or ''}-{closes_at or ''}"
    if typed in {data.get(f"{prefix}-was"), stored_interval(hours)}:
        return DayForm(instance=hours, prefix=prefix)
    return DayForm(data, instance=hours, prefix=prefix)


def _prefix(number: int) -> str:
    return f"{FORMSET}-{number}"


def _order_by_weekday(data: Posted, day_of_id: dict[str, str]) -> dict[str, str]:
    """The posted data with its rows renumbered from Monday."""
    found: dict[str, str] = {}
    for number, weekday in enumerate(setting_address.WEEKDAYS):
        day = data.get(f"{_prefix(number)}-day") or day_of_id.get(
            data.get(f"{_prefix(number)}-id", ""), weekday
        )
        if day not in setting_address.WEEKDAYS:
            continue
        for name in ("opens_at", "closes_at", "was"):
            value = data.get(f"{_prefix(number)}-{name}")
            if value is not None:
                found[f"{_prefix(setting_address.WEEKDAYS.index(day))}-{name}"] = value.strip()
    return found


def _format_hours(hours: OfficeHours) -> str:
    return day_bars.format_interval(hours.opens_at, hours.closes_at) if hours.pk else _("no hours")
