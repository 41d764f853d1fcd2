"""The form of a holiday; a new holiday may be a range of days."""

import datetime as dt
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import DateField, ModelForm
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from ivrportal.common import admin_theme
from settings_sync.holidays import import_plan
from settings_sync.models import Holiday

MAX_RANGE_DAYS = 31
MAX_DATES_NAMED = 3  # existing holidays listed in an error


class HolidayForm(ModelForm):
    """`extra_dates` are the days of a range after the first."""

    until = DateField(
        label=_("Last day"),
        required=False,
        widget=admin_theme.DateWidget,
        help_text=_("Only for several days in a row, at most 31: each becomes a holiday of its own."),
    )
    extra_dates: tuple[dt.date, ...] = ()

    class Meta:
        model = Holiday
        fields = ["date", "name"]
        widgets = {"date": admin_theme.DateWidget}

    def clean_date(self) -> dt.date:
        date: dt.date = self.cleaned_data["date"]
        if date == self.initial.get("date"):
            return date  # a past holiday may be renamed
        if date < timezone.localdate():
            raise ValidationError(
                _("This date has passed; the provider would not use it. Choose today or later."), code="past"
            )
        if date > import_plan.last_allowed_date(timezone.localdate()):
            raise ValidationError(
                _("This is more than %(n)d years ahead: is the year right?"),
                code="far",
                params={"n": import_plan.MAX_YEARS_AHEAD},
            )
        return date

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, until = cleaned.get("date"), cleaned.get("until")
        if first and until:
            try:
                self.extra_dates = self._range_after_first(first, until)
            except ValidationError as error:
                self.add_error("until", error)
        return cleaned

    def _range_after_first(self, first: dt.date, until: dt.date) -> tuple[dt.date, ...]:
        days = (until - first).days + 1
        if days < 1:
            raise ValidationError(_("The last day comes before the first."), code="backwards")
        if days > MAX_RANGE_DAYS:
            raise ValidationError(
                _("These are %(n)d days; at most %(most)d can be added at once. Is the year right?"),
                code="too_long",
                params={"n": days, "most": MAX_RANGE_DAYS},
            )
        extra_dates = tuple(first + dt.timedelta(days=ahead) for ahead in range(1, days))
        if existing := list(Holiday.objects.filter(date__in=extra_dates).values_list("date", flat=True)):
            listed = ", ".join(date_format(date, "j M Y") for date in existing[:MAX_DATES_NAMED])
            raise ValidationError(
                _("Holidays already: %(dates)s. Choose days without them.")
                if len(existing) <= MAX_DATES_NAMED
                else _("Holidays already: %(dates)s and more. Choose days without them."),
                code="unique",
                params={"dates": listed},
            )
        return extra_dates
