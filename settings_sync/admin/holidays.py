"""The days on which callers hear the holiday message."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from settings_sync import desired
from settings_sync.admin.synced import SyncedAdmin
from settings_sync.models import Holiday


class HolidayForm(ModelForm):
    class Meta:
        model = Holiday
        fields = ["date", "name"]

    def clean_date(self) -> Any:
        date = self.cleaned_data["date"]
        if date < timezone.localdate() and date != self.initial.get("date"):
            raise ValidationError(
                _("This date has passed; the provider would not use it. Choose today or later."), code="past"
            )
        return date


@admin.register(Holiday)
class HolidayAdmin(SyncedAdmin):
    form = HolidayForm
    list_display = ["date", "name", "at_provider"]
    search_fields = ["name"]
    date_hierarchy = "date"
    fields = ["date", "name", "at_provider"]
    readonly_fields = ["at_provider"]

    def address_of(self, record: Any) -> str:
        return desired.holiday_address(record.date)

    def address_before(self, form: ModelForm) -> str | None:
        date = form.initial.get("date")
        return desired.holiday_address(date) if date else None

    def words_without(self, record: Any) -> str:
        return str(_("Past: not sent")) if record.date < timezone.localdate() else ""
