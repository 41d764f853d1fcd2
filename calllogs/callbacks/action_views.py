"""What a person does at the desk, by POST: take, give back, call back, dismiss, open again.

Each answers with the desk and one sentence; without htmx by a redirect to it. `back` is the desk's query.
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
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from calllogs.access.visibility import visibility_for
from calllogs.callbacks import actions, presentation
from calllogs.callbacks.permissions import ACT, DESK
from calllogs.models import CallbackEntry, MissedCaller
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action

Answer = Callable[..., HttpResponse]
CLOSING = {
    "called-back": CallbackEntry.Kind.CALLED_BACK,
    "dismiss": CallbackEntry.Kind.DISMISSED,
}
LONGEST_NOTE = 500


def urls(site: admin.AdminSite, *, answer: Answer) -> list[URLPattern]:
    def acting(view: Any, *methods: str) -> Any:
        def guarded(request: HttpRequest, **named: Any) -> HttpResponse:
            if not request.user.has_perm(ACT):
                raise PermissionDenied
            return view(request, answer=answer, **named)

        return site.admin_view(require_http_methods(methods)(guarded) if methods else require_POST(guarded))

    return [
        path("calllogs/missed/<int:pk>/take/", acting(take, "GET", "POST"), name="calllogs_missed_take"),
        path("calllogs/missed/<int:pk>/give-back/", acting(give_back), name="calllogs_missed_give_back"),
        path(
            "calllogs/missed/<int:pk>/<slug:how>/", acting(close, "GET", "POST"), name="calllogs_missed_close"
        ),
        path(
            "calllogs/missed/done/<int:pk>/open-again/", acting(open_again), name="calllogs_missed_open_again"
        ),
    ]


def _row(request: HttpRequest, pk: int) -> MissedCaller | None:
    """The open row; None if nobody waits there any more. Raises Http404 for one that this person may not see."""
    row = MissedCaller.objects.filter(pk=pk).first()
    if row is not None and not visibility_for(request.user).covers(row.department):
        raise Http404
    return row


def take(request: HttpRequest, *, answer: Answer, pk: int) -> HttpResponse:
    """Take a caller; `over` names the person who is known to have it. GET asks, with that person's name."""
    row = _row(request, pk)
    if row is None:
        return _gone(request, answer, actions.Gone())
    person = _person(request)
    if request.method == "GET":
        return _ask_take(request, row)
    over = request.POST.get("over", "")
    try:
        with transaction.atomic():
            actions.claim(pk, person=person, over=int(over) if over.isascii() and over.isdigit() else None)
            _record(
                request, CallbackEntry.Kind.TAKEN_OVER if over else CallbackEntry.Kind.CLAIMED, row.caller
            )
    except actions.Gone as gone:
        return _gone(request, answer, gone)
    except actions.Taken as taken:
        name = _name(taken.claim.person) if taken.claim else _("Somebody else")
        words = _("%(name)s was a moment quicker and has %(caller)s now.")
        return _say(
            request,
            answer,
            words % {"name": name, "caller": visibility_for(request.user).number(row.caller)},
            messages.WARNING,
        )
    words = _("You have %(caller)s now; the others see it.")
    return _say(request, answer, words % {"caller": visibility_for(request.user).number(row.caller)})


def give_back(request: HttpRequest, *, answer: Answer, pk: int) -> HttpResponse:
    row = _row(request, pk)
    try:
        with transaction.atomic():
            if actions.release(pk, person=_person(request)) and row is not None:
                _record(request, CallbackEntry.Kind.RELEASED, row.caller)
    except actions.Gone as gone:
        return _gone(request, answer, gone)
    return _say(request, answer, _("Given back: anybody may call now."))


def close(request: HttpRequest, *, answer: Answer, pk: int, how: str) -> HttpResponse:
    """Asks for a note (GET), and closes (POST) the calls up to `seen`, the last one that the page showed."""
    kind = CLOSING.get(how)
    if kind is None:
        raise Http404
    row = _row(request, pk)
    if row is None:
        return _gone(request, answer, actions.Gone())
    if request.method == "GET":
        return _ask_close(request, row, how, seen=request.GET.get("seen", ""))
    note, seen = " ".join(request.POST.get("note", "").replace("\0", "").split()), _moment(request)
    problem = ""
    if kind == CallbackEntry.Kind.DISMISSED and not note:
        problem = _("Write in a few words why nobody needs to call.")
    elif len(note) > LONGEST_NOTE:
        problem = _("The note is too long: %(n)d characters at most.") % {"n": LONGEST_NOTE}
    if problem:
        return _ask_close(request, row, how, seen=request.POST.get("seen", ""), note=note, problem=problem)
    try:
        with transaction.atomic():
            closed = actions.close(pk, how=kind, person=_person(request), seen=seen or row.last_at, note=note)
            _record(request, kind, row.caller, entry=closed.entry)
    except actions.Gone as gone:
        return _gone(request, answer, gone)
    caller = visibility_for(request.user).number(row.caller)
    if closed.still is not None:
        words = ngettext(
            "Noted. But %(caller)s has called again meanwhile, and waits still.",
            "Noted. But %(caller)s has called %(n)d times again meanwhile, and waits still.",
            closed.still.misses,
        )
        return _say(request, answer, words % {"caller": caller, "n": closed.still.misses}, messages.WARNING)
    said = (
        _("%(caller)s is called back.")
        if kind == CallbackEntry.Kind.CALLED_BACK
        else _("%(caller)s is dismissed.")
    )
    return _say(request, answer, said % {"caller": caller}, undo=closed.entry.pk)


def open_again(request: HttpRequest, *, answer: Answer, pk: int) -> HttpResponse:
    entry, sight = CallbackEntry.objects.filter(pk=pk).first(), visibility_for(request.user)
    if entry is not None and not sight.covers(entry.department):
        raise Http404
    try:
        with transaction.atomic():
            row = actions.reopen(pk, person=_person(request))
            if entry is not None:
                _record(request, CallbackEntry.Kind.REOPENED, entry.caller, entry=entry)
    except actions.Gone:
        return _say(request, answer, _("It is open again already."), messages.WARNING)
    if row is None:
        return _say(request, answer, _("Taken back. But the caller was answered since, and waits no more."))
    return _say(request, answer, _("%(caller)s is open again.") % {"caller": sight.number(row.caller)})


# --- asking ---------------------------------------------------------------------------------------------


def _ask_take(request: HttpRequest, row: MissedCaller) -> HttpResponse:
    claim = actions.claims([row.caller]).get(row.caller)
    lines, over = [], None
    if claim is not None and claim.person_id != request.user.pk:
        over = claim.person_id
        since = presentation.duration(timezone.now() - claim.claimed_at)
        words = _("%(name)s has this caller, for %(time)s, and may be calling at this moment.")
        lines = [
            words % {"name": _name(claim.person), "time": since},
            _("Take over only if you know that this is not so. It is kept in the history."),
        ]
    context = {"lines": lines, "over": over, "button": _("Take over") if over else _("I call back")}
    title = _("Take over %(caller)s?") if over else _("Take %(caller)s?")
    action = reverse("admin:calllogs_missed_take", args=[row.pk])
    return _ask(request, title % {"caller": visibility_for(request.user).number(row.caller)}, action, context)


def _ask_close(
    request: HttpRequest, row: MissedCaller, how: str, *, seen: str, note: str = "", problem: str = ""
) -> HttpResponse:
    is_dismissal = CLOSING[how] == CallbackEntry.Kind.DISMISSED
    claim = actions.claims([row.caller]).get(row.caller)
    lines = []
    if claim is not None and claim.person_id != request.user.pk:
        words = _("%(name)s has this caller and may be calling at this moment.")
        lines.append(words % {"name": _name(claim.person)})
    context = {
        "lines": lines,
        "has_note": True,
        "note": note,
        "problem": problem,
        "is_required": is_dismissal,
        "longest": LONGEST_NOTE,
        "label": _("Why nobody needs to call") if is_dismissal else _("What came of it (may stay empty)"),
        "hint": _("A new call that does not get through opens it again."),
        "button": _("Dismiss") if is_dismissal else _("Called back"),
        "seen": seen or row.last_at.isoformat(),
    }
    title = _("Dismiss %(caller)s?") if is_dismissal else _("Was %(caller)s called back?")
    action = reverse("admin:calllogs_missed_close", args=[row.pk, how])
    return _ask(request, title % {"caller": visibility_for(request.user).number(row.caller)}, action, context)


def _ask(request: HttpRequest, title: str, action: str, context: dict[str, Any]) -> HttpResponse:
    """In the desk's dialog, or as a page of its own."""
    given = request.POST if request.method == "POST" else request.GET
    context |= {
        "title": title,
        "action": action,
        "back": given.get("back", "")[:2000],
        "desk": reverse(f"admin:{DESK}"),
    }
    if request.headers.get("HX-Request"):
        headers = {"HX-Retarget": "#desk-dialog-body", "HX-Reswap": "innerHTML", "Cache-Control": "no-store"}
        return TemplateResponse(request, "calllogs/callbacks/confirm_form.html", context, headers=headers)
    return TemplateResponse(
        request, "calllogs/callbacks/confirm.html", {**admin.site.each_context(request), **context}
    )


# --- recording ------------------------------------------------------------------------------------------


def _record(
    request: HttpRequest, kind: CallbackEntry.Kind, caller: str, *, entry: CallbackEntry | None = None
) -> None:
    """A note's text is not kept: the desk itself does, as long as it may."""
    audit_log.record(
        Action.DESK,
        request=request,
        what=str(kind.label),
        subject=audit_log.subject_of(entry) if entry else "",
        callers=[caller],
    )


# --- answering ------------------------------------------------------------------------------------------


def _say(
    request: HttpRequest,
    answer: Answer,
    words: str,
    level: int = messages.SUCCESS,
    *,
    undo: int | None = None,
) -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    back = given.get("back", "")[:2000]
    if request.headers.get("HX-Request"):
        response = answer(request, back, said=words, undo=undo)
        response["HX-Retarget"], response["HX-Reswap"] = "#desk", "outerHTML"
        return response
    messages.add_message(request, level, words)
    return redirect(f"{reverse(f'admin:{DESK}')}?{QueryDict(back).urlencode()}")


def _gone(request: HttpRequest, answer: Answer, gone: actions.Gone) -> HttpResponse:
    words = _("This caller waits no more: answered, or closed by somebody else.")
    if gone.entry is not None:
        words = _("%(name)s has closed it already.") % {"name": gone.entry.person_name}
    return _say(request, answer, words, messages.WARNING)


def _moment(request: HttpRequest) -> dt.datetime | None:
    try:
        moment = parse_datetime(request.POST.get("seen", ""))
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo else None


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _name(person: User) -> str:
    return person.get_full_name() or person.get_username()
