"""The calls, newest first."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from calllogs.admin.call_columns import badge, clock_text
from calllogs.admin.call_list import CallList
from calllogs.models import CallLog, Push
from settings_sync import theme
from settings_sync.phone import for_people


class PushInline(theme.ReadOnly, theme.TabularInline):
    """What this call was told by; two pushes that disagree stand below each other."""

    model = Push
    fields = ["received_at", "outcome", "flags", "raw_query"]
    readonly_fields = fields
    ordering = ["received_at", "id"]
    verbose_name_plural = _("pushes of this call, in the order in which they came")
    show_change_link = True


@admin.register(CallLog)
class CallLogAdmin(CallList, theme.ReadOnly, theme.ModelAdmin):
    fields = [
        "call_id", "started_at", "shown_status", "raw_status", "shown_caller", "shown_agent", "department",
        "talk", "ivr", "circle", "shown_virtual_number", "recording_url", "has_conflict", "received_at",
    ]  # fmt: skip
    readonly_fields = fields
    inlines = [PushInline]

    @theme.display(description=_("Status"))
    def shown_status(self, call: CallLog) -> str:
        return badge(call.status)

    @theme.display(description=_("Caller"))
    def shown_caller(self, call: CallLog) -> str:
        return for_people(call.caller) or "–"

    @theme.display(description=_("Agent"))
    def shown_agent(self, call: CallLog) -> str:
        return for_people(call.agent_number) or "–"

    @theme.display(description=_("Virtual number"))
    def shown_virtual_number(self, call: CallLog) -> str:
        return for_people(call.virtual_number) or "–"

    @theme.display(description=_("Talk"))
    def talk(self, call: CallLog) -> str:
        return clock_text(call.talk_seconds)

    @theme.display(description=_("In the IVR"))
    def ivr(self, call: CallLog) -> str:
        return clock_text(call.ivr_seconds)
