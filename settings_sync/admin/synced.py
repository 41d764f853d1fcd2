"""The admin base of records whose saves reach the provider: save and intent are one transaction."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db import transaction
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from settings_sync import intent, theme
from settings_sync.admin import badges


class NamedFields(ModelForm):
    """A form of the editable list: each field says whose it is to those who hear the page instead of seeing it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.setdefault("aria-label", f"{field.label}: {self.instance}")


class SyncedAdmin(theme.ModelAdmin):
    not_sent_words = ""

    def address_of(self, record: Any) -> str:
        raise NotImplementedError

    def address_before(self, form: ModelForm) -> str | None:
        """The address that the record had before this form, if the form can change it."""
        return None

    def save_related(self, request: HttpRequest, form: Any, formsets: Iterable[Any], change: bool) -> None:
        """The one hook that covers adding, changing, and editing in the list; it runs in the save's transaction."""
        super().save_related(request, form, formsets, change)
        touched = {self.address_of(form.instance), self.address_before(form) if change else None}
        intent.record(address for address in touched if address)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        with transaction.atomic():
            address = self.address_of(obj)
            super().delete_model(request, obj)
            intent.record([address], trigger="delete")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Django's own is not atomic."""
        with transaction.atomic():
            addresses = [self.address_of(record) for record in queryset]
            super().delete_queryset(request, queryset)
            intent.record(addresses, trigger="delete")

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[ModelForm]:
        return super().get_changelist_form(request, **{"form": NamedFields, **kwargs})

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        badges.attach(changelist.result_list, self.address_of)
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        record = super().get_object(request, object_id, from_field)
        if record is not None:
            badges.attach([record], self.address_of)
        return record

    @theme.display(description=_("At the provider"))
    def at_provider(self, record: Any) -> str:
        if not hasattr(record, "gate"):
            return badges.badge(None, None)
        return badges.badge(record.provider_setting, record.gate, without=self.words_without(record))

    def words_without(self, record: Any) -> str:
        return self.not_sent_words
