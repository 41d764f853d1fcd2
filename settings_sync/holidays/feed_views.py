"""Export holidays as CSV, and as a calendar feed under a secret URL for calendar apps."""

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
from settings_sync.holidays.import_views import LIST_URL_NAME, page_context
from settings_sync.models import CalendarFeed, Holiday

ADD_PERMISSION, REVOKE_PERMISSION, VIEW_PERMISSION = (
    f"settings_sync.{verb}_calendarfeed" for verb in ("add", "change", "view")
)
MAX_AGE_S = 300
SAMPLE_ROWS = (("2027-01-26", "Republic Day"), ("2027-03-22", "Holi"), ("2027-08-15", "Independence Day"))


@require_GET
def export(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """All holidays, including past ones, in the format of the import."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    holidays = list(Holiday.objects.order_by("date").values_list("date", "name"))
    audit_log.record(Action.EXPORTED, request=request, what="all holidays, CSV", count=len(holidays))
    text = csv_files.write_csv(holidays)
    return _csv_response(text, f"holidays-{timezone.localdate()}.csv")


@require_GET
def sample(request: HttpRequest, model_admin: Any) -> HttpResponse:
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    rows = ((dt.date.fromisoformat(date), name) for date, name in SAMPLE_ROWS)
    return _csv_response(csv_files.write_csv(rows), "holidays-sample.csv")


def _csv_response(text: str, name: str) -> HttpResponse:
    return HttpResponse(
        text.encode(),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
        },
    )


# --- the calendar feed: no login, the token authorises ---


@require_safe
def calendar(_request: HttpRequest, token: str) -> HttpResponse:
    """The holidays from last year on; 404 for an unknown or revoked token."""
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
    body = ical_files.write_ical(holidays, title=_("Office holidays"), unnamed=_("Holiday"), today=today)
    response = HttpResponse(
        body,
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": 'inline; filename="holidays.ics"', "X-Robots-Tag": "noindex"},
    )
    patch_cache_control(response, private=True, max_age=MAX_AGE_S)
    return response


# --- creating and revoking feeds ---


def feeds_context(request: HttpRequest) -> dict[str, Any]:
    """The template context of the active feeds, empty without permission."""
    if not request.user.has_perm(VIEW_PERMISSION):
        return {}
    return {
        "feeds": list(CalendarFeed.objects.active().select_related("made_by")),
        "may_make_feed": request.user.has_perm(ADD_PERMISSION),
        "may_revoke_feed": request.user.has_perm(REVOKE_PERMISSION),
    }


@require_POST
def create(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Render the URL in this response, so that it is not stored in the session or in a message."""
    if not request.user.has_perm(ADD_PERMISSION):
        raise PermissionDenied
    with transaction.atomic():
        feed, token = CalendarFeed.create_for(request.user)
        model_admin.log_addition(request, feed, "Made.")
    context = page_context(
        request,
        model_admin,
        title=_("The calendar's secret address"),
        address=request.build_absolute_uri(reverse("holiday_calendar", args=[token])),
    )
    return TemplateResponse(request, "settings_sync/holidays/feed.html", context)


def revoke(request: HttpRequest, feed_id: int, model_admin: Any) -> HttpResponse:
    """GET asks, POST revokes; afterwards the URL returns 404."""
    if not request.user.has_perm(REVOKE_PERMISSION):
        raise PermissionDenied
    feed = get_object_or_404(CalendarFeed.objects.select_related("made_by"), pk=feed_id)
    if request.method != "POST":
        context = page_context(request, model_admin, title=_("Revoke this calendar address?"), feed=feed)
        return TemplateResponse(request, "settings_sync/holidays/feed_revoke.html", context)
    with transaction.atomic():
        if CalendarFeed.objects.active().filter(pk=feed_id).update(revoked_at=timezone.now()):
            model_admin.log_change(request, feed, "Revoked.")
    messages.success(request, _("The address is revoked: calendars that use it get no more holidays."))
    return redirect(LIST_URL_NAME)
