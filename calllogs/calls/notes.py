"""Notes and tags of a call: written, and taken back by their author."""

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
from calllogs.formatting import to_the_second
from calllogs.models import CallLog, CallNote, CallTag, Listening
from calllogs.models.note import LONGEST_NOTE, LONGEST_TAG, by
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action

ADD_NOTE, ADD_TAG = "calllogs.add_callnote", "calllogs.add_calltag"
SHOWN_LISTENINGS, SUGGESTED = 5, 20
_UNPRINTABLE = re.compile(r"[^\S\n]+|[\x00-\x09\x0b-\x1f\x7f\u200b\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Left:
    """A note's text, a tag's word, or the end of a listening; who and when; whether this person may take it back."""

    pk: int
    text: str
    who: str
    at: str
    is_mine: bool


def left_behind(
    call: CallLog, user: Any, sight: CallVisibility, *, with_listenings: bool
) -> dict[str, list[Left]]:
    """Notes and tags, oldest first, and who listened, newest first, in one query. People write numbers into them."""

    def arm(name: str, rows: Any, text: Any, who: str, owner: str) -> Any:
        kind = Value(name, output_field=CharField())
        return rows.order_by().values_list(kind, F("pk"), text, F(who), F("at"), F(owner))

    rows = arm("notes", CallNote.objects.filter(call=call), F("text"), "author_name", "author").union(
        arm("tags", CallTag.objects.filter(call=call), F("word"), "author_name", "author"), all=True
    )
    if with_listenings:
        newest = Listening.objects.filter(call=call).order_by("-at", "-id").values("pk")[:SHOWN_LISTENINGS]
        heard = Listening.objects.filter(pk__in=newest)
        rows = rows.union(arm("heard", heard, Value(""), "user_name", "user"), all=True)
    found: dict[str, list[Left]] = {"notes": [], "tags": [], "heard": []}
    for name, pk, words, person, at, owner in sorted(rows, key=lambda row: (row[4], row[1])):
        is_mine = owner == user.pk or user.is_superuser
        text = sight.text(words, call.caller, known=(call.agent_number, call.virtual_number))
        found[name].append(Left(pk, text, person, to_the_second(at), is_mine))
    found["heard"].reverse()
    return found


# --- writing -----------------------------------------------------------------------------------------------


@require_POST
def add_note(request: HttpRequest, call: CallLog) -> HttpResponse | str:
    """Where to go now, or the text that could not be kept: the page is shown again with it."""
    _must_have(request, ADD_NOTE)
    text = _UNPRINTABLE.sub(" ", request.POST.get("text", "").replace("\r\n", "\n")).strip()
    if not text:
        messages.error(request, _("The note is empty: write something first."))
        return text
    if len(text) > LONGEST_NOTE:
        words = _("The note is too long: %(n)d letters, and %(most)d are taken. Shorten it, or write two.")
        messages.error(request, words % {"n": len(text), "most": LONGEST_NOTE})
        return text
    with transaction.atomic():
        made = CallNote.objects.create(call=call, text=text, **by(request.user))
        _log(request, call, _("Note added."))
        _record(Action.ADDED, request, call, made)
    return _back(call, "notes")


@require_POST
def delete_note(request: HttpRequest, call: CallLog, *, note: int) -> HttpResponse:
    found = CallNote.objects.filter(call=call, pk=note).first()
    if found is None:
        messages.info(request, _("The note was deleted already."))
        return _back(call, "notes")
    _must_be_theirs(request, found)
    with transaction.atomic():
        CallNote.objects.filter(pk=found.pk).delete()
        _log(request, call, _("Note of %(who)s deleted.") % {"who": found.author_name})
        _record(Action.DELETED, request, call, found)
    messages.success(request, _("The note is deleted."))
    return _back(call, "notes")


@require_POST
def add_tag(request: HttpRequest, call: CallLog) -> HttpResponse:
    _must_have(request, ADD_TAG)
    word = " ".join(_UNPRINTABLE.sub(" ", request.POST.get("word", "")).split())
    if not word or len(word) > LONGEST_TAG:
        words = _("A tag is a word or a few, %(most)d letters at most.")
        messages.error(request, words % {"most": LONGEST_TAG})
    elif CallTag.objects.filter(call=call, word__iexact=word).exists():
        messages.info(request, _("The call has the tag “%(word)s” already.") % {"word": word})
    else:
        # Somebody else may be quicker by a moment: then it is there as well.
        made = CallTag(call=call, word=word, **by(request.user))
        with transaction.atomic():
            CallTag.objects.bulk_create([made], ignore_conflicts=True)
            _log(request, call, _("Tag “%(word)s” added.") % {"word": word})
            _record(Action.ADDED, request, call, made)
    return _back(call, "tags")


@require_POST
def delete_tag(request: HttpRequest, call: CallLog, *, tag: int) -> HttpResponse:
    found = CallTag.objects.filter(call=call, pk=tag).first()
    if found is None:
        messages.info(request, _("The tag was taken off already."))
        return _back(call, "tags")
    _must_be_theirs(request, found)
    with transaction.atomic():
        CallTag.objects.filter(pk=found.pk).delete()
        _log(request, call, _("Tag “%(word)s” taken off.") % {"word": found.word})
        _record(Action.DELETED, request, call, found)
    return _back(call, "tags")


@require_GET
def suggest_tags(request: HttpRequest) -> JsonResponse:
    """`?q=` the beginning of a word: words that other calls were tagged with lately."""
    _must_have(request, ADD_TAG)
    sight, beginning = visibility_for(request.user), request.GET.get("q", "")[:LONGEST_TAG].strip()
    tags = CallTag.objects.filter(sight.condition("call__department"))
    found = tags.suggestions(beginning, most=SUGGESTED)
    if not sight.sees_numbers:  # the beginning of a number would bring its rest
        found = [word for word in found if sight.text(word) == word]
    return JsonResponse({"words": found}, headers={"Cache-Control": "no-store"})


def _must_have(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _must_be_theirs(request: HttpRequest, remark: CallNote | CallTag) -> None:
    _must_have(request, ADD_NOTE if isinstance(remark, CallNote) else ADD_TAG)
    if remark.author_id != request.user.pk and not getattr(request.user, "is_superuser", False):
        raise PermissionDenied


def _log(request: HttpRequest, call: CallLog, words: str) -> None:
    if request.user.pk:
        LogEntry.objects.log_actions(request.user.pk, [call], CHANGE, words)


def _record(action: Action, request: HttpRequest, call: CallLog, remark: CallNote | CallTag) -> None:
    """A note's text is not kept: it may tell more of the caller than the trail should hold for years."""
    word = getattr(remark, "word", audit_log.HIDDEN)
    audit_log.record(
        action,
        request=request,
        what=f"{remark._meta.verbose_name}, {call.call_id}",
        subject=audit_log.subject_of(call),
        callers=[call.caller],
        changes={str(remark._meta.verbose_name): [word, None] if action == Action.DELETED else [None, word]},
    )


def _back(call: CallLog, place: str) -> HttpResponse:
    return redirect(f"{page_of(call.pk)}#{place}")


def page_of(pk: int) -> str:
    return reverse("admin:calllogs_calllog_change", args=[pk])
