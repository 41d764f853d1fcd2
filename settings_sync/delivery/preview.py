"""Previews of what a save or deletion would send. The form is really saved, compared, and rolled back."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.formats import date_format

from settings_sync import setting_address
from settings_sync.delivery import account_status, overview, reconcile, wire_format
from settings_sync.models import ProviderSetting

MAX_LISTED = 8  # requests that are listed one by one


@dataclass(frozen=True, slots=True)
class SavePreview:
    """Descriptions of the requests, and the dates of sent holidays that the provider cannot take back."""

    requests: list[str] = field(default_factory=list)
    irrevocable_dates: list[str] = field(default_factory=list)


def build_preview(addresses: Iterable[str]) -> SavePreview:
    """Return what the records as stored in this transaction would send."""
    differences = reconcile.find_differences(addresses)
    sent = ProviderSetting.objects.filter(
        address__in=differences.removed, kind=setting_address.HOLIDAY, first_sent_at__isnull=False
    )
    return SavePreview(
        [wire_format.describe(address, value) for address, value in _sort_by_weekday(differences.changed)],
        [
            date_format(setting_address.holiday_date(address), "j F Y")
            for address in sorted(sent.values_list("address", flat=True))
        ],
    )


def _sort_by_weekday(changed: dict[str, str]) -> list[tuple[str, str]]:
    """Sort office hours from Monday to Sunday, after everything else, which keeps its order."""

    def weekday_index(item: tuple[str, str]) -> int:
        day = item[0].partition(":")[2]
        return setting_address.WEEKDAYS.index(day) if day in setting_address.WEEKDAYS else -1

    return sorted(changed.items(), key=weekday_index)


def preview_deletion(admin: Any, records: Iterable[Any]) -> SavePreview:
    """Return what deleting these records would send."""
    with transaction.atomic():
        records = list(records)
        addresses = [admin.get_address(record) for record in records]
        admin.model.objects.filter(pk__in=[record.pk for record in records]).delete()
        preview = build_preview(addresses)
        transaction.set_rollback(True)
    return preview


def preview_form(admin: Any, request: HttpRequest, object_id: str | None) -> SavePreview | None:
    """Return what saving this add or change form would send; None if it is invalid.

    Raises Http404 for a missing record and PermissionDenied without add or change permission.
    """
    record = admin.get_object(request, object_id) if object_id else None
    if object_id and record is None:
        raise Http404
    is_allowed = admin.has_change_permission(request, record) if record else admin.has_add_permission(request)
    if not is_allowed:
        raise PermissionDenied
    form = admin.get_form(request, record, change=record is not None)(
        request.POST, request.FILES, instance=record
    )
    return _save_and_roll_back(admin, request, [form], is_change=record is not None)


def preview_list(admin: Any, request: HttpRequest) -> SavePreview | None:
    """Return what saving the editable list would send; None if it is invalid. Raises PermissionDenied."""
    if not admin.has_change_permission(request) or not admin.list_editable:
        raise PermissionDenied
    formset_class = admin.get_changelist_formset(request)
    queryset = admin._get_list_editable_queryset(request, formset_class.get_default_prefix())
    formset = formset_class(request.POST, request.FILES, queryset=queryset)
    if not formset.is_valid():
        return None
    changed = [form for form in formset.forms if form.has_changed()]
    return _save_and_roll_back(admin, request, changed, is_change=True)


def _save_and_roll_back(
    admin: Any, request: HttpRequest, forms: list[Any], *, is_change: bool
) -> SavePreview | None:
    addresses: set[str] = set()
    try:
        with transaction.atomic():
            for form in forms:
                if not form.is_valid():
                    return None
                admin.save_model(request, admin.save_form(request, form, change=is_change), form, is_change)
                addresses |= admin.get_changed_addresses(form, change=is_change)
            preview = build_preview(addresses)
            transaction.set_rollback(True)
    except DatabaseError:  # a conflict or an unavailable database: the save itself will report it
        return None
    return preview


def render_preview(preview: SavePreview | None) -> str:
    """Render the preview for the page; empty for None."""
    if preview is None:
        return ""
    account = account_status.load()
    return render_to_string(
        "components/preview.html",
        {
            "count": len(preview.requests),
            "requests": preview.requests[:MAX_LISTED],
            "more": max(0, len(preview.requests) - MAX_LISTED),
            "irrevocable_dates": preview.irrevocable_dates,
            "duration": overview.format_duration(overview.estimate_seconds(len(preview.requests))),
            "is_closed": account.closed_reason is not None,
        },
    )


def preview_response(preview: SavePreview | None) -> HttpResponse:
    """Return the rendered preview. An invalid form gives an empty 200: the user is still typing."""
    return HttpResponse(render_preview(preview), headers={"Cache-Control": "no-store"})
