"""Early closing and late opening: hours for one date, that end by themselves."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from ivrportal.audit import audit_log, form_changes
from ivrportal.audit.audit_log import Action
from ivrportal.common import admin_theme
from settings_sync import setting_address
from settings_sync.delivery import badges, service
from settings_sync.delivery.circuit import GateClosed
from settings_sync.hours import day_bars
from settings_sync.models import Circuit, Holiday, OfficeHours, OtherHours, ProviderSetting

AHEAD_DAYS = 7  # today and six more: each weekday once, because the provider knows weekdays and no dates
PAGES = {"week": "admin:settings_sync_officehours_changelist", "heard": "admin:heard"}

Usual = dict[str, OfficeHours]


@dataclass(frozen=True, slots=True)
class Choice:
    """A date on offer, with its usual hours for the page to start from."""

    value: str
    words: str
    opens_at: str
    closes_at: str


@dataclass(frozen=True, slots=True)
class Override:
    """Other hours as a page shows them."""

    pk: int
    date: dt.date
    day: str
    hours: str
    note: str
    ending: str
    badge: str


def usual_hours() -> Usual:
    return {hours.day: hours for hours in OfficeHours.objects.all()}


def choices(usual: Usual, today: dt.date | None = None) -> list[Choice]:
    first = today or timezone.localdate()
    found = []
    for date in (first + dt.timedelta(days=ahead) for ahead in range(AHEAD_DAYS)):
        hours = usual.get(setting_address.WEEKDAYS[date.weekday()])
        found.append(
            Choice(
                date.isoformat(),
                day_words(date, first),
                f"{hours.opens_at:%H:%M}" if hours else "",
                f"{hours.closes_at:%H:%M}" if hours else "",
            )
        )
    return found


def day_words(date: dt.date, today: dt.date) -> str:
    """`Today, Mon 23 Nov`."""
    day = date_format(date, "D j M")
    near = {0: _("Today"), 1: _("Tomorrow")}.get((date - today).days)
    return f"{near}, {day}" if near else day


class OtherHoursForm(forms.ModelForm):
    """A time that is left empty is the usual one of that date."""

    class Meta:
        model = OtherHours
        fields = ["date", "opens_at", "closes_at", "note"]
        widgets = {
            "opens_at": admin_theme.TimeWidget,
            "closes_at": admin_theme.TimeWidget,
            "note": forms.TextInput(attrs={"class": "hours-input"}),
        }
        labels = {"opens_at": gettext_lazy("Open from"), "closes_at": gettext_lazy("Until")}
        error_messages = {
            name: {"invalid": gettext_lazy("Write a time such as 16:00.")}
            for name in ("opens_at", "closes_at")
        }

    def __init__(self, *args: Any, usual: Usual, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "use_required_attribute": False, "auto_id": "other_%s"})
        self.usual = usual
        self.choices = choices(usual)
        self.fields["date"] = forms.ChoiceField(
            label=_("Date"),
            choices=[(choice.value, choice.words) for choice in self.choices],
            error_messages={"invalid_choice": _("Choose today or one of the six days after it.")},
        )
        for name in ("opens_at", "closes_at"):
            self.fields[name].required = False
            self.initial[name] = self.initial.get(name) or getattr(self.choices[0], name)
        self.fields["note"].label = _("Why (for you)")

    def clean_date(self) -> dt.date:
        date = dt.date.fromisoformat(self.cleaned_data["date"])
        weekday = setting_address.WEEKDAYS[date.weekday()]
        if weekday not in self.usual:
            raise ValidationError(
                _("%(day)s has no usual hours yet. Set them first: they are what comes back afterwards."),
                params={"day": _(weekday)},
                code="no_usual_hours",
            )
        if Holiday.objects.filter(date=date).exists():
            raise ValidationError(
                _("This date is a holiday: callers hear the holiday message all day, whatever the hours."),
                code="holiday",
            )
        return date

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        usual = self.usual[setting_address.WEEKDAYS[cleaned["date"].weekday()]]
        cleaned["opens_at"] = cleaned.get("opens_at") or usual.opens_at
        cleaned["closes_at"] = cleaned.get("closes_at") or usual.closes_at
        if (cleaned["opens_at"], cleaned["closes_at"]) == (usual.opens_at, usual.closes_at):
            self.add_error("closes_at", _("These are the usual hours of that day. Change one of the times."))
        return cleaned


def upcoming(usual: Usual, shut: GateClosed | None) -> list[Override]:
    """Other hours of today and later, the nearest first. Two queries, one if there are none."""
    today = timezone.localdate()
    found = list(OtherHours.objects.filter(date__gte=today))
    told = _todays_setting(today) if found and found[0].date == today else None
    return [_shown(other, usual, today, told, shut) for other in found]


def _todays_setting(today: dt.date) -> ProviderSetting | None:
    address = setting_address.hours_address(setting_address.WEEKDAYS[today.weekday()])
    return ProviderSetting.objects.filter(address=address).first()


def _shown(
    other: OtherHours, usual: Usual, today: dt.date, told: ProviderSetting | None, shut: GateClosed | None
) -> Override:
    weekday = setting_address.WEEKDAYS[other.date.weekday()]
    is_today = other.date == today
    waiting = _("Goes out by itself at the start of that day")
    return Override(
        other.pk,
        other.date,
        day_words(other.date, today),
        day_bars.interval(other.opens_at, other.closes_at),
        other.note,
        ending_words(other, usual.get(weekday), today),
        badges.badge(told if is_today else None, shut, without="" if is_today else waiting),
    )


def ending_words(other: OtherHours, usual: OfficeHours | None, today: dt.date) -> str:
    """When it ends, and what holds then."""
    if usual is None:
        return _("That day only")
    hours = day_bars.interval(usual.opens_at, usual.closes_at)
    if other.date == today:
        return _("Until tonight; then %(hours)s again by itself") % {"hours": hours}
    return _("That day only; then %(hours)s again by itself") % {"hours": hours}


def may_add(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("settings_sync.add_otherhours"))


def may_cancel(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("settings_sync.delete_otherhours"))


def context(request: HttpRequest, usual: Usual, shut: GateClosed | None, *, page: str) -> dict[str, Any]:
    """What `settings_sync/other_hours.html` draws; `page` is where a person comes back to."""
    return {
        "overrides": upcoming(usual, shut),
        "other_form": OtherHoursForm(usual=usual) if may_add(request) else None,
        "may_cancel_other": may_cancel(request),
        "came_from": page,
    }


@require_POST
def add(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Set or replace the hours of one date; its errors on a page of their own."""
    if not may_add(request):
        raise PermissionDenied
    with transaction.atomic():
        Circuit.take_turn()  # two people who set the same date come one after the other
        usual = usual_hours()
        date = _date_or_none(request.POST.get("date", ""))
        before = OtherHours.objects.filter(date=date).first() if date else None
        form = OtherHoursForm(request.POST, usual=usual, instance=before)
        if form.is_valid():
            other = form.save()
            service.record([_address(other)])
            _log(model_admin, request, form, is_new=before is None)
    if form.errors:
        return _ask_again(request, model_admin, form)
    messages.success(request, _said(other, usual))
    return redirect(_back(request))


@require_POST
def cancel(request: HttpRequest, object_id: int, model_admin: Any) -> HttpResponse:
    """The usual hours again: at once if it is today, and without a word to the provider otherwise."""
    if not may_cancel(request):
        raise PermissionDenied
    with transaction.atomic():
        other = get_object_or_404(OtherHours, pk=object_id)
        model_admin.log_deletions(request, [other])
        subject, lost = audit_log.subject_of(other), form_changes.of_deletion([other])
        other.delete()
        service.record([_address(other)], trigger="delete")
        audit_log.record(Action.DELETED, request=request, what=_name(other), subject=subject, changes=lost)
    messages.success(
        request,
        _("Cancelled: %(day)s has its usual hours again.")
        % {"day": day_words(other.date, timezone.localdate())},
    )
    return redirect(_back(request))


def _date_or_none(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _address(other: OtherHours) -> str:
    return setting_address.hours_address(setting_address.WEEKDAYS[other.date.weekday()])


def _log(model_admin: Any, request: HttpRequest, form: OtherHoursForm, *, is_new: bool) -> None:
    other, changes = form.instance, form_changes.of_form(form, is_new=is_new)
    if is_new:
        # Times that were left empty are no change to the form: they are the usual ones.
        changes |= {name: [None, getattr(other, name)] for name in ("date", "opens_at", "closes_at")}
        model_admin.log_addition(request, other, [{"added": {}}], changes=changes)
    else:
        model_admin.log_change(request, other, [{"changed": {"fields": ["hours"]}}], changes=changes)


def _name(other: OtherHours) -> str:
    return f"{other._meta.verbose_name} {other}"


def _said(other: OtherHours, usual: Usual) -> str:
    today = timezone.localdate()
    return _("%(day)s: open %(hours)s. %(ending)s.") % {
        "day": day_words(other.date, today),
        "hours": day_bars.interval(other.opens_at, other.closes_at),
        "ending": ending_words(other, usual.get(setting_address.WEEKDAYS[other.date.weekday()]), today),
    }


def _ask_again(request: HttpRequest, model_admin: Any, form: OtherHoursForm) -> TemplateResponse:
    return TemplateResponse(
        request,
        "settings_sync/hours/date_override_page.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "title": _("Other hours for one date"),
            "other_form": form,
            "came_from": request.POST.get("came_from", ""),
            "back": _back(request),
        },
    )


def _back(request: HttpRequest) -> str:
    return PAGES.get(request.POST.get("came_from", ""), PAGES["week"])
