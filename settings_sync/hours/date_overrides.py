"""Date overrides: early closing or late opening on one date, which ends automatically."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ivrportal.audit import audit_log, form_changes
from ivrportal.audit.audit_log import Action
from settings_sync import setting_address
from settings_sync.delivery import badges, service
from settings_sync.delivery.circuit import GateClosed
from settings_sync.hours import day_bars
from settings_sync.hours.override_forms import OtherHoursForm, UsualHours, format_day, load_usual_hours
from settings_sync.models import Circuit, OfficeHours, OtherHours, ProviderSetting

RETURN_URL_NAMES = {"week": "admin:settings_sync_officehours_changelist", "heard": "admin:heard"}


@dataclass(frozen=True, slots=True)
class OverrideRow:
    """A date override as displayed."""

    pk: int
    date: dt.date
    day: str
    hours: str
    note: str
    ending: str
    badge: str


def load_upcoming(usual: UsualHours, closed: GateClosed | None) -> list[OverrideRow]:
    """Overrides of today and later, earliest first. Two queries, one without an override for today."""
    today = timezone.localdate()
    overrides = list(OtherHours.objects.filter(date__gte=today))
    setting = _todays_setting(today) if overrides and overrides[0].date == today else None
    return [_build_row(other, usual, today, setting, closed) for other in overrides]


def _todays_setting(today: dt.date) -> ProviderSetting | None:
    address = setting_address.hours_address(setting_address.WEEKDAYS[today.weekday()])
    return ProviderSetting.objects.filter(address=address).first()


def _build_row(
    other: OtherHours,
    usual: UsualHours,
    today: dt.date,
    setting: ProviderSetting | None,
    closed: GateClosed | None,
) -> OverrideRow:
    weekday = setting_address.WEEKDAYS[other.date.weekday()]
    is_today = other.date == today
    not_sent_label = _("Goes out by itself at the start of that day")
    return OverrideRow(
        other.pk,
        other.date,
        format_day(other.date, today),
        day_bars.format_interval(other.opens_at, other.closes_at),
        other.note,
        describe_ending(other, usual.get(weekday), today),
        badges.render_badge(
            setting if is_today else None, closed, without="" if is_today else not_sent_label
        ),
    )


def describe_ending(other: OtherHours, usual: OfficeHours | None, today: dt.date) -> str:
    """When the override ends, and which hours apply afterwards."""
    if usual is None:
        return _("That day only")
    hours = day_bars.format_interval(usual.opens_at, usual.closes_at)
    if other.date == today:
        return _("Until tonight; then %(hours)s again by itself") % {"hours": hours}
    return _("That day only; then %(hours)s again by itself") % {"hours": hours}


def may_add(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("settings_sync.add_otherhours"))


def may_cancel(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("settings_sync.delete_otherhours"))


def build_context(
    request: HttpRequest, usual: UsualHours, closed: GateClosed | None, *, return_to: str
) -> dict[str, Any]:
    """The context of `settings_sync/hours/date_overrides.html`; `return_to` is a key of RETURN_URL_NAMES."""
    return {
        "overrides": load_upcoming(usual, closed),
        "other_form": OtherHoursForm(usual=usual) if may_add(request) else None,
        "may_cancel_other": may_cancel(request),
        "came_from": return_to,
    }


@require_POST
def add(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Set or replace the override of one date; errors are shown on a page of their own."""
    if not may_add(request):
        raise PermissionDenied
    with transaction.atomic():
        Circuit.lock()  # serialises concurrent changes of one date
        usual = load_usual_hours()
        date = _parse_date(request.POST.get("date", ""))
        existing = OtherHours.objects.filter(date=date).first() if date else None
        form = OtherHoursForm(request.POST, usual=usual, instance=existing)
        if form.is_valid():
            other = form.save()
            service.reconcile_and_enqueue([_address(other)])
            _log(model_admin, request, form, is_new=existing is None)
    if form.errors:
        return _render_errors(request, model_admin, form)
    messages.success(request, _success_message(other, usual))
    return redirect(_return_url_name(request))


@require_POST
def cancel(request: HttpRequest, object_id: int, model_admin: Any) -> HttpResponse:
    """Delete an override. The usual hours are sent at once if it is for today; otherwise nothing is sent."""
    if not may_cancel(request):
        raise PermissionDenied
    with transaction.atomic():
        other = get_object_or_404(OtherHours, pk=object_id)
        model_admin.log_deletions(request, [other])
        subject, changes = audit_log.subject_of(other), form_changes.changes_of_deletion([other])
        other.delete()
        service.reconcile_and_enqueue([_address(other)], trigger="delete")
        audit_log.record(Action.DELETED, request=request, what=_name(other), subject=subject, changes=changes)
    messages.success(
        request,
        _("Cancelled: %(day)s has its usual hours again.")
        % {"day": format_day(other.date, timezone.localdate())},
    )
    return redirect(_return_url_name(request))


def _parse_date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _address(other: OtherHours) -> str:
    return setting_address.hours_address(setting_address.WEEKDAYS[other.date.weekday()])


def _log(model_admin: Any, request: HttpRequest, form: OtherHoursForm, *, is_new: bool) -> None:
    other, changes = form.instance, form_changes.changes_of_form(form, is_new=is_new)
    if is_new:
        # Times left at their initial value are not in `changed_data`.
        changes |= {name: [None, getattr(other, name)] for name in ("date", "opens_at", "closes_at")}
        model_admin.log_addition(request, other, [{"added": {}}], changes=changes)
    else:
        model_admin.log_change(request, other, [{"changed": {"fields": ["hours"]}}], changes=changes)


def _name(other: OtherHours) -> str:
    return f"{other._meta.verbose_name} {other}"


def _success_message(other: OtherHours, usual: UsualHours) -> str:
    today = timezone.localdate()
    return _("%(day)s: open %(hours)s. %(ending)s.") % {
        "day": format_day(other.date, today),
        "hours": day_bars.format_interval(other.opens_at, other.closes_at),
        "ending": describe_ending(other, usual.get(setting_address.WEEKDAYS[other.date.weekday()]), today),
    }


def _render_errors(request: HttpRequest, model_admin: Any, form: OtherHoursForm) -> TemplateResponse:
    return TemplateResponse(
        request,
        "settings_sync/hours/date_override_page.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "title": _("Other hours for one date"),
            "other_form": form,
            "came_from": request.POST.get("came_from", ""),
            "back": _return_url_name(request),
        },
    )


def _return_url_name(request: HttpRequest) -> str:
    return RETURN_URL_NAMES.get(request.POST.get("came_from", ""), RETURN_URL_NAMES["week"])
