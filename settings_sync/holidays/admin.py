"""The admin of holidays: the page with the year and the list, and the form."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from simple_history.utils import bulk_create_with_history

from settings_sync import setting_address
from settings_sync.delivery import overview
from settings_sync.delivery.synced_admin import SyncedAdmin
from settings_sync.holidays import feed_views, import_views, year_view
from settings_sync.holidays.forms import HolidayForm
from settings_sync.models import Holiday, ProviderSetting
from settings_sync.models.provider_setting import State


@admin.register(Holiday)
class HolidayAdmin(SyncedAdmin):
    form = HolidayForm
    list_display = ["date", "name", "at_provider"]
    change_form_before_template = "settings_sync/holidays/form_intro.html"
    fields = ["date", "name", "at_provider"]
    readonly_fields = ["at_provider"]

    class Media:
        css = {"all": ["portal/holidays.css"]}
        js = ["portal/holidays.js"]

    def get_custom_urls(self) -> Any:
        return (
            *super().get_custom_urls(),
            ("suggestions/", "holiday_suggestions", import_views.suggestions),
            ("import/", "holiday_import", import_views.upload),
            ("import/confirm/", "holiday_confirm", import_views.confirm),
            ("import/sample.csv", "holiday_sample", feed_views.sample),
            ("export.csv", "holiday_export", feed_views.export),
            ("calendar/", "holiday_feed_make", feed_views.create),
            ("calendar/<int:feed_id>/revoke/", "holiday_feed_revoke", feed_views.revoke),
        )

    # --- the page ---

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the year and the list. Django's change list handles the POST of an action."""
        if request.method == "POST":
            return super().changelist_view(request, extra_context)
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)  # raises PermissionDenied
        may_add = self.has_add_permission(request)
        context = {
            **import_views.page_context(request, self, title=_("Holidays")),
            **year_view.build_context(request, may_add=may_add),
            **feed_views.feeds_context(request),
            "may_add": may_add,
            "may_delete": self.has_delete_permission(request),
            "today_iso": timezone.localdate().isoformat(),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "settings_sync/holidays/list.html", context)

    # --- the form ---

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["date", "name", "at_provider"] if obj else ["date", "until", "name"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.extra_dates:
            days = [Holiday(date=date, name=obj.name) for date in form.extra_dates]
            bulk_create_with_history(days, Holiday, default_user=request.user)

    def get_changed_addresses(self, form: Any, *, change: bool) -> set[str]:
        return super().get_changed_addresses(form, change=change) | {
            setting_address.holiday_address(date) for date in form.extra_dates
        }

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if change and "date" in form.changed_data and (before := self.get_previous_address(form)):
            self._warn_if_withdrawn(request, [before])

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, Any]]:
        extra = [
            {"added": {"name": str(self.opts.verbose_name), "object": str(date)}} for date in form.extra_dates
        ]
        return [*super().construct_change_message(request, form, formsets, add), *extra]

    def log_addition(self, request: HttpRequest, obj: Any, message: Any, **details: Any) -> Any:
        if isinstance(obj, Holiday) and isinstance(message, list):
            request.added_days = details["count"] = len(message)  # type: ignore[attr-defined]  # for response_post_save_add
        return super().log_addition(request, obj, message, **details)

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponse:
        days = getattr(request, "added_days", 1)
        if days > 1:
            text = ngettext(
                "%(n)d holiday was added, each with a setting of its own.",
                "%(n)d holidays were added, each with a setting of its own.",
                days,
            )
            self.message_user(request, text % {"n": days}, messages.SUCCESS)
        return self._redirect_to_year(obj)

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self._redirect_to_year(obj)

    def _redirect_to_year(self, holiday: Holiday) -> HttpResponse:
        return redirect(f"{reverse(import_views.LIST_URL_NAME)}?year={holiday.date.year}")

    # --- deleting and moving: the provider cannot withdraw a holiday ---

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        address = self.get_address(obj)
        super().delete_model(request, obj)
        self._warn_if_withdrawn(request, [address])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        addresses = [self.get_address(holiday) for holiday in queryset]
        super().delete_queryset(request, queryset)
        self._warn_if_withdrawn(request, addresses)

    def _warn_if_withdrawn(self, request: HttpRequest, addresses: list[str]) -> None:
        withdrawn = list(ProviderSetting.objects.filter(address__in=addresses, state=State.WITHDRAWN))
        if not withdrawn:
            return
        if len(withdrawn) == 1:
            link = reverse("admin:settings_sync_providersetting_change", args=[withdrawn[0].pk])
            date = date_format(setting_address.holiday_date(withdrawn[0].address), "j F Y")
            text = _("The provider still has %(date)s as a holiday, and cannot take it back.") % {
                "date": date
            }
        else:
            url = reverse("admin:settings_sync_providersetting_changelist")
            link = f"{url}?{overview.STATE_PARAMETER}={State.WITHDRAWN}"
            text = _("The provider still has %(n)d of these days as holidays, and cannot take them back.") % {
                "n": len(withdrawn)
            }
        self.message_user(
            request,
            format_html('{} <a class="message-link" href="{}">{}</a>', text, link, _("See what to do now")),
            messages.WARNING,
        )

    # --- SyncedAdmin ---

    def get_address(self, record: Any) -> str:
        return setting_address.holiday_address(record.date)

    def get_previous_address(self, form: ModelForm) -> str | None:
        date = form.initial.get("date")
        return setting_address.holiday_address(date) if date else None

    def get_not_sent_label(self, record: Any) -> str:
        return str(gettext_lazy("Past: not sent")) if record.date < timezone.localdate() else ""
