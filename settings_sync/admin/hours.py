"""When the office takes calls."""

from typing import Any

from django.contrib import admin
from django.db.models import Case, IntegerField, QuerySet, TimeField, Value, When
from django.http import HttpRequest

from settings_sync import desired, theme
from settings_sync.admin.synced import SyncedAdmin
from settings_sync.models import OfficeHours


@admin.register(OfficeHours)
class OfficeHoursAdmin(SyncedAdmin):
    formfield_overrides = {TimeField: {"widget": theme.TimeWidget}}
    list_display = ["day", "opens_at", "closes_at", "at_provider"]
    list_editable = ["opens_at", "closes_at"]
    fields = ["day", "opens_at", "closes_at", "at_provider"]
    actions = None
    list_display_links = ["day"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        in_week = Case(
            *[When(day=day, then=Value(number)) for number, day in enumerate(desired.WEEKDAYS)],
            output_field=IntegerField(),
        )
        return super().get_queryset(request).order_by(in_week)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["day", "at_provider"] if obj else ["at_provider"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The provider knows no day without hours: there would be nothing to tell it."""
        return False

    def address_of(self, record: Any) -> str:
        return desired.hours_address(record.day)
