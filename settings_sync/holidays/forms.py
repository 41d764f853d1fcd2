"""The form of a holiday; a new one may be a range of days."""

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

LONGEST_DAYS = 31
NAMED_DAYS = 3  # of those that are holidays already


class HolidayForm(ModelForm):
    """`more` holds the days of a range after its first."""

    until = DateField(
        label=_("Last day"),
        required=False,
        widget=admin_theme.DateWidget,
        help_text=_("Only for several days in a row, at most 31: each becomes a holiday of its own."),
    )
    more: tuple[dt.date, ...] = ()

    class Meta:
        model = Holiday
        fields = ["date", "name"]
        widgets = {"date": admin_theme.DateWidget}

    def clean_date(self) -> dt.date:
        date: dt.date = self.cleaned_data["date"]
        if date == self.initial.get("date"):
            return date  # a past holiday may get another name
        if date < timezone.localdate():
            raise ValidationError(
                _("This date has passed; the provider would not use it. Choose today or later."), code="past"
            )
        if date > import_plan.last_date(timezone.localdate()):
            raise ValidationError(
                _("This is more than %(n)d years ahead: is the year right?"),
                code="far",
                params={"n": import_plan.MOST_YEARS_AHEAD},
            )
        return date

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, until = cleaned.get("date"), cleaned.get("until")
        if first and until:
            try:
                self.more = self._more(first, until)
            except ValidationError as error:
                self.add_error("until", error)
        return cleaned

    def _more(self, first: dt.date, until: dt.date) -> tuple[dt.date, ...]:
        days = (until - first).days + 1
        if days < 1:
            raise ValidationError(_("The last day comes before the first."), code="backwards")
        if days > LONGEST_DAYS:
            raise ValidationError(
                _("These are %(n)d days; at most %(most)d can be added at once. Is the year right?"),
                code="too_long",
                params={"n": days, "most": LONGEST_DAYS},
            )
        more = tuple(first + dt.timedelta(days=ahead) for ahead in range(1, days))
        if known := list(Holiday.objects.filter(date__in=more).values_list("date", flat=True)):
            shown = ", ".join(date_format(date, "j M Y") for date in known[:NAMED_DAYS])
            raise ValidationError(
                _("Holidays already: %(dates)s. Choose days without them.")
                if len(known) <= NAMED_DAYS
                else _("Holidays already: %(dates)s and more. Choose days without them."),
                code="unique",
                params={"dates": shown},
            )
        return more
