"""The week as seven small forms, `form-0-opens_at` to `form-6-closes_at`: what a person changed, and nothing else.

Each row carries the times that its page was drawn with (`form-0-was`). So a row that a person did not touch is never
written, and a row that somebody else changed meanwhile is asked about instead of overwritten. Programs may leave `was`
and `day` out: the rows are then Monday to Sunday, or belong to the records that `form-0-id` names.
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
    """The times of one day. Both or none; none only for a day that had none before."""

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
        self.before = stored(self.instance)
        self.was = self.data.get(self.add_prefix("was"))
        for field in self.fields.values():
            field.widget.attrs |= {
                "aria-label": f"{self.instance.get_day_display()}: {field.label}",
                "aria-describedby": self.add_prefix("errors"),
            }

    def clean(self) -> dict[str, Any]:
        """Somebody else's change is not overwritten without a word."""
        cleaned = super().clean() or {}
        if self.was not in {None, self.before, self.wanted} and self.wanted != self.before:
            raise ValidationError(
                _("Meanwhile somebody else set %(day)s to %(hours)s. Save again to use your times instead."),
                code="changed_meanwhile",
                params={"day": self.instance.get_day_display(), "hours": _in_words(self.instance)},
            )
        return cleaned

    @property
    def wanted(self) -> str:
        """The interval that was typed, once it is valid."""
        opens_at, closes_at = self.cleaned_data.get("opens_at"), self.cleaned_data.get("closes_at")
        return setting_address.interval(opens_at, closes_at) if opens_at and closes_at else NO_HOURS

    @property
    def is_changed(self) -> bool:
        return self.wanted != self.before

    @property
    def is_backwards(self) -> bool:
        """The end is not after the start: the page then offers midnight."""
        return self.has_error("closes_at", "closes_before_opening")


@dataclass(frozen=True, slots=True)
class Row:
    """A day on the page. The form is bound only if the person touched the row."""

    number: int
    day: str
    form: DayForm

    @property
    def address(self) -> str:
        return setting_address.hours_address(self.day)


def stored(hours: OfficeHours) -> str:
    return setting_address.interval(hours.opens_at, hours.closes_at) if hours.pk else NO_HOURS


def week(data: Posted | None = None) -> list[Row]:
    """Monday to Sunday, with what was posted laid over what is stored. One query."""
    existing = {hours.day: hours for hours in OfficeHours.objects.all()}
    posted = _by_weekday(data or {}, {str(hours.pk): hours.day for hours in existing.values()})
    return [
        Row(number, day, _form(existing.get(day) or OfficeHours(day=day), posted, prefix=_prefix(number)))
        for number, day in enumerate(setting_address.WEEKDAYS)
    ]


def changed(rows: Iterable[Row]) -> list[Row] | None:
    """The rows to save; None if one of them cannot be saved as it is."""
    touched = [row for row in rows if row.form.is_bound]
    errors = [row.form.errors for row in touched]  # all of them, so that every row tells its own
    if any(errors):
        return None
    return [row for row in touched if row.form.is_changed]


def _form(hours: OfficeHours, data: Posted, *, prefix: str) -> DayForm:
    opens_at, closes_at = data.get(f"{prefix}-opens_at"), data.get(f"{prefix}-closes_at")
    if opens_at is None and closes_at is None:
        return DayForm(instance=hours, prefix=prefix)
    typed = f"{opens_at or ''}-{closes_at or ''}"
    if typed in {data.get(f"{prefix}-was"), stored(hours)}:
        return DayForm(instance=hours, prefix=prefix)
    return DayForm(data, instance=hours, prefix=prefix)


def _prefix(number: int) -> str:
    return f"{FORMSET}-{number}"


def _by_weekday(data: Posted, day_of_id: dict[str, str]) -> dict[str, str]:
    """What was posted, with the rows numbered from Monday, whatever order they came in."""
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


def _in_words(hours: OfficeHours) -> str:
    return day_bars.interval(hours.opens_at, hours.closes_at) if hours.pk else _("no hours")
