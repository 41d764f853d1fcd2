"""The admin base of records whose saves reach the provider: save and intent are one transaction."""

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


class NamedFields(ModelForm):
    """A form of the editable list: each field says whose it is to those who hear the page instead of seeing it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.setdefault("aria-label", f"{field.label}: {self.instance}")


class SyncedAdmin(model_admin.ModelAdmin):
    not_sent_words = ""
    change_form_after_template = "settings_sync/delivery/preview_placeholder.html"
    delete_confirmation_template = "settings_sync/delivery/delete_confirmation.html"
    delete_selected_confirmation_template = "settings_sync/delivery/delete_selected_confirmation.html"

    class Media:
        js = ["portal/delivery_preview.js", "portal/delivery.js"]

    def address_of(self, record: Any) -> str:
        raise NotImplementedError

    def address_before(self, form: ModelForm) -> str | None:
        """The address that the record had before this form, if the form can change it."""
        return None

    def save_related(self, request: HttpRequest, form: Any, formsets: Iterable[Any], change: bool) -> None:
        """The one hook that covers adding, changing, and editing in the list; it runs in the save's transaction."""
        super().save_related(request, form, formsets, change)
        service.record(self.touched(form, change=change))

    def touched(self, form: Any, *, change: bool) -> set[str]:
        """The addresses that saving this form may change."""
        addresses = {self.address_of(form.instance), self.address_before(form) if change else None}
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
        return preview.answer(preview.of_form(self, request, object_id))

    @method_decorator(require_POST)
    def preview_list(self, request: HttpRequest, model_admin: Any = None) -> HttpResponse:
        return preview.answer(preview.of_list(self, request))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The one hook that deleting one record and deleting several share: both pages say what will be sent."""
        if request.method == "GET" or not request.POST.get("post"):
            request.deletion_preview = mark_safe(  # type: ignore[attr-defined]  # noqa: S308  (our own template)
                preview.fragment(preview.of_deletion(self, objs))
            )
        return super().get_deleted_objects(objs, request)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        with transaction.atomic():
            Circuit.take_turn()  # before the trail's entry, as everywhere
            address = self.address_of(obj)
            super().delete_model(request, obj)
            service.record([address], trigger="delete")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        with transaction.atomic():
            Circuit.take_turn()
            addresses = [self.address_of(record) for record in queryset]
            super().delete_queryset(request, queryset)
            service.record(addresses, trigger="delete")

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[ModelForm]:
        return super().get_changelist_form(request, **{"form": NamedFields, **kwargs})

    @property
    def list_after_template(self) -> str | None:
        return "settings_sync/delivery/preview_placeholder.html" if self.list_editable else None

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        badges.attach_settings(changelist.result_list, self.address_of)
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        record = super().get_object(request, object_id, from_field)
        if record is not None:
            badges.attach_settings([record], self.address_of)
        return record

    @admin_theme.display(description=_("At the provider"))
    def at_provider(self, record: Any) -> str:
        if not hasattr(record, "gate"):
            return badges.badge(None, None)
        return badges.badge(record.provider_setting, record.gate, without=self.words_without(record))

    def words_without(self, record: Any) -> str:
        return self.not_sent_words
