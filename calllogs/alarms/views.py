"""Alarms for people: on the home screen, and on a page of their own with those that are over and who is mailed.

A person acknowledges an alarm for a while; then it is quiet, and rings again if it is still on after that.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from calllogs.access.visibility import visibility_for
from calllogs.alarms import service
from calllogs.models import Alarm, AlarmRecipient
from calllogs.models.alarm import ALARM_LOOK
from calllogs.notifications import outbox
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action

VIEW, ACT, CHOOSE = "calllogs.view_alarm", "calllogs.change_alarm", "calllogs.change_alarmrecipient"
# A page that a person may not open is not offered.
LINK_NEEDS = {
    "connect": "calllogs.view_pushkey",
    "settings_sync_agent_changelist": "settings_sync.view_agent",
    "settings_sync_providersetting_changelist": "settings_sync.view_providersetting",
    "calllogs_push_changelist": "calllogs.view_push",
    "calllogs_report_changelist": "calllogs.view_report",
}
MOST_PAST = 50
TOMORROW = dt.time(8)
QUIET = {
    "1": gettext_lazy("Quiet for 1 hour"),
    "4": gettext_lazy("Quiet for 4 hours"),
    "tomorrow": gettext_lazy("Quiet until tomorrow, 8:00"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One alarm as a page draws it."""

    pk: int
    what: str
    kind: str
    colour: str
    icon: str
    words: str
    since: str
    link: str
    is_quiet: bool
    quiet_words: str
    mailed: str


def urls(site: admin.AdminSite) -> list[URLPattern]:
    view = site.admin_view
    return [
        path("alarms/", view(require_safe(page)), name="alarms"),
        path("alarms/<int:pk>/", view(require_POST(change)), name="alarm"),
        path("alarms/readers/", view(require_POST(choose)), name="alarm_readers"),
    ]


def home(request: HttpRequest) -> dict[str, Any]:
    """For the top of the home screen, which itself tells whether nobody is available, to the second."""
    found = _standing(request)
    if request.user.has_perm("settings_sync.view_agent"):
        found["loud"] = [row for row in found["loud"] if row.what != Alarm.Kind.NOBODY]
    return found


def _standing(request: HttpRequest) -> dict[str, Any]:
    """What rings, what is quiet, and whether anybody looks. One query beside those about the person."""
    if not request.user.has_perm(VIEW):
        return {"loud": [], "quiet": [], "is_watched": True, "may_act": False}
    now = timezone.now()
    alarms, is_watched = service.mail_status(now)
    rows = [_row(alarm, now, request.user) for alarm in alarms]
    return {
        "loud": [row for row in rows if not row.is_quiet],
        "quiet": [row for row in rows if row.is_quiet],
        "is_watched": is_watched,
        "may_act": request.user.has_perm(ACT),
        "choices": list(QUIET.items()),
    }


def page(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    may_choose = request.user.has_perm(CHOOSE)
    chosen = set(AlarmRecipient.objects.values_list("user", flat=True))
    people = [
        (user.pk, user.get_full_name() or user.username, user.email, user.pk in chosen)
        for user in outbox.readers()
    ]
    context = {
        **admin.site.each_context(request),
        "title": _("Alarms"),
        "alarms": _standing(request),
        "past": [
            _past(alarm, is_limited=visibility_for(request.user).is_limited)
            for alarm in Alarm.objects.filter(closed_at__isnull=False)[:MOST_PAST]
        ],
        "people": people,
        "readers": [name for _pk, name, _email, is_chosen in people if is_chosen],
        "may_choose": may_choose,
        "mail_folder": outbox.folder(),
        "has_mail": outbox.is_set_up(),
    }
    return TemplateResponse(request, "calllogs/alarms/alarms.html", context)


def change(request: HttpRequest, pk: int) -> HttpResponse:
    """`quiet`: 1, 4 (hours) or tomorrow; `wake`: ends it. Leads back to where it was pressed."""
    if not request.user.has_perm(ACT):
        raise PermissionDenied
    now = timezone.now()
    if "wake" in request.POST:
        with transaction.atomic():
            before = Alarm.objects.filter(pk=pk).first()
            done = service.end_snooze(pk, now)
            _record(done, request, before, None)
        words = _("It rings again.") if done else _("It was not quiet, or it is over.")
    elif until := _until(request.POST.get("quiet", ""), now):
        with transaction.atomic():
            before = Alarm.objects.filter(pk=pk).first()
            done = service.acknowledge(pk, person=request.user, until=until, now=now)  # type: ignore[arg-type]
            _record(done, request, before, until)
        words = (
            _("Quiet until %(time)s. If it is still so then, it rings again.") % {"time": _clock(until, now)}
            if done
            else _("It is over already; there is nothing to do.")
        )
    else:
        done, words = False, _("Choose how long it shall be quiet.")
    messages.add_message(request, messages.SUCCESS if done else messages.INFO, words)
    back = request.POST.get("back", "")
    return redirect(back if url_has_allowed_host_and_scheme(back, None) else "admin:alarms")


def choose(request: HttpRequest) -> HttpResponse:
    """`people`: to whom alarms are mailed from now on."""
    if not request.user.has_perm(CHOOSE):
        raise PermissionDenied
    wanted = {
        int(text)
        for text in request.POST.getlist("people")
        if text.isascii() and text.isdigit() and len(text) < 19
    }
    possible = set(outbox.readers().values_list("pk", flat=True))
    added_by = request.user.get_username()
    with transaction.atomic():
        before = _reader_names()
        AlarmRecipient.objects.exclude(user__in=wanted & possible).delete()
        AlarmRecipient.objects.bulk_create(
            [AlarmRecipient(user_id=pk, added_by=added_by) for pk in sorted(wanted & possible)],
            ignore_conflicts=True,
        )
        audit_log.record(
            Action.CHANGED,
            request=request,
            what=str(AlarmRecipient._meta.verbose_name_plural),
            changes={"people": [before, _reader_names()]},
        )
    count = len(wanted & possible)
    words = ngettext("Alarms are mailed to %(n)d person.", "Alarms are mailed to %(n)d people.", count)
    messages.success(request, words % {"n": count} if count else _("Alarms are mailed to nobody."))
    return redirect("admin:alarms")


def _record(is_done: bool, request: HttpRequest, before: Alarm | None, until: dt.datetime | None) -> None:
    if is_done and before is not None:
        audit_log.record(
            Action.CHANGED,
            request=request,
            what=f"{before._meta.verbose_name}: {before.get_kind_display()}",
            subject=audit_log.subject_of(before),
            changes={"quiet_until": [before.quiet_until, until]},
        )


def _reader_names() -> str:
    return ", ".join(
        AlarmRecipient.objects.order_by("user__username").values_list("user__username", flat=True)
    )


def _until(value: str, now: dt.datetime) -> dt.datetime | None:
    if value in ("1", "4"):
        return now + dt.timedelta(hours=int(value))
    if value == "tomorrow":
        local = timezone.localtime(now)
        return dt.datetime.combine(local.date() + dt.timedelta(days=1), TOMORROW, local.tzinfo)
    return None


def _row(alarm: Alarm, now: dt.datetime, user: Any) -> Row:
    colour, icon, page_name = ALARM_LOOK[alarm.kind]
    is_quiet = alarm.is_quiet(now)
    quiet_words = ""
    if is_quiet and alarm.quiet_until:
        quiet_words = _("%(name)s has seen it; quiet until %(time)s.") % {
            "name": alarm.acknowledged_name,
            "time": _clock(alarm.quiet_until, now),
        }
    link = reverse(f"admin:{page_name}") if page_name and user.has_perm(LINK_NEEDS[page_name]) else ""
    if link and alarm.kind == Alarm.Kind.INBOX:
        link += "?outcome__exact=REJECTED"
    return Row(
        alarm.pk,
        alarm.kind,
        alarm.get_kind_display(),
        colour,
        icon,
        alarm.told(is_limited=visibility_for(user).is_limited),
        _clock(alarm.opened_at, now),
        link,
        is_quiet,
        quiet_words,
        _clock(alarm.mailed_at, now) if alarm.mailed_at else "",
    )


@dataclass(frozen=True, slots=True)
class Past:
    kind: str
    words: str
    opened: str
    closed: str
    seen_by: str


def _past(alarm: Alarm, *, is_limited: bool) -> Past:
    now = timezone.now()
    return Past(
        alarm.get_kind_display(),
        alarm.told(is_limited=is_limited),
        _clock(alarm.opened_at, now),
        _clock(alarm.closed_at or now, now),
        alarm.acknowledged_name,
    )


def _clock(moment: dt.datetime, now: dt.datetime) -> str:
    local = timezone.localtime(moment)
    is_today = local.date() == timezone.localdate(now)
    return time_format(local, "H:i") if is_today else date_format(local, "j M, H:i")
