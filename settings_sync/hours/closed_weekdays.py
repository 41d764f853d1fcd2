"""What can be done for a weekday that is closed: nothing, or its next dates as holidays, which nobody can take back."""

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

MOST_DATES = 52
USUAL_DATES = 8
SCREEN = "admin:settings_sync_officehours_changelist"

# Whole phrases: a language may bend the weekday's name.
NAMES = {
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
        max_value=MOST_DATES,
        initial=USUAL_DATES,
        widget=forms.NumberInput(attrs={"class": "hours-input"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "auto_id": "closed_%s"})


@dataclass(frozen=True, slots=True)
class Planned:
    """A date to send as a holiday; `holiday` is the name of the one that is there already, so that it is skipped."""

    date: dt.date
    holiday: str | None = None


def may_send(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("settings_sync.add_holiday"))


def plan(day: str, count: int, today: dt.date | None = None) -> list[Planned]:
    """The weekday's next dates, from tomorrow on: today is not shut behind the callers who are on the line."""
    first = (today or timezone.localdate()) + dt.timedelta(days=1)
    first += dt.timedelta(days=(setting_address.WEEKDAYS.index(day) - first.weekday()) % 7)
    dates = [first + dt.timedelta(weeks=week) for week in range(count)]
    holidays = dict(Holiday.objects.filter(date__in=dates).values_list("date", "name"))
    return [Planned(date, holidays[date] or _("holiday") if date in holidays else None) for date in dates]


def close(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """First the dates, by GET; then, by POST and with the box ticked, the holidays."""
    if not may_send(request):
        raise PermissionDenied
    form = ClosedDayForm(request.POST if request.method == "POST" else request.GET or None)
    if not form.is_valid():
        return _page(request, model_admin, form, [])
    day, count = form.cleaned_data["day"], form.cleaned_data["count"]
    if request.method != "POST":
        return _page(request, model_admin, form, plan(day, count))
    if request.POST.get("sure") != "1":
        return _page(request, model_admin, form, plan(day, count), remark=_("Tick the box first."))
    with transaction.atomic():
        Circuit.take_turn()  # two people who press the button come one after the other
        planned = plan(day, count)
        dates = to_send(planned)
        if request.POST.get("seen", _text(dates)) != _text(dates):
            return _page(request, model_admin, form, planned, remark=_("The dates have changed. Look again."))
        _make(request, day, dates)
    _say(request, len(dates), skipped=len(planned) - len(dates))
    return redirect(SCREEN)


def to_send(planned: list[Planned]) -> list[dt.date]:
    return [one.date for one in planned if one.holiday is None]


def _text(dates: list[dt.date]) -> str:
    """The dates that a person has agreed to, for a hidden field."""
    return " ".join(map(str, dates))


def _make(request: HttpRequest, day: str, dates: list[dt.date]) -> None:
    holidays = bulk_create_with_history(
        [Holiday(date=date, name=str(NAMES[day])) for date in dates], Holiday, default_user=request.user
    )
    LogEntry.objects.log_actions(request.user.pk or 0, holidays, ADDITION, [{"added": {}}])
    service.record([setting_address.holiday_address(date) for date in dates], trigger="bulk")
    if dates:
        audit_log.record(
            Action.ADDED,
            request=request,
            what=", ".join(map(str, holidays)),
            count=len(holidays),
            changes={f"holiday {holiday.date}": [None, holiday.name] for holiday in holidays},
        )


def _say(request: HttpRequest, made: int, *, skipped: int) -> None:
    if made:
        words = ngettext(
            "%(n)d holiday is on its way to the provider.",
            "%(n)d holidays are on their way to the provider.",
            made,
        )
        messages.success(request, words % {"n": made})
    if skipped:
        words = ngettext(
            "%(n)d date was skipped: it is a holiday already.",
            "%(n)d dates were skipped: they are holidays already.",
            skipped,
        )
        messages.info(request, words % {"n": skipped})


def _page(
    request: HttpRequest,
    model_admin: Any,
    form: ClosedDayForm,
    planned: list[Planned],
    *,
    remark: str = "",
) -> TemplateResponse:
    day = form.cleaned_data.get("day") if form.is_bound else None
    return TemplateResponse(
        request,
        "settings_sync/hours/closed_weekdays.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "title": NAMES[day] if day and planned else _("Closed on a weekday"),
            "form": form,
            "planned": planned,
            "to_send": len(to_send(planned)),
            "seen": _text(to_send(planned)),
            "remark": remark,
        },
    )
