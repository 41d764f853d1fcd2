"""The calls, newest first."""

from typing import Any

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from calllogs.models import CallLog, Push
from calllogs.models.call import STATUS_LOOK
from settings_sync import theme
from settings_sync.phone import for_people


def clock_text(seconds: int | None) -> str:
    """`1:15` for seventy-five seconds, a dash for what is not known."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class PushInline(theme.ReadOnly, theme.TabularInline):
    """What this call was told by; two pushes that disagree stand below each other."""

    model = Push
    fields = ["received_at", "outcome", "flags", "raw_query"]
    readonly_fields = fields
    ordering = ["received_at", "id"]
    verbose_name_plural = _("pushes of this call, in the order in which they came")
    show_change_link = True


@admin.register(CallLog)
class CallLogAdmin(theme.ReadOnly, theme.ModelAdmin):
    list_display = [
        "started_at", "shown_status", "shown_caller", "shown_agent", "department", "talk", "ivr", "circle",
        "shown_virtual_number",
    ]  # fmt: skip
    list_filter = [
        ("status", theme.ChoicesDropdownFilter),
        ("started_at", theme.RangeDateFilter),
        "department",
        "circle",
    ]
    list_filter_submit = True
    list_fullwidth = True
    search_fields = ["caller", "call_id__exact", "agent_number"]
    search_help_text = _("Number of caller or agent, or call id")
    show_full_result_count = False
    fields = [
        "call_id", "started_at", "shown_status", "raw_status", "shown_caller", "shown_agent", "department",
        "talk", "ivr", "circle", "shown_virtual_number", "recording_url", "has_conflict", "received_at",
    ]  # fmt: skip
    readonly_fields = fields
    inlines = [PushInline]

    @theme.display(description=_("Status"), ordering="status")
    def shown_status(self, call: CallLog) -> str:
        colour, icon = STATUS_LOOK[call.status]
        return render_to_string(
            "components/badge.html", {"words": call.get_status_display(), "colour": colour, "icon": icon}
        )

    @theme.display(description=_("Caller"), ordering="caller")
    def shown_caller(self, call: CallLog) -> str:
        return for_people(call.caller) or "–"

    @theme.display(description=_("Agent"), ordering="agent_number")
    def shown_agent(self, call: CallLog) -> str:
        return for_people(call.agent_number) or "–"

    @theme.display(description=_("Virtual number"))
    def shown_virtual_number(self, call: CallLog) -> str:
        return for_people(call.virtual_number) or "–"

    @theme.display(description=_("Talk"), ordering="talk_seconds")
    def talk(self, call: CallLog) -> str:
        return clock_text(call.talk_seconds)

    @theme.display(description=_("In the IVR"), ordering="ivr_seconds")
    def ivr(self, call: CallLog) -> str:
        return clock_text(call.ivr_seconds)

    def get_search_results(self, request: Any, queryset: Any, search_term: str) -> tuple[Any, bool]:
        from settings_sync.phone import to_e164

        return super().get_search_results(
            request, queryset, to_e164(search_term) or search_term.replace(" ", "")
        )
