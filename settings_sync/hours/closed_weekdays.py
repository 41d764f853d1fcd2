"""Closing a weekday: its next dates are sent as holidays, which cannot be withdrawn at the provider."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.models import ADDITION, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from simple_history.utils import bulk_create_with_history

from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from settings_sync import setting_address
from settings_sync.delivery import service
from settings_sync.models import Circuit, Holiday, OfficeHours

MAX_DATES = 52
DEFAULT_DATES = 8
WEEK_URL_NAME = "admin:settings_sync_officehours_changelist"

# Whole phrases for translation: some languages inflect the weekday.
HOLIDAY_NAMES = {
    "Monday": gettext_lazy("Closed on Mondays"),
    "Tuesday": gettext_lazy("Closed on Tuesdays"),
    "Wednesday": gettext_lazy("Closed on Wednesdays"),
    "Thursday": gettext_lazy("Closed on Thursdays"),
    "Friday": gettext_lazy("Closed on Fridays"),
    "Saturday": gettext_lazy("Closed on Saturdays"),
    "Sunday": gettext_lazy("Closed on Sundays"),
}


class ClosedDayForm(forms.Form):
    day = forms.ChoiceField(label=gettext_lazy("Weekday"), choices=OfficeHours.Day.choices, initial="Sunday")
    count = forms.IntegerField(
        label=gettext_lazy("How many of its next dates"),
        min_value=1,
        max_value=MAX_DATES,
        initial=DEFAULT_DATES,
        widget=forms.NumberInput(attrs={"class": "hours-input"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "auto_id": "closed_%s"})


@dataclass(frozen=True, slots=True)
class PlannedDate:
    """A date to send as a holiday, or to skip if it already is the holiday named `holiday`."""

    date: dt.date
    holiday: str | None = None


def may_send(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("settings_sync.add_holiday"))


def plan_dates(day: str, count: int, today: dt.date | None = None) -> list[PlannedDate]:
    """The weekday's next `count` dates from tomorrow on. Today is excluded: callers may be on the line."""
    first = (today or timezone.localdate()) + dt.timedelta(days=1)
    first += dt.timedelta(days=(setting_address.WEEKDAYS.index(day) - first.weekday()) % 7)
    dates = [first + dt.timedelta(weeks=week) for week in range(count)]
    holidays = dict(Holiday.objects.filter(date__in=dates).values_list("date", "name"))
    return [PlannedDate(date, holidays[date] or _("holiday") if date in holidays else None) for date in dates]


def close_weekday(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """GET shows the dates; POST with `sure=1` creates the holidays."""
    if not may_send(request):
        raise PermissionDenied
    form = ClosedDayForm(request.POST if request.method == "POST" else request.GET or None)
    if not form.is_valid():
        return _render_page(request, model_admin, form, [])
    day, count = form.cleaned_data["day"], form.cleaned_data["count"]
    if request.method != "POST":
        return _render_page(request, model_admin, form, plan_dates(day, count))
    if request.POST.get("sure") != "1":
        return _render_page(
            request, model_admin, form, plan_dates(day, count), error=_("Tick the box first.")
        )
    with transaction.atomic():
        Circuit.lock()  # serialises concurrent submissions
        planned = plan_dates(day, count)
        dates = dates_to_send(planned)
        if request.POST.get("seen", _join_dates(dates)) != _join_dates(dates):
            return _render_page(
                request, model_admin, form, planned, error=_("The dates have changed. Look again.")
            )
        _create_holidays(request, day, dates)
    _add_messages(request, len(dates), skipped=len(planned) - len(dates))
    return redirect(WEEK_URL_NAME)


def dates_to_send(planned: list[PlannedDate]) -> list[dt.date]:
    return [entry.date for entry in planned if entry.holiday is None]


def _join_dates(dates: list[dt.date]) -> str:
    """The dates that the user has confirmed, for a hidden field."""
    return " ".join(map(str, dates))


def _create_holidays(request: HttpRequest, day: str, dates: list[dt.date]) -> None:
    holidays = bulk_create_with_history(
        [Holiday(date=date, name=str(HOLIDAY_NAMES[day])) for date in dates],
        Holiday,
        default_user=request.user,
    )
    LogEntry.objects.log_actions(request.user.pk or 0, holidays, ADDITION, [{"added": {}}])
    service.reconcile_and_enqueue([setting_address.holiday_address(date) for date in dates], trigger="bulk")
    if dates:
        audit_log.record(
            Action.ADDED,
            request=request,
            what=", ".join(map(str, holidays)),
            count=len(holidays),
            changes={f"holiday {holiday.date}": [None, holiday.name] for holiday in holidays},
        )


def _add_messages(request: HttpRequest, created: int, *, skipped: int) -> None:
    if created:
        text = ngettext(
            "%(n)d holiday is on its way to the provider.",
            "%(n)d holidays are on their way to the provider.",
            created,
        )
        messages.success(request, text % {"n": created})
    if skipped:
        text = ngettext(
            "%(n)d date was skipped: it is a holiday already.",
            "%(n)d dates were skipped: they are holidays already.",
            skipped,
        )
        messages.info(request, text % {"n": skipped})


def _render_page(
    request: HttpRequest,
    model_admin: Any,
    form: ClosedDayForm,
    planned: list[PlannedDate],
    *,
    error: str = "",
) -> TemplateResponse:
    day = form.cleaned_data.get("day") if form.is_bound else None
    return TemplateResponse(
        request,
        "settings_sync/hours/closed_weekdays.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "title": HOLIDAY_NAMES[day] if day and planned else _("Closed on a weekday"),
            "form": form,
            "planned": planned,
            "to_send": len(dates_to_send(planned)),
            "seen": _join_dates(dates_to_send(planned)),
            "error": error,
        },
    )
