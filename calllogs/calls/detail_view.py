"""The detail page of a call: timeline, recording, notes, tags, pushes and related calls."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calllogs.access.visibility import CallVisibility, visibility_for
from calllogs.calls import notes, related_calls, timeline
from calllogs.calls.columns import render_badge
from calllogs.calls.search import mask_search
from calllogs.models import CallLog
from calllogs.models.note import LONGEST_NOTE, LONGEST_TAG
from calllogs.recordings import admin
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.common.phone import format_national
from settings_sync.models import Agent

LIST_URL_NAME = "admin:calllogs_calllog_changelist"
MISSED = {CallLog.Status.MISSED, CallLog.Status.DROPPED}


def get_urls(model_admin: Any) -> list[URLPattern]:
    """URLs of the page's parts, for `CallLogAdmin.get_urls`."""

    def with_call(view: Any) -> Any:
        """Pass the view the call from the URL, if the user may see it."""

        def wrapped(request: HttpRequest, pk: int, **rest: Any) -> HttpResponseBase:
            may_view = model_admin.has_view_permission(request)
            call = _find_call(pk, visibility_for(request.user)) if may_view else None
            if call is None:
                return _not_found(request, model_admin)
            return view(request, call, **rest)

        return model_admin.admin_site.admin_view(wrapped)

    def add_note(request: HttpRequest, call: CallLog) -> HttpResponse:
        result = notes.add_note(request, call)
        return render_page(request, model_admin, call, note=result) if isinstance(result, str) else result

    def suggest(request: HttpRequest) -> HttpResponse:
        return notes.suggest_tags(request)

    return [
        path("tags/", model_admin.admin_site.admin_view(suggest), name="calllogs_calltag_suggest"),
        path("<int:pk>/recording/", with_call(admin.recording_view), name="calllogs_recording"),
        path("<int:pk>/recording/look/", with_call(admin.check_view), name="calllogs_recording_look"),
        path("<int:pk>/notes/", with_call(add_note), name="calllogs_callnote_write"),
        path(
            "<int:pk>/notes/<int:note>/delete/", with_call(notes.delete_note), name="calllogs_callnote_drop"
        ),
        path("<int:pk>/tags/", with_call(notes.add_tag), name="calllogs_calltag_write"),
        path("<int:pk>/tags/<int:tag>/delete/", with_call(notes.delete_tag), name="calllogs_calltag_drop"),
    ]


def change_view(request: HttpRequest, model_admin: Any, object_id: str) -> HttpResponseBase:
    """The read-only page that replaces the admin's change form."""
    if request.method not in {"GET", "HEAD"}:
        raise PermissionDenied
    is_id = object_id.isascii() and object_id.isdigit() and len(object_id) < 19
    may_view = is_id and model_admin.has_view_permission(request)
    call = _find_call(int(object_id), visibility_for(request.user)) if may_view else None
    return render_page(request, model_admin, call) if call else _not_found(request, model_admin)


def render_page(request: HttpRequest, model_admin: Any, call: CallLog, *, note: str = "") -> HttpResponse:
    """Render the page. `note`: the text of a note that was not saved, for correction."""
    user: Any = request.user
    visibility = visibility_for(user)
    name = getattr(call, "agent_name", None) or ""
    agent = timeline.format_agent(name, call.agent_number)
    miss_reason = timeline.explain_missed(call) if call.status in MISSED else ""
    may_see_pushes = user.has_perm("calllogs.view_push")
    pushes, conflicts = timeline.load_pushes(call, visibility) if may_see_pushes else ([], [])
    latest_of_agent, latest_of_department = related_calls.load_latest_of_agent_and_department(
        call, visibility
    )
    call_id = visibility.mask_call_id(call.call_id, call.caller)
    local = timezone.localtime(call.started_at)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Call of %(time)s") % {"time": date_format(local, "j M Y, H:i")},
        "call": call,
        "call_id": call_id,
        "caller": visibility.format_number(call.caller) or _("Number withheld"),
        "sees_numbers": visibility.sees_numbers,
        "links_pushes": not visibility.is_limited,
        "badge": render_badge(call.status),
        "started_at": date_format(local, "l, j F Y, H:i:s"),
        "virtual_number": format_national(call.virtual_number),
        "agent": agent,
        "agent_name": name or format_national(call.agent_number),
        "steps": timeline.build_steps(call, visibility, agent=agent, miss_reason=miss_reason),
        "details": timeline.format_details(call, visibility, agent=agent),
        "player": admin.player_context(call, user),
        "pushes": pushes,
        "conflicts": conflicts,
        "caller_history": related_calls.load_caller_history(call, visibility),
        "latest_of_agent": latest_of_agent,
        "latest_of_department": latest_of_department,
        "looked_at": related_calls.SCANNED_CALLS,
        "most_of_caller": related_calls.MOST_OF_CALLER,
        "caller_calls_url": _filtered_list_url(
            q=call.caller if visibility.sees_numbers else mask_search(call.caller)
        ),
        "agent_calls_url": _filtered_list_url(agent=call.agent_number),
        "list_url": _list_url(request),
        "note": note,
        "longest_note": LONGEST_NOTE,
        "longest_tag": LONGEST_TAG,
        "may_note": user.has_perm(notes.ADD_NOTE),
        "may_tag": user.has_perm(notes.ADD_TAG),
        "may_see_listenings": user.has_perm("calllogs.view_listening"),
        "listenings_url": _listenings_url(call) if call_id == call.call_id else "",
        "annotations": notes.load_annotations(
            call, user, visibility, with_listenings=user.has_perm("calllogs.view_listening")
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


def _find_call(pk: int, visibility: CallVisibility) -> CallLog | None:
    name = Agent.objects.filter(number=OuterRef("agent_number")).order_by().values("name")
    calls = visibility.calls().select_related("recording").annotate(agent_name=Subquery(name))
    return calls.filter(pk=pk).first()


def _not_found(request: HttpRequest, model_admin: Any) -> HttpResponse:
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    if visibility_for(request.user).is_limited:
        raise Http404  # the same reply for a hidden call and for one that does not exist
    messages.warning(request, _("This call is not here: it was deleted after its days, or never was."))
    return redirect(LIST_URL_NAME)


def _listenings_url(call: CallLog) -> str:
    return f"{reverse('admin:calllogs_listening_changelist')}?{urlencode({'q': call.call_id})}"


def _filtered_list_url(**parameters: str) -> str:
    return f"{reverse(LIST_URL_NAME)}?{urlencode(parameters)}" if all(parameters.values()) else ""


def _list_url(request: HttpRequest) -> str:
    """The call list with the filter that the user came from."""
    query = request.GET.get("_changelist_filters", "")
    return f"{reverse(LIST_URL_NAME)}?{query}" if query else reverse(LIST_URL_NAME)
