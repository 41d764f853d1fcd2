"""Admin of provider settings: desired value, confirmed value, state and next attempt."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ivrportal.audit import model_admin
from ivrportal.common import admin_mixins, admin_theme
from settings_sync.delivery import (
    account_status,
    badges,
    control_views,
    detail,
    list_columns,
    live_view,
    overview,
    record_lookup,
)
from settings_sync.models import ProviderSetting


@admin.register(ProviderSetting)
class ProviderSettingAdmin(admin_mixins.ReadOnlyAdminMixin, model_admin.ModelAdmin):
    list_display = ["desired_value", "confirmed_value", "state_badge", "next_attempt", "last_answer"]
    list_filter = [overview.StateFilter, "kind"]
    list_before_template = "settings_sync/delivery/list_intro.html"
    change_form_template = "settings_sync/delivery/setting.html"
    search_fields = ["address"]
    search_help_text = gettext_lazy("An agent's number, a holiday's date (2026-11-08) or a day (Monday)")
    ordering = ["kind", "address"]
    fields = ["address"]
    readonly_fields = fields
    custom_urls = (
        ("live/", "provider_live", live_view.poll),
        ("stop/", "provider_stop", control_views.stop),
        ("start/", "provider_start", control_views.start),
        ("send-everything-again/", "provider_resend", control_views.resend),
        ("<int:object_id>/send-now/", "provider_send_now", control_views.send_now),
        ("<int:object_id>/removed/", "provider_close", control_views.close),
    )

    class Media:
        js = ["portal/delivery.js"]

    def get_list_display(self, request: HttpRequest) -> list[str]:
        return [*self.list_display, *(["send_now"] if control_views.can_control(request) else [])]

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        account = account_status.load()
        records = record_lookup.load_records(setting.address for setting in changelist.result_list)
        for setting in changelist.result_list:
            setting.account, setting.record = account, records.get(setting.address)
        changelist.account = account
        return changelist

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response = super().changelist_view(
            request, {"title": _("Settings at the provider"), "can_control": control_views.can_control(request),
                      **(extra_context or {})}
        )  # fmt: skip
        context = getattr(response, "context_data", None) or {}
        if "cl" in context:
            context |= overview.build_list_head(request, context["cl"].account)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        page = detail.build_setting_page(context["original"], account_status.load())
        context |= {
            "page": page,
            "title": page["title"],
            "subtitle": None,
            "can_control": control_views.can_control(request),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @admin_theme.display(description=gettext_lazy("Should be"), ordering="address")
    def desired_value(self, setting: Any) -> str:
        return list_columns.render_desired(setting, record_lookup.get_name(setting.record))

    @admin_theme.display(description=gettext_lazy("Provider has"), ordering="confirmed")
    def confirmed_value(self, setting: Any) -> str:
        return list_columns.wrap_live_cell(setting, "confirmed", list_columns.render_confirmed(setting))

    @admin_theme.display(description=gettext_lazy("State"), ordering="state")
    def state_badge(self, setting: Any) -> str:
        return badges.render_badge(setting, setting.account.closed_reason)

    @admin_theme.display(description=gettext_lazy("Next try"), ordering="next_attempt_at")
    def next_attempt(self, setting: Any) -> str:
        return list_columns.wrap_live_cell(
            setting, "next", list_columns.render_next_attempt(setting, setting.account)
        )

    @admin_theme.display(description=gettext_lazy("Last answer"), ordering="last_reply")
    def last_answer(self, setting: Any) -> str:
        return list_columns.wrap_live_cell(setting, "reply", list_columns.render_reply(setting))

    @admin_theme.display(description=gettext_lazy("Send now"))
    def send_now(self, setting: Any) -> str:
        """Render a submit button with its own `formaction`. The changelist form supplies the CSRF token."""
        if not detail.can_send(setting):
            return "–"
        return list_columns.render_send_now_button(setting)
