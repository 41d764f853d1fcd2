"""Admin base class of records that are sent to the provider. A save and its delivery are one transaction."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db import transaction
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from ivrportal.audit import model_admin
from ivrportal.common import admin_theme
from settings_sync.delivery import badges, preview, service
from settings_sync.models import Circuit


class LabelledFieldsForm(ModelForm):
    """Form of the editable list. Gives each field an `aria-label` that names the record, for screen readers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.setdefault("aria-label", f"{field.label}: {self.instance}")


class SyncedAdmin(model_admin.ModelAdmin):
    not_sent_label = ""
    change_form_after_template = "settings_sync/delivery/preview_placeholder.html"
    delete_confirmation_template = "settings_sync/delivery/delete_confirmation.html"
    delete_selected_confirmation_template = "settings_sync/delivery/delete_selected_confirmation.html"

    class Media:
        js = ["portal/delivery_preview.js", "portal/delivery.js"]

    def get_address(self, record: Any) -> str:
        raise NotImplementedError

    def get_previous_address(self, form: ModelForm) -> str | None:
        """Return the address before this form's changes, if the form can change it."""
        return None

    def save_related(self, request: HttpRequest, form: Any, formsets: Iterable[Any], change: bool) -> None:
        """The one hook for adding, changing and editing in the list. It runs in the save's transaction."""
        super().save_related(request, form, formsets, change)
        service.reconcile_and_enqueue(self.get_changed_addresses(form, change=change))

    def get_changed_addresses(self, form: Any, *, change: bool) -> set[str]:
        """Return the addresses that saving this form may change."""
        addresses = {self.get_address(form.instance), self.get_previous_address(form) if change else None}
        return {address for address in addresses if address}

    def get_custom_urls(self) -> Any:
        name = f"{self.opts.app_label}_{self.opts.model_name}_preview"
        return (
            ("preview/", f"{name}_list", self.preview_list),
            ("add/preview/", f"{name}_add", self.preview_form),
            ("<path:object_id>/preview/", name, self.preview_form),
        )

    @method_decorator(require_POST)
    def preview_form(
        self, request: HttpRequest, object_id: str | None = None, model_admin: Any = None
    ) -> HttpResponse:
        return preview.preview_response(preview.preview_form(self, request, object_id))

    @method_decorator(require_POST)
    def preview_list(self, request: HttpRequest, model_admin: Any = None) -> HttpResponse:
        return preview.preview_response(preview.preview_list(self, request))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The one hook shared by deleting one and deleting several: both pages show a preview."""
        if request.method == "GET" or not request.POST.get("post"):
            request.deletion_preview = mark_safe(  # type: ignore[attr-defined]  # noqa: S308  (our own template)
                preview.render_preview(preview.preview_deletion(self, objs))
            )
        return super().get_deleted_objects(objs, request)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        with transaction.atomic():
            Circuit.lock()  # before the audit log entry, whose lock always comes last
            address = self.get_address(obj)
            super().delete_model(request, obj)
            service.reconcile_and_enqueue([address], trigger="delete")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        with transaction.atomic():
            Circuit.lock()
            addresses = [self.get_address(record) for record in queryset]
            super().delete_queryset(request, queryset)
            service.reconcile_and_enqueue(addresses, trigger="delete")

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[ModelForm]:
        return super().get_changelist_form(request, **{"form": LabelledFieldsForm, **kwargs})

    @property
    def list_after_template(self) -> str | None:
        return "settings_sync/delivery/preview_placeholder.html" if self.list_editable else None

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        badges.attach_settings(changelist.result_list, self.get_address)
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        record = super().get_object(request, object_id, from_field)
        if record is not None:
            badges.attach_settings([record], self.get_address)
        return record

    @admin_theme.display(description=_("At the provider"))
    def at_provider(self, record: Any) -> str:
        if not hasattr(record, "closed_reason"):
            return badges.render_badge(None, None)
        return badges.render_badge(
            record.provider_setting, record.closed_reason, without=self.get_not_sent_label(record)
        )

    def get_not_sent_label(self, record: Any) -> str:
        return self.not_sent_label
