"""POST views of the callback queue: take, give back, close (called back or dismissed), open again.

Each returns the queue with a message to htmx, otherwise a redirect to the queue. `back` is the queue's query string.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from calllogs.access.visibility import visibility_for
from calllogs.callbacks import actions
from calllogs.callbacks.confirmations import (
    CLOSING_KINDS,
    MAX_NOTE_LENGTH,
    confirm_claim,
    confirm_close,
    display_name,
)
from calllogs.callbacks.permissions import CHANGE, QUEUE_URL_NAME
from calllogs.models import CallbackEntry, MissedCaller
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action

RenderQueue = Callable[..., HttpResponse]


def get_urls(site: admin.AdminSite, *, render_queue: RenderQueue) -> list[URLPattern]:
    def require_permission(view: Any, *methods: str) -> Any:
        def checked(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perm(CHANGE):
                raise PermissionDenied
            return view(request, render_queue=render_queue, **kwargs)

        return site.admin_view(require_http_methods(methods)(checked) if methods else require_POST(checked))

    return [
        path(
            "calllogs/missed/<int:pk>/take/",
            require_permission(take, "GET", "POST"),
            name="calllogs_missed_take",
        ),
        path(
            "calllogs/missed/<int:pk>/give-back/",
            require_permission(give_back),
            name="calllogs_missed_give_back",
        ),
        path(
            "calllogs/missed/<int:pk>/<slug:how>/",
            require_permission(close, "GET", "POST"),
            name="calllogs_missed_close",
        ),
        path(
            "calllogs/missed/done/<int:pk>/open-again/",
            require_permission(open_again),
            name="calllogs_missed_open_again",
        ),
    ]


def _get_row(request: HttpRequest, pk: int) -> MissedCaller | None:
    """The open row; None if the caller no longer waits. Raises Http404 if the user may not see its department."""
    row = MissedCaller.objects.filter(pk=pk).first()
    if row is not None and not visibility_for(request.user).covers(row.department):
        raise Http404
    return row


def take(request: HttpRequest, *, render_queue: RenderQueue, pk: int) -> HttpResponse:
    """Claim a caller. GET asks for confirmation. POST `over` is the id of the user whose claim is taken over."""
    row = _get_row(request, pk)
    if row is None:
        return _respond_not_waiting(request, render_queue, actions.NotWaiting())
    person = _get_user(request)
    if request.method == "GET":
        return confirm_claim(request, row)
    over = request.POST.get("over", "")
    try:
        with transaction.atomic():
            actions.claim_caller(
                pk, person=person, over=int(over) if over.isascii() and over.isdigit() else None
            )
            _record_action(
                request, CallbackEntry.Kind.TAKEN_OVER if over else CallbackEntry.Kind.CLAIMED, row.caller
            )
    except actions.NotWaiting as error:
        return _respond_not_waiting(request, render_queue, error)
    except actions.AlreadyClaimed as error:
        name = display_name(error.claim.person) if error.claim else _("Somebody else")
        text = _("%(name)s was a moment quicker and has %(caller)s now.")
        return _respond(
            request,
            render_queue,
            text % {"name": name, "caller": visibility_for(request.user).format_number(row.caller)},
            messages.WARNING,
        )
    text = _("You have %(caller)s now; the others see it.")
    return _respond(
        request, render_queue, text % {"caller": visibility_for(request.user).format_number(row.caller)}
    )


def give_back(request: HttpRequest, *, render_queue: RenderQueue, pk: int) -> HttpResponse:
    row = _get_row(request, pk)
    try:
        with transaction.atomic():
            if actions.release_caller(pk, person=_get_user(request)) and row is not None:
                _record_action(request, CallbackEntry.Kind.RELEASED, row.caller)
    except actions.NotWaiting as error:
        return _respond_not_waiting(request, render_queue, error)
    return _respond(request, render_queue, _("Given back: anybody may call now."))


def close(request: HttpRequest, *, render_queue: RenderQueue, pk: int, how: str) -> HttpResponse:
    """GET asks for a note. POST closes the calls up to `seen`, the time of the last call that the page showed."""
    kind = CLOSING_KINDS.get(how)
    if kind is None:
        raise Http404
    row = _get_row(request, pk)
    if row is None:
        return _respond_not_waiting(request, render_queue, actions.NotWaiting())
    if request.method == "GET":
        return confirm_close(request, row, how, seen=request.GET.get("seen", ""))
    note, seen = " ".join(request.POST.get("note", "").replace("\0", "").split()), _parse_seen(request)
    problem = ""
    if kind == CallbackEntry.Kind.DISMISSED and not note:
        problem = _("Write in a few words why nobody needs to call.")
    elif len(note) > MAX_NOTE_LENGTH:
        problem = _("The note is too long: %(n)d characters at most.") % {"n": MAX_NOTE_LENGTH}
    if problem:
        return confirm_close(request, row, how, seen=request.POST.get("seen", ""), note=note, problem=problem)
    try:
        with transaction.atomic():
            closed = actions.close_caller(
                pk, kind=kind, person=_get_user(request), seen=seen or row.last_at, note=note
            )
            _record_action(request, kind, row.caller, entry=closed.entry)
    except actions.NotWaiting as error:
        return _respond_not_waiting(request, render_queue, error)
    caller = visibility_for(request.user).format_number(row.caller)
    if closed.still_open is not None:
        text = ngettext(
            "Noted. But %(caller)s has called again meanwhile, and waits still.",
            "Noted. But %(caller)s has called %(n)d times again meanwhile, and waits still.",
            closed.still_open.misses,
        )
        return _respond(
            request, render_queue, text % {"caller": caller, "n": closed.still_open.misses}, messages.WARNING
        )
    text = (
        _("%(caller)s is called back.")
        if kind == CallbackEntry.Kind.CALLED_BACK
        else _("%(caller)s is dismissed.")
    )
    return _respond(request, render_queue, text % {"caller": caller}, undo=closed.entry.pk)


def open_again(request: HttpRequest, *, render_queue: RenderQueue, pk: int) -> HttpResponse:
    entry, visibility = CallbackEntry.objects.filter(pk=pk).first(), visibility_for(request.user)
    if entry is not None and not visibility.covers(entry.department):
        raise Http404
    try:
        with transaction.atomic():
            row = actions.reopen_caller(pk, person=_get_user(request))
            if entry is not None:
                _record_action(request, CallbackEntry.Kind.REOPENED, entry.caller, entry=entry)
    except actions.NotWaiting:
        return _respond(request, render_queue, _("It is open again already."), messages.WARNING)
    if row is None:
        return _respond(
            request, render_queue, _("Taken back. But the caller was answered since, and waits no more.")
        )
    return _respond(
        request,
        render_queue,
        _("%(caller)s is open again.") % {"caller": visibility.format_number(row.caller)},
    )


# --- audit log ------------------------------------------------------------------------------------------


def _record_action(
    request: HttpRequest, kind: CallbackEntry.Kind, caller: str, *, entry: CallbackEntry | None = None
) -> None:
    """Record the action without the note's text, which is subject to the retention of the callback entries."""
    audit_log.record(
        Action.DESK,
        request=request,
        what=str(kind.label),
        subject=audit_log.subject_of(entry) if entry else "",
        callers=[caller],
    )


# --- response -------------------------------------------------------------------------------------------


def _respond(
    request: HttpRequest,
    render_queue: RenderQueue,
    text: str,
    level: int = messages.SUCCESS,
    *,
    undo: int | None = None,
) -> HttpResponse:
    params = request.POST if request.method == "POST" else request.GET
    back = params.get("back", "")[:2000]
    if request.headers.get("HX-Request"):
        response = render_queue(request, back, message=text, undo=undo)
        response["HX-Retarget"], response["HX-Reswap"] = "#queue", "outerHTML"
        return response
    messages.add_message(request, level, text)
    return redirect(f"{reverse(f'admin:{QUEUE_URL_NAME}')}?{QueryDict(back).urlencode()}")


def _respond_not_waiting(
    request: HttpRequest, render_queue: RenderQueue, error: actions.NotWaiting
) -> HttpResponse:
    text = _("This caller waits no more: answered, or closed by somebody else.")
    if error.entry is not None:
        text = _("%(name)s has closed it already.") % {"name": error.entry.person_name}
    return _respond(request, render_queue, text, messages.WARNING)


def _parse_seen(request: HttpRequest) -> dt.datetime | None:
    try:
        moment = parse_datetime(request.POST.get("seen", ""))
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo else None


def _get_user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
