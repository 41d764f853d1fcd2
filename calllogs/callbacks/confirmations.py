"""Confirmation forms of the callback queue: before a claim, and with a note before a closing."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from calllogs.access.visibility import visibility_for
from calllogs.callbacks import actions, presentation
from calllogs.callbacks.permissions import QUEUE_URL_NAME
from calllogs.models import CallbackEntry, MissedCaller

CLOSING_KINDS = {
    "called-back": CallbackEntry.Kind.CALLED_BACK,
    "dismiss": CallbackEntry.Kind.DISMISSED,
}
MAX_NOTE_LENGTH = 500


def confirm_claim(request: HttpRequest, row: MissedCaller) -> HttpResponse:
    claim = actions.load_active_claims([row.caller]).get(row.caller)
    lines, over = [], None
    if claim is not None and claim.person_id != request.user.pk:
        over = claim.person_id
        since = presentation.format_waiting_time(timezone.now() - claim.claimed_at)
        text = _("%(name)s has this caller, for %(time)s, and may be calling at this moment.")
        lines = [
            text % {"name": display_name(claim.person), "time": since},
            _("Take over only if you know that this is not so. It is kept in the history."),
        ]
    context = {"lines": lines, "over": over, "button": _("Take over") if over else _("I call back")}
    title = _("Take over %(caller)s?") if over else _("Take %(caller)s?")
    action = reverse("admin:calllogs_missed_take", args=[row.pk])
    return _render_confirmation(
        request, title % {"caller": visibility_for(request.user).format_number(row.caller)}, action, context
    )


def confirm_close(
    request: HttpRequest, row: MissedCaller, how: str, *, seen: str, note: str = "", problem: str = ""
) -> HttpResponse:
    is_dismissal = CLOSING_KINDS[how] == CallbackEntry.Kind.DISMISSED
    claim = actions.load_active_claims([row.caller]).get(row.caller)
    lines = []
    if claim is not None and claim.person_id != request.user.pk:
        text = _("%(name)s has this caller and may be calling at this moment.")
        lines.append(text % {"name": display_name(claim.person)})
    context = {
        "lines": lines,
        "has_note": True,
        "note": note,
        "problem": problem,
        "is_required": is_dismissal,
        "max_length": MAX_NOTE_LENGTH,
        "label": _("Why nobody needs to call") if is_dismissal else _("What came of it (may stay empty)"),
        "hint": _("A new call that does not get through opens it again."),
        "button": _("Dismiss") if is_dismissal else _("Called back"),
        "seen": seen or row.last_at.isoformat(),
    }
    title = _("Dismiss %(caller)s?") if is_dismissal else _("Was %(caller)s called back?")
    action = reverse("admin:calllogs_missed_close", args=[row.pk, how])
    return _render_confirmation(
        request, title % {"caller": visibility_for(request.user).format_number(row.caller)}, action, context
    )


def _render_confirmation(
    request: HttpRequest, title: str, action: str, context: dict[str, Any]
) -> HttpResponse:
    """The confirmation form: in the queue's dialog for htmx, otherwise as a page."""
    params = request.POST if request.method == "POST" else request.GET
    context |= {
        "title": title,
        "action": action,
        "back": params.get("back", "")[:2000],
        "queue_url": reverse(f"admin:{QUEUE_URL_NAME}"),
    }
    if request.headers.get("HX-Request"):
        headers = {"HX-Retarget": "#queue-dialog-body", "HX-Reswap": "innerHTML", "Cache-Control": "no-store"}
        return TemplateResponse(request, "calllogs/callbacks/confirm_form.html", context, headers=headers)
    return TemplateResponse(
        request, "calllogs/callbacks/confirm.html", {**admin.site.each_context(request), **context}
    )


def display_name(person: User) -> str:
    return person.get_full_name() or person.get_username()
