"""The form for a date override."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ivrportal.common import admin_theme
from settings_sync import setting_address
from settings_sync.models import Holiday, OfficeHours, OtherHours

SELECTABLE_DAYS = 7  # one date per weekday, because the provider stores hours by weekday


UsualHours = dict[str, OfficeHours]


@dataclass(frozen=True, slots=True)
class DateChoice:
    """A selectable date with its usual hours, the initial values of the form."""

    value: str
    label: str
    opens_at: str
    closes_at: str


def load_usual_hours() -> UsualHours:
    return {hours.day: hours for hours in OfficeHours.objects.all()}


def date_choices(usual: UsualHours, today: dt.date | None = None) -> list[DateChoice]:
    first = today or timezone.localdate()
    choices = []
    for date in (first + dt.timedelta(days=ahead) for ahead in range(SELECTABLE_DAYS)):
        hours = usual.get(setting_address.WEEKDAYS[date.weekday()])
        choices.append(
            DateChoice(
                date.isoformat(),
                format_day(date, first),
                f"{hours.opens_at:%H:%M}" if hours else "",
                f"{hours.closes_at:%H:%M}" if hours else "",
            )
        )
    return choices


def format_day(date: dt.date, today: dt.date) -> str:
    """`Today, Mon 23 Nov`."""
    day = date_format(date, "D j M")
    relative = {0: _("Today"), 1: _("Tomorrow")}.get((date - today).days)
    return f"{relative}, {day}" if relative else day


class OtherHoursForm(forms.ModelForm):
    """An empty time means the usual time of that weekday."""

    class Meta:
        model = OtherHours
        fields = ["date", "opens_at", "closes_at", "note"]
        widgets = {
            "opens_at": admin_theme.TimeWidget,
            "closes_at": admin_theme.TimeWidget,
            "note": forms.TextInput(attrs={"class": "hours-input"}),
        }
        labels = {"opens_at": gettext_lazy("Open from"), "closes_at": gettext_lazy("Until")}
        error_messages = {
            name: {"invalid": gettext_lazy("Write a time such as 16:00.")}
            for name in ("opens_at", "closes_at")
        }

    def __init__(self, *args: Any, usual: UsualHours, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "use_required_attribute": False, "auto_id": "other_%s"})
        self.usual = usual
        self.choices = date_choices(usual)
        self.fields["date"] = forms.ChoiceField(
            label=_("Date"),
            choices=[(choice.value, choice.label) for choice in self.choices],
            error_messages={"invalid_choice": _("Choose today or one of the six days after it.")},
        )
        for name in ("opens_at", "closes_at"):
            self.fields[name].required = False
            self.initial[name] = self.initial.get(name) or getattr(self.choices[0], name)
        self.fields["note"].label = _("Why (for you)")

    def clean_date(self) -> dt.date:
        date = dt.date.fromisoformat(self.cleaned_data["date"])
        weekday = setting_address.WEEKDAYS[date.weekday()]
        if weekday not in self.usual:
            raise ValidationError(
                _("%(day)s has no usual hours yet. Set them first: they are what comes back afterwards."),
                params={"day": _(weekday)},
                code="no_usual_hours",
            )
        if Holiday.objects.filter(date=date).exists():
            raise ValidationError(
                _("This date is a holiday: callers hear the holiday message all day, whatever the hours."),
                code="holiday",
            )
        return date

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        usual = self.usual[setting_address.WEEKDAYS[cleaned["date"].weekday()]]
        cleaned["opens_at"] = cleaned.get("opens_at") or usual.opens_at
        cleaned["closes_at"] = cleaned.get("closes_at") or usual.closes_at
        if (cleaned["opens_at"], cleaned["closes_at"]) == (usual.opens_at, usual.closes_at):
            self.add_error("closes_at", _("These are the usual hours of that day. Change one of the times."))
        return cleaned
