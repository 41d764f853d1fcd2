"""Agents in the admin: the board, the change list, and the change form."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ivrportal.common import admin_theme
from ivrportal.common.phone import format_national, to_e164
from settings_sync import coverage, scheduler, setting_address
from settings_sync.agents import availability as agent_availability
from settings_sync.agents import board as agents_board
from settings_sync.agents import board_views
from settings_sync.agents.forms import AgentForm, ShiftInline
from settings_sync.delivery.synced_admin import SyncedAdmin
from settings_sync.history import views
from settings_sync.models import Agent, Circuit
from settings_sync.models.agent import Agent as AgentModel

BOARD_PARAMS = {"q"}  # Any other query parameter is for the change list.


@admin.register(Agent)
class AgentAdmin(SyncedAdmin):
    form = AgentForm
    has_office_numbers = True
    inlines = [ShiftInline]
    list_display = ["name", "shown_number", "department", "availability", "at_provider"]
    list_editable = ["availability"]
    list_per_page = 25  # each row is a small form
    list_filter = ["availability", "department"]
    search_fields = ["name", "number", "department"]
    search_help_text = _("Name, number or department")
    fields = ["name", "number", "department", "availability", "off_until", "next_switch", "at_provider"]
    readonly_fields = ["next_switch", "at_provider"]
    actions = ["switch_on", "switch_off"]
    change_form_outer_after_template = "settings_sync/agents/form_after.html"

    class Media:
        css = {"all": ["portal/agents.css", "portal/history.css"]}
        js = ["portal/agents_shifts.js"]

    def get_custom_urls(self) -> Any:
        return (
            ("list/", "settings_sync_agent_list", self.list_view),
            ("board/switch/", "agent_switch", board_views.switch),
            ("board/pause/", "agent_pause", board_views.pause),
            ("board/look/", "agent_look", board_views.poll),
            *super().get_custom_urls(),
        )

    def get_address(self, record: Any) -> str:
        return setting_address.agent_address(record.number)

    def get_previous_address(self, form: ModelForm) -> str | None:
        number = to_e164(form.initial.get("number") or "")
        return setting_address.agent_address(number) if number else None

    # --- board and list ---------------------------------------------------------------------------------
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the board; show the change list for its own query parameters and for every POST."""
        is_for_board = request.method == "GET" and set(request.GET) <= BOARD_PARAMS
        if is_for_board and self.has_view_or_change_permission(request):
            return board_views.board_page(request, self)
        return self.list_view(request, extra_context=extra_context)

    def list_view(
        self, request: HttpRequest, model_admin: Any = None, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        with transaction.atomic():
            if request.method == "POST" and "_save" in request.POST and not coverage.is_confirmed(request):
                Circuit.lock()
                if lines := coverage.build_questions(self._ids_switched_off_in_list(request)):
                    return coverage.confirmation_page(request, self, lines)
            return super().changelist_view(request, extra_context)

    def _ids_switched_off_in_list(self, request: HttpRequest) -> list[int]:
        """Ids of the agents that the posted change list switches off; empty if it is invalid."""
        if not self.has_change_permission(request):
            return []
        formset_class = self.get_changelist_formset(request)
        edited = self._get_list_editable_queryset(request, formset_class.get_default_prefix())
        formset = formset_class(request.POST, request.FILES, queryset=edited)
        if not formset.is_valid():
            return []
        return [form.instance.pk for form in formset.forms if _is_switched_off(form)]

    @admin_theme.display(description=_("Mobile number"), ordering="number")
    def shown_number(self, record: Agent) -> str:
        return format_national(record.number)

    @admin.action(description=_("Switch on: take calls"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._switch(request, queryset, AgentModel.Availability.AVAIL)

    @admin.action(description=_("Switch off: no calls"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._switch(request, queryset, AgentModel.Availability.OFF)

    def _switch(self, request: HttpRequest, queryset: Any, availability: str) -> HttpResponse | None:
        ids = list(queryset.order_by().values_list("pk", flat=True))
        try:
            agents = agent_availability.switch(
                ids, availability, request=request, is_confirmed=coverage.is_confirmed(request)
            )
        except agent_availability.ConfirmationRequired as question:
            return coverage.confirmation_page(request, self, question.lines)
        message = ngettext("%(n)d agent switched.", "%(n)d agents switched.", len(agents)) % {
            "n": len(agents)
        }
        self.message_user(request, message)
        return None

    # --- the page of one agent --------------------------------------------------------------------------
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        with transaction.atomic():
            if request.method == "POST" and object_id and not coverage.is_confirmed(request):
                Circuit.lock()
                if lines := coverage.build_questions(self._ids_switched_off_in_form(request, object_id)):
                    return coverage.confirmation_page(request, self, lines)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def _ids_switched_off_in_form(self, request: HttpRequest, object_id: str) -> list[int]:
        agent = self.get_object(request, object_id)
        if agent is None or not self.has_change_permission(request, agent):
            return []
        form = self.get_form(request, agent, change=True)(request.POST, request.FILES, instance=agent)
        return [agent.pk] if form.is_valid() and _is_switched_off(form) else []

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A manual switch holds until the next start or end of a shift, so past ones are acknowledged."""
        if obj.availability == AgentModel.Availability.AVAIL:
            obj.off_until = None
        if {"availability", "off_until"} & set(form.changed_data):
            scheduler.acknowledge_past_edges(obj, timezone.now())
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Changed shifts take effect at their next start or end, like new ones."""
        super().save_formset(request, form, formset, change)
        if change and formset.has_changed():
            AgentModel.objects.filter(pk=form.instance.pk).update(shift_edge_at=timezone.now())

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        agent = context.get("original")
        departments = AgentModel.objects.exclude(department="").order_by("department")
        context["departments"] = departments.values_list("department", flat=True).distinct()
        if agent:
            context["changes"] = views.load_recent_rows(request, "agent", agent.pk)
            context["all_changes"] = views.history_url("agent", agent.pk)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin_theme.display(description=_("By itself"))
    def next_switch(self, record: Agent | None) -> str:
        """The next automatic switch of the agent: the end of a pause, the next start or end of a shift."""
        if record is None or record.pk is None:
            return str(_("Nothing yet. With shifts, below, the agent is switched by itself."))
        lines = []
        if record.off_until:
            lines.append(agents_board.availability_label(record))
        if edge := agents_board.next_shift_edge(list(record.shifts.all()), timezone.now()):
            lines.append(agents_board.format_shift_edge(edge))
            lines.append(str(_("A switch by hand holds until then.")))
        return format_html_join(
            "", "<span class='board-next-switch-line'>{}</span>", ((line,) for line in lines)
        ) or str(_("Nothing: the agent has no shifts, and is switched by hand."))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect(views.history_url("agent", object_id))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Deleting an agent switches it off, so the confirmation page warns if nobody is left."""
        deleted = super().get_deleted_objects(objs, request)
        if hasattr(request, "deletion_preview"):
            lines = coverage.build_questions(agent.pk for agent in objs)
            warning = format_html_join(
                "", '<p class="notice badge-danger">{}</p>', ((line,) for line in lines)
            )
            request.deletion_preview = format_html("{}{}", warning, request.deletion_preview)
        return deleted


def _is_switched_off(form: Any) -> bool:
    before = form.initial.get("availability")
    return before != AgentModel.Availability.OFF and form.instance.availability == AgentModel.Availability.OFF
