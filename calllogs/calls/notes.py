"""Notes and tags of a call. Only their author (or a superuser) can delete them."""

import re
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import CharField, F, Value
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from calllogs.access.visibility import CallVisibility, visibility_for
from calllogs.formatting import format_moment
from calllogs.models import CallLog, CallNote, CallTag, Listening
from calllogs.models.note import LONGEST_NOTE, LONGEST_TAG, author_fields
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action

ADD_NOTE, ADD_TAG = "calllogs.add_callnote", "calllogs.add_calltag"
SHOWN_LISTENINGS, SUGGESTED = 5, 20
_UNPRINTABLE = re.compile(r"[^\S\n]+|[\x00-\x09\x0b-\x1f\x7f\u200b\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Annotation:
    """A note (`text`), a tag (`text`) or a listening (no text), with author and time; `is_mine`: may be deleted."""

    pk: int
    text: str
    author: str
    at: str
    is_mine: bool


def load_annotations(
    call: CallLog, user: Any, visibility: CallVisibility, *, with_listenings: bool
) -> dict[str, list[Annotation]]:
    """Load notes and tags, oldest first, and listenings, newest first, in one query. Numbers in texts are masked."""

    def select(name: str, rows: Any, text: Any, author: str, owner: str) -> Any:
        kind = Value(name, output_field=CharField())
        return rows.order_by().values_list(kind, F("pk"), text, F(author), F("at"), F(owner))

    rows = select("notes", CallNote.objects.filter(call=call), F("text"), "author_name", "author").union(
        select("tags", CallTag.objects.filter(call=call), F("word"), "author_name", "author"), all=True
    )
    if with_listenings:
        newest = Listening.objects.filter(call=call).order_by("-at", "-id").values("pk")[:SHOWN_LISTENINGS]
        listenings = Listening.objects.filter(pk__in=newest)
        rows = rows.union(select("listenings", listenings, Value(""), "user_name", "user"), all=True)
    found: dict[str, list[Annotation]] = {"notes": [], "tags": [], "listenings": []}
    for name, pk, raw_text, author, at, owner in sorted(rows, key=lambda row: (row[4], row[1])):
        is_mine = owner == user.pk or user.is_superuser
        text = visibility.mask_text(raw_text, call.caller, known=(call.agent_number, call.virtual_number))
        found[name].append(Annotation(pk, text, author, format_moment(at), is_mine))
    found["listenings"].reverse()
    return found


# --- writing -----------------------------------------------------------------------------------------------


@require_POST
def add_note(request: HttpRequest, call: CallLog) -> HttpResponse | str:
    """Save a note and return a redirect, or return the rejected text so that the page can show it again."""
    _require_permission(request, ADD_NOTE)
    text = _UNPRINTABLE.sub(" ", request.POST.get("text", "").replace("\r\n", "\n")).strip()
    if not text:
        messages.error(request, _("The note is empty: write something first."))
        return text
    if len(text) > LONGEST_NOTE:
        message = _("The note is too long: %(n)d letters, and %(most)d are taken. Shorten it, or write two.")
        messages.error(request, message % {"n": len(text), "most": LONGEST_NOTE})
        return text
    with transaction.atomic():
        note = CallNote.objects.create(call=call, text=text, **author_fields(request.user))
        _log_history(request, call, _("Note added."))
        _record_audit(Action.ADDED, request, call, note)
    return _redirect_to_call(call, "notes")


@require_POST
def delete_note(request: HttpRequest, call: CallLog, *, note: int) -> HttpResponse:
    found = CallNote.objects.filter(call=call, pk=note).first()
    if found is None:
        messages.info(request, _("The note was deleted already."))
        return _redirect_to_call(call, "notes")
    _require_author(request, found)
    with transaction.atomic():
        CallNote.objects.filter(pk=found.pk).delete()
        _log_history(request, call, _("Note of %(who)s deleted.") % {"who": found.author_name})
        _record_audit(Action.DELETED, request, call, found)
    messages.success(request, _("The note is deleted."))
    return _redirect_to_call(call, "notes")


@require_POST
def add_tag(request: HttpRequest, call: CallLog) -> HttpResponse:
    _require_permission(request, ADD_TAG)
    word = " ".join(_UNPRINTABLE.sub(" ", request.POST.get("word", "")).split())
    if not word or len(word) > LONGEST_TAG:
        message = _("A tag is a word or a few, %(most)d letters at most.")
        messages.error(request, message % {"most": LONGEST_TAG})
    elif CallTag.objects.filter(call=call, word__iexact=word).exists():
        messages.info(request, _("The call has the tag “%(word)s” already.") % {"word": word})
    else:
        # Another user may add the same tag at the same moment; the conflict is ignored.
        tag = CallTag(call=call, word=word, **author_fields(request.user))
        with transaction.atomic():
            CallTag.objects.bulk_create([tag], ignore_conflicts=True)
            _log_history(request, call, _("Tag “%(word)s” added.") % {"word": word})
            _record_audit(Action.ADDED, request, call, tag)
    return _redirect_to_call(call, "tags")


@require_POST
def delete_tag(request: HttpRequest, call: CallLog, *, tag: int) -> HttpResponse:
    found = CallTag.objects.filter(call=call, pk=tag).first()
    if found is None:
        messages.info(request, _("The tag was taken off already."))
        return _redirect_to_call(call, "tags")
    _require_author(request, found)
    with transaction.atomic():
        CallTag.objects.filter(pk=found.pk).delete()
        _log_history(request, call, _("Tag “%(word)s” taken off.") % {"word": found.word})
        _record_audit(Action.DELETED, request, call, found)
    return _redirect_to_call(call, "tags")


@require_GET
def suggest_tags(request: HttpRequest) -> JsonResponse:
    """Return recently used tags that start with `?q=`, as JSON `{"words": […]}`."""
    _require_permission(request, ADD_TAG)
    visibility, beginning = visibility_for(request.user), request.GET.get("q", "")[:LONGEST_TAG].strip()
    tags = CallTag.objects.filter(visibility.condition("call__department"))
    found = tags.suggestions(beginning, most=SUGGESTED)
    if not visibility.sees_numbers:  # else typing the start of a number would reveal the rest
        found = [word for word in found if visibility.mask_text(word) == word]
    return JsonResponse({"words": found}, headers={"Cache-Control": "no-store"})


def _require_permission(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _require_author(request: HttpRequest, annotation: CallNote | CallTag) -> None:
    _require_permission(request, ADD_NOTE if isinstance(annotation, CallNote) else ADD_TAG)
    if annotation.author_id != request.user.pk and not getattr(request.user, "is_superuser", False):
        raise PermissionDenied


def _log_history(request: HttpRequest, call: CallLog, message: str) -> None:
    if request.user.pk:
        LogEntry.objects.log_actions(request.user.pk, [call], CHANGE, message)


def _record_audit(
    action: Action, request: HttpRequest, call: CallLog, annotation: CallNote | CallTag
) -> None:
    """Record the change in the audit log, without a note's text, because the log is kept for years."""
    word = getattr(annotation, "word", audit_log.HIDDEN)
    audit_log.record(
        action,
        request=request,
        what=f"{annotation._meta.verbose_name}, {call.call_id}",
        subject=audit_log.subject_of(call),
        callers=[call.caller],
        changes={
            str(annotation._meta.verbose_name): [word, None] if action == Action.DELETED else [None, word]
        },
    )


def _redirect_to_call(call: CallLog, fragment: str) -> HttpResponse:
    return redirect(f"{call_url(call.pk)}#{fragment}")


def call_url(pk: int) -> str:
    return reverse("admin:calllogs_calllog_change", args=[pk])
