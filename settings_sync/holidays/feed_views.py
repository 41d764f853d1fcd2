"""Holidays out of the house: as CSV, and as a calendar under a secret address for phones and calendar apps."""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from settings_sync.holidays import csv_files, ical_files
from settings_sync.holidays.import_views import LIST, context_of
from settings_sync.models import CalendarFeed, Holiday

MAKE, REVOKE, VIEW = (f"settings_sync.{verb}_calendarfeed" for verb in ("add", "change", "view"))
FRESH_S = 300
SAMPLE = (("2027-01-26", "Republic Day"), ("2027-03-22", "Holi"), ("2027-08-15", "Independence Day"))


@require_GET
def export(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """All holidays, past ones too, as the import reads them."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    holidays = list(Holiday.objects.order_by("date").values_list("date", "name"))
    # On record, as everything that leaves the house is: who, when, what.
    audit_log.record(Action.EXPORTED, request=request, what="all holidays, CSV", count=len(holidays))
    text = csv_files.write_csv(holidays)
    return _csv(text, f"holidays-{timezone.localdate()}.csv")


@require_GET
def sample(request: HttpRequest, model_admin: Any) -> HttpResponse:
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    rows = ((dt.date.fromisoformat(date), name) for date, name in SAMPLE)
    return _csv(csv_files.write_csv(rows), "holidays-sample.csv")


def _csv(text: str, name: str) -> HttpResponse:
    return HttpResponse(
        text.encode(),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
        },
    )


# --- the calendar itself: no login, the token is all ---


@require_safe
def calendar(_request: HttpRequest, token: str) -> HttpResponse:
    """This year's and the last one's holidays and all to come; 404 for a token that is wrong or revoked."""
    if not CalendarFeed.objects.with_token(token).exists():
        return HttpResponse(
            _("No such calendar."),
            status=404,
            content_type="text/plain; charset=utf-8",
            headers={"Cache-Control": "private, no-store"},
        )
    today = timezone.localdate()
    holidays = (
        Holiday.objects.filter(date__year__gte=today.year - 1).order_by("date").values_list("date", "name")
    )
    body = ical_files.write(holidays, title=_("Office holidays"), unnamed=_("Holiday"), today=today)
    response = HttpResponse(
        body,
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": 'inline; filename="holidays.ics"', "X-Robots-Tag": "noindex"},
    )
    patch_cache_control(response, private=True, max_age=FRESH_S)
    return response


# --- making and revoking its address ---


def feeds(request: HttpRequest) -> dict[str, Any]:
    """What the holidays' page says about the addresses that work."""
    if not request.user.has_perm(VIEW):
        return {}
    return {
        "feeds": list(CalendarFeed.objects.live().select_related("made_by")),
        "may_make_feed": request.user.has_perm(MAKE),
        "may_revoke_feed": request.user.has_perm(REVOKE),
    }


@require_POST
def make(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """The page that shows the address is the answer itself: so it is kept in no session and no message."""
    if not request.user.has_perm(MAKE):
        raise PermissionDenied
    with transaction.atomic():
        feed, token = CalendarFeed.make(request.user)
        model_admin.log_addition(request, feed, "Made.")
    context = context_of(
        request,
        model_admin,
        title=_("The calendar's secret address"),
        address=request.build_absolute_uri(reverse("holiday_calendar", args=[token])),
    )
    return TemplateResponse(request, "settings_sync/holidays/feed.html", context)


def revoke(request: HttpRequest, feed_id: int, model_admin: Any) -> HttpResponse:
    """Ask, then revoke. From then on the address is answered by 404."""
    if not request.user.has_perm(REVOKE):
        raise PermissionDenied
    feed = get_object_or_404(CalendarFeed.objects.select_related("made_by"), pk=feed_id)
    if request.method != "POST":
        context = context_of(request, model_admin, title=_("Revoke this calendar address?"), feed=feed)
        return TemplateResponse(request, "settings_sync/holidays/feed_revoke.html", context)
    with transaction.atomic():
        if CalendarFeed.objects.live().filter(pk=feed_id).update(revoked_at=timezone.now()):
            model_admin.log_change(request, feed, "Revoked.")
    messages.success(request, _("The address is revoked: calendars that use it get no more holidays."))
    return redirect(LIST)
