"""What the provider was told, and how it went: for reading."""

from typing import Any

from django.contrib import admin
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

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        request.gate = badges.gate()  # type: ignore[attr-defined]
        return super().changelist_view(request, extra_context)

    @theme.display(description=_("State"), ordering="state")
    def standing(self, setting: ProviderSetting) -> str:
        return badges.badge(setting, badges.gate())


@admin.register(Attempt)
class AttemptAdmin(theme.ReadOnly, theme.ModelAdmin):
    list_display = ["started_at", "address", "value", "outcome", "reply", "duration_ms", "trigger"]
    list_filter = ["outcome", "trigger"]
    search_fields = ["address"]
    fields = ["started_at", "address", "value", "outcome", "http_status", "reply", "duration_ms", "trigger"]
    readonly_fields = fields
