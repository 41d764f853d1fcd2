"""The provider's screen: what it was told, what it confirmed, what happens next."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ivrportal.audit import model_admin
from ivrportal.common import admin_mixins, admin_theme
from settings_sync.delivery import account_status as accounts
from settings_sync.delivery import (
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
    list_display = ["what", "confirmed_now", "standing", "next_try", "reply"]
    list_filter = [overview.StandingFilter, "kind"]
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
        return [*self.list_display, *(["send_now"] if control_views.may_control(request) else [])]

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        account = accounts.read()
        found = record_lookup.by_address(setting.address for setting in changelist.result_list)
        for setting in changelist.result_list:
            setting.account, setting.record = account, found.get(setting.address)
        changelist.account = account
        return changelist

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response = super().changelist_view(
            request, {"title": _("Settings at the provider"), "may_control": control_views.may_control(request),
                      **(extra_context or {})}
        )  # fmt: skip
        context = getattr(response, "context_data", None) or {}
        if "cl" in context:
            context |= overview.head(request, context["cl"].account)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        page = detail.page(context["original"], accounts.read())
        context |= {
            "page": page,
            "title": page["words"],
            "subtitle": None,
            "may_control": control_views.may_control(request),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @admin_theme.display(description=gettext_lazy("Should be"), ordering="address")
    def what(self, setting: Any) -> str:
        return list_columns.what(setting, record_lookup.name_of(setting.record))

    @admin_theme.display(description=gettext_lazy("Provider has"), ordering="confirmed")
    def confirmed_now(self, setting: Any) -> str:
        return list_columns.live(setting, "confirmed", list_columns.confirmed(setting))

    @admin_theme.display(description=gettext_lazy("State"), ordering="state")
    def standing(self, setting: Any) -> str:
        return badges.badge(setting, setting.account.shut)

    @admin_theme.display(description=gettext_lazy("Next try"), ordering="next_attempt_at")
    def next_try(self, setting: Any) -> str:
        return list_columns.live(setting, "next", list_columns.next_try(setting, setting.account))

    @admin_theme.display(description=gettext_lazy("Last answer"), ordering="last_reply")
    def reply(self, setting: Any) -> str:
        return list_columns.live(setting, "reply", list_columns.reply(setting))

    @admin_theme.display(description=gettext_lazy("Send now"))
    def send_now(self, setting: Any) -> str:
        """The button belongs to the list's own form, which carries the token; only the address is its own."""
        if not detail.can_send(setting):
            return "–"
        return list_columns.send_now_button(setting)
