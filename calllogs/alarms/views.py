"""The alarms on the home screen, and the alarms page with past alarms and the recipients of alarm mails.

Users snooze an alarm. If it is still open when the snooze ends, it is shown as an alert and mailed again.
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
from calllogs.models.alarm import ALARM_STYLE
from calllogs.notifications import outbox
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action

VIEW_PERMISSION = "calllogs.view_alarm"
SNOOZE_PERMISSION = "calllogs.change_alarm"
RECIPIENTS_PERMISSION = "calllogs.change_alarmrecipient"
# Permission that a user needs for the page that an alarm links to.
LINK_PERMISSIONS = {
    "connect": "calllogs.view_pushkey",
    "settings_sync_agent_changelist": "settings_sync.view_agent",
    "settings_sync_providersetting_changelist": "settings_sync.view_providersetting",
    "calllogs_push_changelist": "calllogs.view_push",
    "calllogs_report_changelist": "calllogs.view_report",
}
MAX_PAST_ALARMS = 50
TOMORROW_AT = dt.time(8)
SNOOZE_CHOICES = {
    "1": gettext_lazy("Quiet for 1 hour"),
    "4": gettext_lazy("Quiet for 4 hours"),
    "tomorrow": gettext_lazy("Quiet until tomorrow, 8:00"),
}


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An open alarm as a page shows it. `kind` is an `Alarm.Kind`; times are formatted; `link` may be empty."""

    pk: int
    kind: str
    kind_label: str
    colour: str
    icon: str
    text: str
    since: str
    link: str
    is_quiet: bool
    quiet_text: str
    mailed: str


@dataclass(frozen=True, slots=True)
class PastAlarmRow:
    kind_label: str
    text: str
    opened: str
    closed: str
    seen_by: str


def get_urls(site: admin.AdminSite) -> list[URLPattern]:
    view = site.admin_view
    return [
        path("alarms/", view(require_safe(alarms_page)), name="alarms"),
        path("alarms/<int:pk>/", view(require_POST(update_snooze)), name="alarm"),
        path("alarms/readers/", view(require_POST(choose_recipients)), name="alarm_readers"),
    ]


def build_home_alarms(request: HttpRequest) -> dict[str, Any]:
    """Context of the alarms on the home screen.

    Users who may see agents get the alarm NOBODY from the home screen's own banner, which is always up to date.
    """
    alarms = _build_open_alarms(request)
    if request.user.has_perm("settings_sync.view_agent"):
        alarms["active"] = [row for row in alarms["active"] if row.kind != Alarm.Kind.NOBODY]
    return alarms


def _build_open_alarms(request: HttpRequest) -> dict[str, Any]:
    """Template context of the open alarms. One query besides those for permissions and visibility."""
    if not request.user.has_perm(VIEW_PERMISSION):
        return {"active": [], "snoozed": [], "is_watched": True, "may_snooze": False}
    now = timezone.now()
    alarms, is_watched = service.load_open_alarms(now)
    rows = [_build_row(alarm, now, request.user) for alarm in alarms]
    return {
        "active": [row for row in rows if not row.is_quiet],
        "snoozed": [row for row in rows if row.is_quiet],
        "is_watched": is_watched,
        "may_snooze": request.user.has_perm(SNOOZE_PERMISSION),
        "snooze_choices": list(SNOOZE_CHOICES.items()),
    }


def alarms_page(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(VIEW_PERMISSION):
        raise PermissionDenied
    recipient_ids = set(AlarmRecipient.objects.values_list("user", flat=True))
    users = [
        (user.pk, user.get_full_name() or user.username, user.email, user.pk in recipient_ids)
        for user in outbox.eligible_recipients()
    ]
    context = {
        **admin.site.each_context(request),
        "title": _("Alarms"),
        "alarms": _build_open_alarms(request),
        "past_alarms": [
            _build_past_row(alarm, is_limited=visibility_for(request.user).is_limited)
            for alarm in Alarm.objects.filter(closed_at__isnull=False)[:MAX_PAST_ALARMS]
        ],
        "users": users,
        "recipient_names": [name for _pk, name, _email, is_recipient in users if is_recipient],
        "may_choose_recipients": request.user.has_perm(RECIPIENTS_PERMISSION),
        "mail_folder": outbox.mail_folder(),
        "has_mail": outbox.is_set_up(),
    }
    return TemplateResponse(request, "calllogs/alarms/alarms.html", context)


def update_snooze(request: HttpRequest, pk: int) -> HttpResponse:
    """Snooze an alarm for `quiet` (1 or 4 hours, or `tomorrow`); with `wake`, end the snooze. Redirects to `back`."""
    if not request.user.has_perm(SNOOZE_PERMISSION):
        raise PermissionDenied
    now = timezone.now()
    if "wake" in request.POST:
        with transaction.atomic():
            before = Alarm.objects.filter(pk=pk).first()
            is_changed = service.end_snooze(pk, now)
            _record_snooze(is_changed, request, before, None)
        message = _("It rings again.") if is_changed else _("It was not quiet, or it is over.")
    elif until := _parse_quiet_until(request.POST.get("quiet", ""), now):
        with transaction.atomic():
            before = Alarm.objects.filter(pk=pk).first()
            is_changed = service.acknowledge(pk, user=request.user, until=until, now=now)  # type: ignore[arg-type]
            _record_snooze(is_changed, request, before, until)
        message = (
            _("Quiet until %(time)s. If it is still so then, it rings again.")
            % {"time": _format_time(until, now)}
            if is_changed
            else _("It is over already; there is nothing to do.")
        )
    else:
        is_changed, message = False, _("Choose how long it shall be quiet.")
    messages.add_message(request, messages.SUCCESS if is_changed else messages.INFO, message)
    back = request.POST.get("back", "")
    return redirect(back if url_has_allowed_host_and_scheme(back, None) else "admin:alarms")


def choose_recipients(request: HttpRequest) -> HttpResponse:
    """Replace the recipients of alarm mails by the users `people`; ids of ineligible users are ignored."""
    if not request.user.has_perm(RECIPIENTS_PERMISSION):
        raise PermissionDenied
    requested_ids = {
        int(text)
        for text in request.POST.getlist("people")
        if text.isascii() and text.isdigit() and len(text) < 19
    }
    recipient_ids = requested_ids & set(outbox.eligible_recipients().values_list("pk", flat=True))
    added_by = request.user.get_username()
    with transaction.atomic():
        before = _recipient_names()
        AlarmRecipient.objects.exclude(user__in=recipient_ids).delete()
        AlarmRecipient.objects.bulk_create(
            [AlarmRecipient(user_id=pk, added_by=added_by) for pk in sorted(recipient_ids)],
            ignore_conflicts=True,
        )
        audit_log.record(
            Action.CHANGED,
            request=request,
            what=str(AlarmRecipient._meta.verbose_name_plural),
            changes={"people": [before, _recipient_names()]},
        )
    count = len(recipient_ids)
    template = ngettext("Alarms are mailed to %(n)d person.", "Alarms are mailed to %(n)d people.", count)
    messages.success(request, template % {"n": count} if count else _("Alarms are mailed to nobody."))
    return redirect("admin:alarms")


def _record_snooze(
    is_changed: bool, request: HttpRequest, before: Alarm | None, until: dt.datetime | None
) -> None:
    if is_changed and before is not None:
        audit_log.record(
            Action.CHANGED,
            request=request,
            what=f"{before._meta.verbose_name}: {before.get_kind_display()}",
            subject=audit_log.subject_of(before),
            changes={"quiet_until": [before.quiet_until, until]},
        )


def _recipient_names() -> str:
    return ", ".join(
        AlarmRecipient.objects.order_by("user__username").values_list("user__username", flat=True)
    )


def _parse_quiet_until(value: str, now: dt.datetime) -> dt.datetime | None:
    if value in ("1", "4"):
        return now + dt.timedelta(hours=int(value))
    if value == "tomorrow":
        local = timezone.localtime(now)
        return dt.datetime.combine(local.date() + dt.timedelta(days=1), TOMORROW_AT, local.tzinfo)
    return None


def _build_row(alarm: Alarm, now: dt.datetime, user: Any) -> AlarmRow:
    colour, icon, page_name = ALARM_STYLE[alarm.kind]
    is_quiet = alarm.is_quiet(now)
    quiet_text = ""
    if is_quiet and alarm.quiet_until:
        quiet_text = _("%(name)s has seen it; quiet until %(time)s.") % {
            "name": alarm.acknowledged_name,
            "time": _format_time(alarm.quiet_until, now),
        }
    link = reverse(f"admin:{page_name}") if page_name and user.has_perm(LINK_PERMISSIONS[page_name]) else ""
    if link and alarm.kind == Alarm.Kind.INBOX:
        link += "?outcome__exact=REJECTED"
    return AlarmRow(
        alarm.pk,
        alarm.kind,
        alarm.get_kind_display(),
        colour,
        icon,
        alarm.text_for(is_limited=visibility_for(user).is_limited),
        _format_time(alarm.opened_at, now),
        link,
        is_quiet,
        quiet_text,
        _format_time(alarm.mailed_at, now) if alarm.mailed_at else "",
    )


def _build_past_row(alarm: Alarm, *, is_limited: bool) -> PastAlarmRow:
    now = timezone.now()
    return PastAlarmRow(
        alarm.get_kind_display(),
        alarm.text_for(is_limited=is_limited),
        _format_time(alarm.opened_at, now),
        _format_time(alarm.closed_at or now, now),
        alarm.acknowledged_name,
    )


def _format_time(moment: dt.datetime, now: dt.datetime) -> str:
    local = timezone.localtime(moment)
    is_today = local.date() == timezone.localdate(now)
    return time_format(local, "H:i") if is_today else date_format(local, "j M, H:i")
