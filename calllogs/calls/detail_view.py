"""A call's page: what happened, the recording, notes and tags, its pushes, and what else happened around it."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calllogs.access.visibility import CallVisibility, visibility_for
from calllogs.calls import notes, related_calls, timeline
from calllogs.calls.search import shortened
from calllogs.models import CallLog
from calllogs.models.call import STATUS_LOOK
from calllogs.models.note import LONGEST_NOTE, LONGEST_TAG
from calllogs.recordings import admin
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.common.phone import format_national
from settings_sync.models import Agent

LIST = "admin:calllogs_calllog_changelist"
MISSED = {CallLog.Status.MISSED, CallLog.Status.DROPPED}


def urls(model_admin: Any) -> list[URLPattern]:
    """The page's parts, for the admin of calls."""

    def of_call(view: Any) -> Any:
        """Gives a view the call that its address names."""

        def with_call(request: HttpRequest, pk: int, **rest: Any) -> HttpResponseBase:
            may_view = model_admin.has_view_permission(request)
            call = _find(pk, visibility_for(request.user)) if may_view else None
            if call is None:
                return _not_here(request, model_admin)
            return view(request, call, **rest)

        return model_admin.admin_site.admin_view(with_call)

    def add_note(request: HttpRequest, call: CallLog) -> HttpResponse:
        answer = notes.add_note(request, call)
        return page(request, model_admin, call, note=answer) if isinstance(answer, str) else answer

    def suggest(request: HttpRequest) -> HttpResponse:
        return notes.suggest_tags(request)

    return [
        path("tags/", model_admin.admin_site.admin_view(suggest), name="calllogs_calltag_suggest"),
        path("<int:pk>/recording/", of_call(admin.recording), name="calllogs_recording"),
        path("<int:pk>/recording/look/", of_call(admin.look), name="calllogs_recording_look"),
        path("<int:pk>/notes/", of_call(add_note), name="calllogs_callnote_write"),
        path("<int:pk>/notes/<int:note>/delete/", of_call(notes.delete_note), name="calllogs_callnote_drop"),
        path("<int:pk>/tags/", of_call(notes.add_tag), name="calllogs_calltag_write"),
        path("<int:pk>/tags/<int:tag>/delete/", of_call(notes.delete_tag), name="calllogs_calltag_drop"),
    ]


def change_view(request: HttpRequest, model_admin: Any, object_id: str) -> HttpResponseBase:
    """The page, in the place of the admin's form: calls are only read."""
    if request.method not in {"GET", "HEAD"}:
        raise PermissionDenied
    is_id = object_id.isascii() and object_id.isdigit() and len(object_id) < 19
    may_view = is_id and model_admin.has_view_permission(request)
    call = _find(int(object_id), visibility_for(request.user)) if may_view else None
    return page(request, model_admin, call) if call else _not_here(request, model_admin)


def page(request: HttpRequest, model_admin: Any, call: CallLog, *, note: str = "") -> HttpResponse:
    """`note`: the text of a note that could not be kept, to be mended."""
    user: Any = request.user
    sight = visibility_for(user)
    name = getattr(call, "agent_name", None) or ""
    agent = timeline.person(name, call.agent_number)
    why = timeline.why_missed(call) if call.status in MISSED else ""
    told, quarrels = timeline.pushes_of(call, sight) if user.has_perm("calllogs.view_push") else ([], [])
    latest_of_agent, latest_of_department = related_calls.of_agent_and_department(call, sight)
    call_id = sight.call_id(call.call_id, call.caller)
    local = timezone.localtime(call.started_at)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Call of %(time)s") % {"time": date_format(local, "j M Y, H:i")},
        "call": call,
        "call_id": call_id,
        "caller": sight.number(call.caller) or _("Number withheld"),
        "sees_numbers": sight.sees_numbers,
        "opens_pushes": not sight.is_limited,
        "badge": badge_of(call),
        "when": date_format(local, "l, j F Y, H:i:s"),
        "virtual_number": format_national(call.virtual_number),
        "agent": agent,
        "agent_name": name or format_national(call.agent_number),
        "steps": timeline.steps(call, sight, agent=agent, why=why),
        "details": timeline.details(call, sight, agent=agent),
        "player": admin.context(call, user),
        "told": told,
        "quarrels": quarrels,
        "of_caller": related_calls.of_caller(call, sight),
        "latest_of_agent": latest_of_agent,
        "latest_of_department": latest_of_department,
        "looked_at": related_calls.LOOKED_AT,
        "most_of_caller": related_calls.MOST_OF_CALLER,
        "all_of_caller": _list_of(q=call.caller if sight.sees_numbers else shortened(call.caller)),
        "all_of_agent": _list_of(agent=call.agent_number),
        "back": _back(request),
        "note": note,
        "longest_note": LONGEST_NOTE,
        "longest_tag": LONGEST_TAG,
        "may_note": user.has_perm(notes.ADD_NOTE),
        "may_tag": user.has_perm(notes.ADD_TAG),
        "may_see_listenings": user.has_perm("calllogs.view_listening"),
        "all_listenings": _listenings_of(call) if call_id == call.call_id else "",
        "left": notes.left_behind(
            call, user, sight, with_listenings=user.has_perm("calllogs.view_listening")
        ),
    }
    audit_log.record(
        Action.SAW_CALL,
        request=request,
        subject=audit_log.subject_of(call),
        callers=[call.caller],
        what=call.call_id,
    )
    return TemplateResponse(request, "calllogs/calls/detail.html", context)


def badge_of(call: CallLog) -> str:
    colour, icon = STATUS_LOOK[call.status]
    look = {"words": call.get_status_display(), "colour": colour, "icon": icon}
    return render_to_string("components/badge.html", look)


def _find(pk: int, sight: CallVisibility) -> CallLog | None:
    name = Agent.objects.filter(number=OuterRef("agent_number")).order_by().values("name")
    calls = sight.calls().select_related("recording").annotate(agent_name=Subquery(name))
    return calls.filter(pk=pk).first()


def _not_here(request: HttpRequest, model_admin: Any) -> HttpResponse:
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    if visibility_for(request.user).is_limited:
        raise Http404  # the same for a call that is not theirs and for one that never was
    messages.warning(request, _("This call is not here: it was deleted after its days, or never was."))
    return redirect(LIST)


def _listenings_of(call: CallLog) -> str:
    return f"{reverse('admin:calllogs_listening_changelist')}?{urlencode({'q': call.call_id})}"


def _list_of(**wanted: str) -> str:
    return f"{reverse(LIST)}?{urlencode(wanted)}" if all(wanted.values()) else ""


def _back(request: HttpRequest) -> str:
    """The list as this person left it."""
    kept = request.GET.get("_changelist_filters", "")
    return f"{reverse(LIST)}?{kept}" if kept else reverse(LIST)
