"""A recording, played through the portal; and who listened."""

import secrets
from typing import Any
from wsgiref.util import FileWrapper

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_safe

from calllogs.access.history_mixin import MaskedHistoryMixin
from calllogs.access.visibility import CallVisibility, visibility_for
from calllogs.models import CallLog, Listening, Recording
from calllogs.recordings import archive, playback
from calllogs.recordings.audio_types import ENDINGS
from calllogs.recordings.cache import digest_of
from calllogs.recordings.errors import Cause, NotAvailable, OutOfRange
from calllogs.recordings.http_ranges import ByteRange, wish_of
from calllogs.recordings.messages import words_of
from ivrportal.audit import audit_log, model_admin
from ivrportal.audit.audit_log import Action
from ivrportal.common import admin_mixins, admin_theme, pagination

LISTEN, DOWNLOAD = "calllogs.listen_recording", "calllogs.download_recording"
_PLAY_LENGTH = 32
_AT_ONCE = 64 * 1024
# A recording is a person's voice: no browser and no proxy keeps it. And whatever it is, it is never run as a page.
_HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-store",
    "Content-Disposition": "inline",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def context(call: CallLog, user: Any) -> dict[str, Any]:
    """What the player of a call's page needs; without a query if `recording` came with the call."""
    if not call.recording_url:
        return {"kind": "none", "words": _("No recording came with this call.")}
    address = reverse("admin:calllogs_recording", args=[call.pk])
    download = f"{address}?download=1" if user.has_perm(DOWNLOAD) else ""
    if not user.has_perm(LISTEN):
        words = _("There is a recording. Listening to it is for supervisors.")
        return {"kind": "none", "words": words, "download": download}
    return {
        "kind": "player",
        "download": download,
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
        _piece(call, ByteRange(0, None))
    except NotAvailable as error:
        return _json({"words": words_of(error.cause)})
    except OutOfRange:
        return _json({"words": words_of(Cause.EMPTY)})
    return _json({"is_ready": True})


@require_safe
def recording(request: HttpRequest, call: CallLog) -> HttpResponseBase:
    """The sound, or the range of it that a player asks for; `?play=` is the same for all requests of one page.

    That this person listens is committed before the first byte goes out. `?download=1` is another right, and gives
    the whole as a file to keep.
    """
    if "download" in request.GET:
        return _download(request, call)
    _must_be_allowed(request)
    wish = wish_of(request.headers.get("Range", "")) if request.method == "GET" else None
    try:
        response = _whole(request, call) if wish is None else _part(request, call, wish)
    except NotAvailable as error:
        return _none(error)
    except OutOfRange as error:
        headers = {**_HEADERS, "Content-Range": f"bytes */{error.total}"}
        return HttpResponse(status=416, content_type="text/plain; charset=utf-8", headers=headers)
    if request.method == "GET":
        name = request.GET.get("play", "")
        is_name = len(name) <= _PLAY_LENGTH and name.isascii() and name.isalnum()
        with transaction.atomic():
            if Listening.objects.note(call, user=request.user, play=name if is_name else ""):
                audit_log.record(
                    Action.LISTENED,
                    request=request,
                    what=call.call_id,
                    subject=audit_log.subject_of(call),
                    callers=[call.caller],
                )
    return response


def _download(request: HttpRequest, call: CallLog) -> HttpResponseBase:
    """Its name tells of no number, for it lies around in people's folders. Recorded before the first byte."""
    if not request.user.has_perm(DOWNLOAD):
        raise PermissionDenied
    try:
        response = _whole(request, call)
    except NotAvailable as error:
        return _none(error)
    ending = ENDINGS.get(response.headers["Content-Type"], "")
    name = f"call-{timezone.localtime(call.started_at):%Y-%m-%d-%H%M}-{call.pk}{ending}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    del response["Accept-Ranges"]
    if request.method == "GET":
        at = date_format(timezone.localtime(call.started_at), "j M Y, H:i:s")
        audit_log.record(
            audit_log.Action.DOWNLOADED,
            request=request,
            what=_("the recording of the call of %(time)s") % {"time": at},
            subject=f"calllogs.calllog:{call.pk}",
            callers=[call.caller],
        )
    return response


def _none(error: NotAvailable) -> HttpResponse:
    words = words_of(error.cause)
    return HttpResponse(words, status=404, content_type="text/plain; charset=utf-8", headers=_HEADERS)


def _part(request: HttpRequest, call: CallLog, wish: ByteRange) -> HttpResponseBase:
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
    whole = playback.whole(_known(call))
    headers = {**_HEADERS, "ETag": whole.tag, "Content-Length": str(whole.total)}
    if request.method == "HEAD":
        whole.file.close()
        return HttpResponse(content_type=whole.kind, headers=headers)
    return StreamingHttpResponse(FileWrapper(whole.file, _AT_ONCE), content_type=whole.kind, headers=headers)


def _piece(call: CallLog, wish: ByteRange) -> playback.Piece:
    return playback.piece(_known(call), wish)


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
class ListeningAdmin(MaskedHistoryMixin, admin_mixins.ReadOnlyAdminMixin, model_admin.ModelAdmin):
    list_display = ["user_name", "at", "last_at"]
    list_display_links = None
    list_filter = [("at", admin_theme.RangeDateFilter)]
    list_filter_submit = True
    list_fullwidth = True
    list_select_related = ["call"]
    search_fields = ["user_name__iexact", "call_uid__exact"]
    search_help_text = gettext_lazy("User name, or call id")
    show_full_result_count = False
    paginator = pagination.CappedPaginator

    def change_view(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """The list tells all; a page of its own would be named after the call's id."""
        raise Http404

    def get_queryset(self, request: HttpRequest) -> QuerySet[Listening]:
        return (
            super().get_queryset(request).filter(visibility_for(request.user).condition("call__department"))
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Listening], search_term: str
    ) -> tuple[QuerySet[Listening], bool]:
        """By an id that the person sees whole only: in another one, trying would find the caller's number."""
        found, has_duplicates = super().get_search_results(request, queryset, search_term)
        sight = visibility_for(request.user)
        if search_term and not sight.sees_numbers:
            one = Listening.objects.select_related("call").filter(call_uid=search_term.strip()).first()
            if one is not None and _uid(one, sight) != one.call_uid:
                found = found.filter(user_name__iexact=search_term.strip())
        return found, has_duplicates

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The last column differs from person to person."""

        @admin_theme.display(description=gettext_lazy("Call"))
        def shown_call(listening: Listening) -> str:
            words = Truncator(_uid(listening, visibility_for(request.user))).chars(40)
            if listening.call_id is None:
                return words
            address = reverse("admin:calllogs_calllog_change", args=[listening.call_id])
            return format_html('<a href="{}" class="in-link">{}</a>', address, words)

        return [*self.list_display, shown_call]


def _uid(listening: Listening, sight: CallVisibility) -> str:
    """The call's own id, as far as this person may read it. Of a call that is deleted nobody knows the caller."""
    call = listening.call
    return (
        sight.text(sight.call_id(listening.call_uid, ""))
        if call is None
        else sight.call_id(listening.call_uid, call.caller)
    )
