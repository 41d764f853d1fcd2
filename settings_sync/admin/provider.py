"""What the provider was told, and how it went: for reading."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from settings_sync import theme
from settings_sync.admin import badges
from settings_sync.models import Attempt, ProviderSetting


class AttemptInline(theme.ReadOnly, theme.TabularInline):
    model = Attempt
    fields = ["started_at", "value", "outcome", "reply", "duration_ms", "trigger"]
    readonly_fields = fields
    ordering = ["-started_at", "-id"]
    per_page = 20
    tab = False


@admin.register(ProviderSetting)
class ProviderSettingAdmin(theme.ReadOnly, theme.ModelAdmin):
    list_display = [
        "address",
        "desired",
        "confirmed",
        "standing",
        "attempts",
        "next_attempt_at",
        "last_reply",
    ]
    list_filter = ["state", "kind"]
    search_fields = ["address"]
    fields = [
        "address", "desired", "confirmed", "standing", "attempts", "next_attempt_at", "reassert_after",
        "confirmed_at", "changed_at", "last_reply",
    ]  # fmt: skip
    readonly_fields = fields
    inlines = [AttemptInline]

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        shut = badges.gate()
        for setting in changelist.result_list:
            setting.gate = shut
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        setting = super().get_object(request, object_id, from_field)
        if setting is not None:
            setting.gate = badges.gate()
        return setting

    @theme.display(description=_("State"), ordering="state")
    def standing(self, setting: Any) -> str:
        return badges.badge(setting, setting.gate)


@admin.register(Attempt)
class AttemptAdmin(theme.ReadOnly, theme.ModelAdmin):
    list_display = ["started_at", "address", "value", "outcome", "reply", "duration_ms", "trigger"]
    list_filter = ["outcome", "trigger"]
    search_fields = ["address"]
    fields = ["started_at", "address", "value", "outcome", "http_status", "reply", "duration_ms", "trigger"]
    readonly_fields = fields
