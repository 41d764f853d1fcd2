"""Every push as it came."""

from django.contrib import admin

from calllogs.models import Push
from settings_sync import theme


@admin.register(Push)
class PushAdmin(theme.ReadOnly, theme.ModelAdmin):
    list_display = ["received_at", "outcome", "reason", "field", "flags", "remote_addr"]
    list_filter = ["outcome"]
    fields = ["received_at", "outcome", "reason", "field", "flags", "remote_addr", "raw_query", "call"]
    readonly_fields = fields
    show_full_result_count = False
