"""The people who take the calls."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from settings_sync import desired, intent, theme
from settings_sync.admin.synced import SyncedAdmin
from settings_sync.models import Agent
from settings_sync.models.agent import Agent as AgentModel
from settings_sync.phone import for_people


@admin.register(Agent)
class AgentAdmin(SyncedAdmin):
    list_display = ["name", "shown_number", "department", "availability", "at_provider"]
    list_editable = ["availability"]
    list_filter = ["availability", "department"]
    search_fields = ["name", "number", "department"]
    search_help_text = _("Name, number or department")
    fields = ["name", "number", "department", "availability", "at_provider"]
    readonly_fields = ["at_provider"]
    actions = ["switch_on", "switch_off"]

    def address_of(self, record: Any) -> str:
        return desired.agent_address(record.number)

    def address_before(self, form: ModelForm) -> str | None:
        number = form.initial.get("number")
        return desired.agent_address(number) if number else None

    @theme.display(description=_("Mobile number"), ordering="number")
    def shown_number(self, record: Agent) -> str:
        return for_people(record.number)

    @admin.action(description=_("Switch on: take calls"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: Any) -> None:
        self._switch(request, queryset, AgentModel.Availability.AVAIL)

    @admin.action(description=_("Switch off: no calls"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: Any) -> None:
        self._switch(request, queryset, AgentModel.Availability.OFF)

    def _switch(self, request: HttpRequest, queryset: Any, availability: str) -> None:
        from django.db import transaction

        with transaction.atomic():
            agents = list(queryset.exclude(availability=availability))
            for agent in agents:
                agent.availability = availability
            Agent.objects.bulk_update(agents, ["availability"])
            for agent in agents:
                self.log_change(request, agent, [{"changed": {"fields": ["availability"]}}])
            intent.record([self.address_of(agent) for agent in agents], trigger="bulk")
        self.message_user(
            request,
            ngettext("%(n)d agent switched.", "%(n)d agents switched.", len(agents)) % {"n": len(agents)},
        )
