"""A recording, played through the portal; and who listened."""

import secrets
from typing import Any
from wsgiref.util import FileWrapper

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_safe

from calllogs.models import CallLog, Listening, Recording
from calllogs.recordings import archive, play
from calllogs.recordings.cache import digest_of
from calllogs.recordings.causes import Cause, NotAvailable, OutOfRange
from calllogs.recordings.ranges import Wish, wish_of
from calllogs.recordings.words import words_of
from settings_sync import audit, theme
from settings_sync.audit import Action

LISTEN = "calllogs.listen_recording"
_PLAY_LENGTH = 32
_AT_ONCE = 64 * 1024
# A recording is a person's voice: no browser and no proxy keeps it. And whatever it is, it is never run as a page.
_HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-store",
    "Content-Disposition": "inline",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def context(call: CallLog, user: Any) -> dict[str, Any]:
    """What the player of a call's page needs; without a query if `recording` came with the call."""
    if not call.recording_url:
        return {"kind": "none", "words": _("No recording came with this call.")}
    if not user.has_perm(LISTEN):
        return {"kind": "none", "words": _("There is a recording. Listening to it is for supervisors.")}
    address = reverse("admin:calllogs_recording", args=[call.pk])
    return {
        "kind": "player",
        "src": f"{address}?play={secrets.token_hex(8)}",
        "look": reverse("admin:calllogs_recording_look", args=[call.pk]),
        "seconds": call.talk_seconds or 0,
        "words": _kept_words(call),
        "speeds": ["0.75", "1", "1.25", "1.5", "2"],
    }


def _kept_words(call: CallLog) -> str:
    recording: Recording | None = getattr(call, "recording", None)
    if recording is None:
        return ""
    if archive.is_current(recording, digest_of(call.recording_url)) and recording.fetched_at:
        date = date_format(timezone.localtime(archive.kept_until(recording.fetched_at)), "j M Y")
        return _("A copy is kept here until %(date)s.") % {"date": date}
    if recording.state == Recording.State.GIVEN_UP and recording.error:
        return _("No copy could be made. %(why)s") % {"why": words_of(recording.error)}
    return ""


@require_GET
def look(request: HttpRequest, call: CallLog) -> JsonResponse:
    """Is there something to play? Asked before the player starts, so that the answer is a sentence."""
    _must_be_allowed(request)
    try:
        _piece(call, Wish(0, None))
    except NotAvailable as error:
        return _json({"words": words_of(error.cause)})
    except OutOfRange:
        return _json({"words": words_of(Cause.EMPTY)})
    return _json({"is_ready": True})


@require_safe
def recording(request: HttpRequest, call: CallLog) -> HttpResponseBase:
    """The sound, or the range of it that a player asks for; `?play=` is the same for all requests of one page.

    That this person listens is committed before the first byte goes out.
    """
    _must_be_allowed(request)
    wish = wish_of(request.headers.get("Range", "")) if request.method == "GET" else None
    try:
        response = _whole(request, call) if wish is None else _part(request, call, wish)
    except NotAvailable as error:
        return HttpResponse(
            words_of(error.cause), status=404, content_type="text/plain; charset=utf-8", headers=_HEADERS
        )
    except OutOfRange as error:
        headers = {**_HEADERS, "Content-Range": f"bytes */{error.total}"}
        return HttpResponse(status=416, content_type="text/plain; charset=utf-8", headers=headers)
    if request.method == "GET":
        name = request.GET.get("play", "")
        is_name = len(name) <= _PLAY_LENGTH and name.isascii() and name.isalnum()
        with transaction.atomic():
            if Listening.objects.note(call, user=request.user, play=name if is_name else ""):
                audit.record(
                    Action.LISTENED,
                    request=request,
                    what=call.call_id,
                    subject=audit.subject_of(call),
                    callers=[call.caller],
                )
    return response


def _part(request: HttpRequest, call: CallLog, wish: Wish) -> HttpResponseBase:
    piece = _piece(call, wish)
    if_range = request.headers.get("If-Range", "")
    if if_range and if_range != piece.tag:
        return _whole(request, call)  # what the player has is of another sound
    return HttpResponse(
        piece.data,
        status=206,
        content_type=piece.kind,
        headers={
            **_HEADERS, "ETag": piece.tag, "Content-Length": str(len(piece.data)),
            "Content-Range": f"bytes {piece.first}-{piece.last}/{piece.total}",
        },
    )  # fmt: skip


def _whole(request: HttpRequest, call: CallLog) -> HttpResponseBase:
    whole = play.whole(_known(call))
    headers = {**_HEADERS, "ETag": whole.tag, "Content-Length": str(whole.total)}
    if request.method == "HEAD":
        whole.file.close()
        return HttpResponse(content_type=whole.kind, headers=headers)
    return StreamingHttpResponse(FileWrapper(whole.file, _AT_ONCE), content_type=whole.kind, headers=headers)


def _piece(call: CallLog, wish: Wish) -> play.Piece:
    return play.piece(_known(call), wish)


def _known(call: CallLog) -> CallLog:
    if not call.recording_url:
        raise NotAvailable(Cause.GONE)
    return call


def _json(data: dict[str, Any]) -> JsonResponse:
    return JsonResponse(data, headers={"Cache-Control": "no-store"})


def _must_be_allowed(request: HttpRequest) -> None:
    if not request.user.has_perm(LISTEN):
        raise PermissionDenied


# --- who listened ------------------------------------------------------------------------------------------


@admin.register(Listening)
class ListeningAdmin(theme.ReadOnly, theme.ModelAdmin):
    list_display = ["user_name", "at", "last_at", "shown_call"]
    list_display_links = None
    list_filter = [("at", theme.RangeDateFilter)]
    list_filter_submit = True
    list_fullwidth = True
    list_select_related = ["call"]
    search_fields = ["user_name__iexact", "call_uid__exact"]
    search_help_text = gettext_lazy("User name, or call id")
    show_full_result_count = False
    paginator = theme.FirstPages

    @theme.display(description=gettext_lazy("Call"))
    def shown_call(self, listening: Listening) -> str:
        words = Truncator(listening.call_uid).chars(40)
        if listening.call_id is None:
            return words
        address = reverse("admin:calllogs_calllog_change", args=[listening.call_id])
        return format_html('<a href="{}" class="in-link">{}</a>', address, words)
