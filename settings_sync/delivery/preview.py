"""What saving would tell the provider, before it is saved: the real form is saved, looked at, and rolled back."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.formats import date_format

from settings_sync import setting_address
from settings_sync.delivery import account_status as accounts
from settings_sync.delivery import overview, reconcile, wire_format
from settings_sync.models import ProviderSetting

SHOWN = 8  # requests named one by one


@dataclass(frozen=True, slots=True)
class Preview:
    """The requests in words, and the days that the provider cannot take back."""

    told: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)


def preview_of(addresses: Iterable[str]) -> Preview:
    """What the records, as they stand in this transaction, would have us tell."""
    found = reconcile.differences(addresses)
    sent = ProviderSetting.objects.filter(
        address__in=found.gone, kind=setting_address.HOLIDAY, first_sent_at__isnull=False
    )
    return Preview(
        [wire_format.describe(address, value) for address, value in _in_week_order(found.told)],
        [
            date_format(setting_address.holiday_date(address), "j F Y")
            for address in sorted(sent.values_list("address", flat=True))
        ],
    )


def _in_week_order(told: dict[str, str]) -> list[tuple[str, str]]:
    """Days as a person reads a week; everything else as the ledger has it."""

    def place(item: tuple[str, str]) -> int:
        day = item[0].partition(":")[2]
        return setting_address.WEEKDAYS.index(day) if day in setting_address.WEEKDAYS else -1

    return sorted(told.items(), key=place)


def of_deletion(admin: Any, records: Iterable[Any]) -> Preview:
    """What deleting these records would tell."""
    with transaction.atomic():
        records = list(records)
        addresses = [admin.address_of(record) for record in records]
        admin.model.objects.filter(pk__in=[record.pk for record in records]).delete()
        found = preview_of(addresses)
        transaction.set_rollback(True)
    return found


def of_form(admin: Any, request: HttpRequest, object_id: str | None) -> Preview | None:
    """What saving this add or change form would tell; None if it cannot be saved as it is."""
    record = admin.get_object(request, object_id) if object_id else None
    if object_id and record is None:
        raise Http404
    may = admin.has_change_permission(request, record) if record else admin.has_add_permission(request)
    if not may:
        raise PermissionDenied
    form = admin.get_form(request, record, change=record is not None)(
        request.POST, request.FILES, instance=record
    )
    return _saved_and_rolled_back(admin, request, [form], is_change=record is not None)


def of_list(admin: Any, request: HttpRequest) -> Preview | None:
    """What saving the editable list would tell; None if it cannot be saved as it is."""
    if not admin.has_change_permission(request) or not admin.list_editable:
        raise PermissionDenied
    formset_class = admin.get_changelist_formset(request)
    edited = admin._get_list_editable_queryset(request, formset_class.get_default_prefix())
    formset = formset_class(request.POST, request.FILES, queryset=edited)
    if not formset.is_valid():
        return None
    changed = [form for form in formset.forms if form.has_changed()]
    return _saved_and_rolled_back(admin, request, changed, is_change=True)


def _saved_and_rolled_back(
    admin: Any, request: HttpRequest, forms: list[Any], *, is_change: bool
) -> Preview | None:
    addresses: set[str] = set()
    try:
        with transaction.atomic():
            for form in forms:
                if not form.is_valid():
                    return None
                admin.save_model(request, admin.save_form(request, form, change=is_change), form, is_change)
                addresses |= admin.touched(form, change=is_change)
            found = preview_of(addresses)
            transaction.set_rollback(True)
    except DatabaseError:  # somebody else was quicker, or the database is away: the save itself will tell
        return None
    return found


def fragment(found: Preview | None) -> str:
    """For the page; empty where nothing can be said."""
    if found is None:
        return ""
    account = accounts.read()
    return render_to_string(
        "components/preview.html",
        {
            "count": len(found.told),
            "told": found.told[:SHOWN],
            "more": max(0, len(found.told) - SHOWN),
            "stuck": found.stuck,
            "takes": overview.duration_words(overview.seconds_to_send(len(found.told))),
            "is_shut": account.shut is not None,
        },
    )


def answer(found: Preview | None) -> HttpResponse:
    """An invalid form is no mistake here: the person is still typing."""
    return HttpResponse(fragment(found), headers={"Cache-Control": "no-store"})
