"""One caller at the desk: how it stands, and everything that happened, the newest first."""

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
from calllogs.callbacks.permissions import ACT, DESK, VIEW
from calllogs.models import CallbackEntry, CallLog, MissedCaller
from calllogs.models.call import STATUS_LOOK
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.common.phone import format_national

MOST = 100
ENTRY_LOOK: dict[str, tuple[str, str]] = {
    CallbackEntry.Kind.CLAIMED: ("base", "front_hand"),
    CallbackEntry.Kind.TAKEN_OVER: ("warning", "swap_horiz"),
    CallbackEntry.Kind.RELEASED: ("base", "undo"),
    CallbackEntry.Kind.CALLED_BACK: ("success", "phone_callback"),
    CallbackEntry.Kind.DISMISSED: ("base", "do_not_disturb_on"),
    CallbackEntry.Kind.REOPENED: ("warning", "lock_open"),
}


@dataclass(frozen=True, slots=True)
class Event:
    at: dt.datetime
    what: str
    colour: str
    icon: str
    who: str = ""
    note: str = ""
    link: str = ""
    turn: str = ""  # what it did to the caller: opened, or closed by itself


def page(request: HttpRequest, pk: int) -> HttpResponse:
    """By a call of that caller, so that no number stands in an address."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    sight = visibility_for(request.user)
    caller = sight.calls().filter(pk=pk).values_list("caller", flat=True).first()
    if caller is None and sight.is_limited:
        raise Http404
    if not caller:
        messages.warning(request, _("This call is not kept any more, or came without a number."))
        return redirect(f"admin:{DESK}")
    now = timezone.now()
    missed = MissedCaller.objects.filter(sight.condition(), caller=caller).first()
    claim = actions.claims([caller]).get(caller) if missed else None
    rows = [presentation.row(missed, claim, sight, me=request.user.pk or 0, now=now)] if missed else []
    context = {
        **admin.site.each_context(request),
        "title": sight.number(caller),
        "tel": caller if sight.sees_numbers else "",
        "row": presentation.render_rows(rows, request, may_act=request.user.has_perm(ACT)) if rows else "",
        "events": events(caller, sight, may_open=request.user.has_perm("calllogs.view_calllog")),
        "most": MOST,
        "desk": reverse(f"admin:{DESK}"),
    }
    audit_log.record(
        Action.SAW_CALL,
        request=request,
        what=_("Missed callers"),
        subject=f"calllogs.calllog:{pk}",
        callers=[caller],
    )
    return TemplateResponse(request, "calllogs/callbacks/caller.html", context)


def events(caller: str, sight: CallVisibility, *, may_open: bool) -> list[Event]:
    """The newest calls and entries of a caller, the newest first."""
    calls = list(sight.calls().filter(caller=caller).order_by("-started_at", "-pk")[:MOST])
    noted = CallbackEntry.objects.filter(sight.condition(), caller=caller)
    entries = list(noted.select_related("undoes")[:MOST])
    story: list[tuple[dt.datetime, Any]] = [(call.started_at, call) for call in calls]
    story += [(entry.at, entry) for entry in entries]
    found: list[Event] = []
    is_open = False
    for _at, item in sorted(story, key=lambda pair: pair[0]):
        if isinstance(item, CallLog):
            event = _of_call(item, is_open=is_open, may_open=may_open)
            is_open = item.status != CallLog.Status.ANSWERED
        else:
            event = _of_entry(item, sight)
            is_open = item.until is None and (is_open or item.undoes is not None)
        found.append(event)
    return found[::-1]


def _of_call(call: CallLog, *, is_open: bool, may_open: bool) -> Event:
    colour, icon = STATUS_LOOK[call.status]
    is_answered = call.status == CallLog.Status.ANSWERED
    turn = ""
    if is_answered and is_open:
        turn = _("Closed by itself: the caller was answered.")
    elif not is_answered and not is_open:
        turn = _("Waits from here on.")
    return Event(
        call.started_at,
        str(call.get_status_display()),
        colour,
        icon,
        note=", ".join(part for part in (call.department, format_national(call.virtual_number)) if part),
        link=reverse("admin:calllogs_calllog_change", args=[call.pk]) if may_open else "",
        turn=turn,
    )


def _of_entry(entry: CallbackEntry, sight: CallVisibility) -> Event:
    colour, icon = ENTRY_LOOK[entry.kind]
    note = sight.text(entry.note, entry.caller)
    if entry.kind == CallbackEntry.Kind.TAKEN_OVER:
        note = _("from %(name)s") % {"name": entry.note}
    return Event(entry.at, str(entry.get_kind_display()), colour, icon, who=entry.person_name, note=note)
