"""The admin of office hours: the week on one page."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Case, IntegerField, QuerySet, TimeField, Value, When
from django.forms import Media
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ivrportal.common import admin_theme
from settings_sync import setting_address
from settings_sync.delivery import badges, preview, service
from settings_sync.delivery.synced_admin import SyncedAdmin
from settings_sync.hours import caller_view, closed_weekdays, date_overrides, day_bars, forms
from settings_sync.hours.forms import WeekdayRow
from settings_sync.hours.override_forms import load_usual_hours
from settings_sync.models import Circuit, OfficeHours, ProviderSetting


@dataclass(frozen=True, slots=True)
class WeekdayRowContext:
    """A row of the week page: the form and everything displayed with it."""

    row: WeekdayRow
    name: str
    is_today: bool
    bar: day_bars.DayBar
    hours: str
    errors: list[str]
    badge: str
    override: date_overrides.OverrideRow | None


@admin.register(OfficeHours)
class OfficeHoursAdmin(SyncedAdmin):
    formfield_overrides = {TimeField: {"widget": admin_theme.TimeWidget}}
    fields = ["day", "opens_at", "closes_at", "at_provider"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        weekday_number = Case(
            *[When(day=day, then=Value(number)) for number, day in enumerate(setting_address.WEEKDAYS)],
            output_field=IntegerField(),
        )
        return super().get_queryset(request).order_by(weekday_number)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["day", "at_provider"] if obj else ["at_provider"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The provider has no way to remove the hours of a weekday."""
        return False

    def get_address(self, record: Any) -> str:
        return setting_address.hours_address(record.day)

    def get_custom_urls(self) -> Any:
        return (
            *super().get_custom_urls(),
            ("other/", "settings_sync_officehours_other", date_overrides.add),
            (
                "other/<int:object_id>/cancel/",
                "settings_sync_officehours_other_cancel",
                date_overrides.cancel,
            ),
            ("closed/", "settings_sync_officehours_closed", closed_weekdays.close_weekday),
        )

    # --- the week page, which replaces the change list ---

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._week_page(request, forms.build_rows(), extra_context)
        if not self._may_edit(request):
            raise PermissionDenied
        with transaction.atomic():
            Circuit.lock()  # serialises concurrent saves of the week
            rows = forms.build_rows(request.POST)
            changed = forms.changed_rows(rows)
            if changed:
                self._save(request, changed)
        if changed is None:
            return self._week_page(request, rows, extra_context)
        self._add_message(request, changed)
        return redirect(request.get_full_path())

    @method_decorator(require_POST)
    def preview_list(self, request: HttpRequest, model_admin: Any = None) -> HttpResponse:
        """The requests that saving the posted week would send."""
        if not self._may_edit(request):
            raise PermissionDenied
        with transaction.atomic():
            changed = forms.changed_rows(forms.build_rows(request.POST))
            for row in changed or []:
                row.form.save()
            found = None if changed is None else preview.build_preview(row.address for row in changed)
            transaction.set_rollback(True)
        return preview.preview_response(found)

    def _may_edit(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request) and self.has_add_permission(request)

    def _save(self, request: HttpRequest, changed: list[WeekdayRow]) -> None:
        new = {row.day for row in changed if row.form.instance.pk is None}
        for row in changed:
            row.form.save()
        service.reconcile_and_enqueue(row.address for row in changed)
        for row in changed:
            is_new = row.day in new
            message = self.construct_change_message(request, row.form, [], add=is_new)
            (self.log_addition if is_new else self.log_change)(request, row.form.instance, message)

    def _add_message(self, request: HttpRequest, changed: list[WeekdayRow]) -> None:
        if not changed:
            messages.info(request, _("Nothing was changed, so nothing is sent."))
            return
        days = get_text_list([str(row.form.instance.get_day_display()) for row in changed], _("and"))
        messages.success(request, _("Saved: %(days)s. The provider is being told.") % {"days": days})

    def _week_page(
        self, request: HttpRequest, rows: list[WeekdayRow], extra_context: dict[str, Any] | None
    ) -> TemplateResponse:
        now, closed = timezone.localtime(), badges.load_closed_reason()
        usual = load_usual_hours()
        other = date_overrides.build_context(request, usual, closed, return_to="week")
        settings = {row.address: row for row in ProviderSetting.objects.filter(kind=setting_address.HOURS)}
        overrides = {override.date: override for override in other["overrides"]}
        row_contexts = [
            _build_row_context(
                row,
                badge=badges.render_badge(settings.get(row.address), closed, without=_("No hours yet")),
                now=now if setting_address.WEEKDAYS[now.weekday()] == row.day else None,
                override=next((o for date, o in overrides.items() if date.weekday() == row.number), None),
            )
            for row in rows
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": self.opts.verbose_name_plural.capitalize(),
            "subtitle": None,
            "media": self.media + Media(js=["portal/hours_week.js", "portal/hours_caller_view.js"]),
            "rows": row_contexts,
            "has_errors": any(row.errors for row in row_contexts),
            "may_edit": self._may_edit(request),
            "zone": caller_view.format_zone(now),
            "clock": f"{now:%H:%M}",
            "closed_form": closed_weekdays.ClosedDayForm() if closed_weekdays.may_send(request) else None,
            **other,
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "settings_sync/hours/week.html", context)


def _build_row_context(
    row: WeekdayRow, *, badge: str, now: Any, override: date_overrides.OverrideRow | None
) -> WeekdayRowContext:
    form = row.form
    typed = form.cleaned_data if form.is_bound and form.is_valid() else {}
    opens_at = typed.get("opens_at") or form.instance.opens_at
    closes_at = typed.get("closes_at") or form.instance.closes_at
    errors = [str(error) for found in form.errors.values() for error in found]
    return WeekdayRowContext(
        row,
        str(form.instance.get_day_display()),
        now is not None,
        day_bars.day_bar(opens_at, closes_at, now=now.time() if now else None),
        day_bars.format_interval(opens_at, closes_at) if opens_at and closes_at else _("No hours yet"),
        list(dict.fromkeys(errors)),
        badge,
        override,
    )
