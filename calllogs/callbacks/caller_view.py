"""The page of one missed caller: the open row, and the calls and entries, newest first."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from calllogs.access.visibility import CallVisibility, visibility_for
from calllogs.callbacks import actions, presentation
from calllogs.callbacks.permissions import CHANGE, QUEUE_URL_NAME, VIEW
from calllogs.models import CallbackEntry, CallLog, MissedCaller
from calllogs.models.call import STATUS_BADGE
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.common.phone import format_national

MAX_EVENTS = 100
ENTRY_STYLE: dict[str, tuple[str, str]] = {
    CallbackEntry.Kind.CLAIMED: ("base", "front_hand"),
    CallbackEntry.Kind.TAKEN_OVER: ("warning", "swap_horiz"),
    CallbackEntry.Kind.RELEASED: ("base", "undo"),
    CallbackEntry.Kind.CALLED_BACK: ("success", "phone_callback"),
    CallbackEntry.Kind.DISMISSED: ("base", "do_not_disturb_on"),
    CallbackEntry.Kind.REOPENED: ("warning", "lock_open"),
}


@dataclass(frozen=True, slots=True)
class CallerEvent:
    at: dt.datetime
    label: str
    colour: str
    icon: str
    person: str = ""
    note: str = ""
    link: str = ""
    effect: str = ""  # set if the event opened or closed the caller


def caller_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Identified by the id of one of the caller's calls, so that the URL contains no number."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    visibility = visibility_for(request.user)
    caller = visibility.calls().filter(pk=pk).values_list("caller", flat=True).first()
    if caller is None and visibility.is_limited:
        raise Http404
    if not caller:
        messages.warning(request, _("This call is not kept any more, or came without a number."))
        return redirect(f"admin:{QUEUE_URL_NAME}")
    now = timezone.now()
    missed = MissedCaller.objects.filter(visibility.condition(), caller=caller).first()
    claim = actions.load_active_claims([caller]).get(caller) if missed else None
    rows = (
        [presentation.build_caller_row(missed, claim, visibility, me=request.user.pk or 0, now=now)]
        if missed
        else []
    )
    context = {
        **admin.site.each_context(request),
        "title": visibility.format_number(caller),
        "tel": caller if visibility.sees_numbers else "",
        "row": presentation.render_rows(rows, request, may_act=request.user.has_perm(CHANGE)) if rows else "",
        "events": build_events(caller, visibility, may_open=request.user.has_perm("calllogs.view_calllog")),
        "max_events": MAX_EVENTS,
        "queue_url": reverse(f"admin:{QUEUE_URL_NAME}"),
    }
    audit_log.record(
        Action.SAW_CALL,
        request=request,
        what=_("Missed callers"),
        subject=f"calllogs.calllog:{pk}",
        callers=[caller],
    )
    return TemplateResponse(request, "calllogs/callbacks/caller.html", context)


def build_events(caller: str, visibility: CallVisibility, *, may_open: bool) -> list[CallerEvent]:
    """The latest calls and entries of a caller, at most MAX_EVENTS of each, newest first."""
    calls = list(visibility.calls().filter(caller=caller).order_by("-started_at", "-pk")[:MAX_EVENTS])
    entry_rows = CallbackEntry.objects.filter(visibility.condition(), caller=caller)
    entries = list(entry_rows.select_related("undoes")[:MAX_EVENTS])
    items: list[tuple[dt.datetime, Any]] = [(call.started_at, call) for call in calls]
    items += [(entry.at, entry) for entry in entries]
    events: list[CallerEvent] = []
    is_open = False
    for _at, item in sorted(items, key=lambda pair: pair[0]):
        if isinstance(item, CallLog):
            event = _call_event(item, is_open=is_open, may_open=may_open)
            is_open = item.status != CallLog.Status.ANSWERED
        else:
            event = _entry_event(item, visibility)
            is_open = item.until is None and (is_open or item.undoes is not None)
        events.append(event)
    return events[::-1]


def _call_event(call: CallLog, *, is_open: bool, may_open: bool) -> CallerEvent:
    colour, icon = STATUS_BADGE[call.status]
    is_answered = call.status == CallLog.Status.ANSWERED
    effect = ""
    if is_answered and is_open:
        effect = _("Closed by itself: the caller was answered.")
    elif not is_answered and not is_open:
        effect = _("Waits from here on.")
    return CallerEvent(
        call.started_at,
        str(call.get_status_display()),
        colour,
        icon,
        note=", ".join(part for part in (call.department, format_national(call.virtual_number)) if part),
        link=reverse("admin:calllogs_calllog_change", args=[call.pk]) if may_open else "",
        effect=effect,
    )


def _entry_event(entry: CallbackEntry, visibility: CallVisibility) -> CallerEvent:
    colour, icon = ENTRY_STYLE[entry.kind]
    note = visibility.mask_text(entry.note, entry.caller)
    if entry.kind == CallbackEntry.Kind.TAKEN_OVER:
        note = _("from %(name)s") % {"name": entry.note}
    return CallerEvent(
        entry.at, str(entry.get_kind_display()), colour, icon, person=entry.person_name, note=note
    )
