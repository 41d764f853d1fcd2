"""The calls, newest first."""

from typing import Any

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from calllogs.admin import call_page
from calllogs.admin.words import clock_text
from calllogs.models import CallLog
from calllogs.models.call import STATUS_LOOK
from settings_sync import theme
from settings_sync.phone import for_people


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

    def get_urls(self) -> list[Any]:
        return [*call_page.urls(self), *super().get_urls()]

    def change_view(
        self, request: Any, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        return call_page.change_view(request, self, object_id)
