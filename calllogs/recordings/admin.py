"""Views that play and download a recording, and the admin list of who listened."""

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
from calllogs.recordings.audio_types import FILE_EXTENSIONS
from calllogs.recordings.cache import hash_url
from calllogs.recordings.errors import Cause, NotAvailable, OutOfRange
from calllogs.recordings.http_ranges import ByteRange, parse_range
from calllogs.recordings.messages import message_for
from ivrportal.audit import audit_log, model_admin
from ivrportal.audit.audit_log import Action
from ivrportal.common import admin_mixins, admin_theme, pagination

LISTEN_PERMISSION, DOWNLOAD_PERMISSION = "calllogs.listen_recording", "calllogs.download_recording"
_MAX_PLAY_LENGTH = 32
_CHUNK_BYTES = 64 * 1024
# A recording is personal data: no browser or proxy may store it. The response must never be rendered as a page.
_HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-store",
    "Content-Disposition": "inline",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def player_context(call: CallLog, user: Any) -> dict[str, Any]:
    """Template context of the player on a call's page. Runs no query if `recording` was selected with the call."""
    if not call.recording_url:
        return {"kind": "none", "text": _("No recording came with this call.")}
    address = reverse("admin:calllogs_recording", args=[call.pk])
    download = f"{address}?download=1" if user.has_perm(DOWNLOAD_PERMISSION) else ""
    if not user.has_perm(LISTEN_PERMISSION):
        text = _("There is a recording. Listening to it is for supervisors.")
        return {"kind": "none", "text": text, "download": download}
    return {
        "kind": "player",
        "download": download,
        "src": f"{address}?play={secrets.token_hex(8)}",
        "check_url": reverse("admin:calllogs_recording_look", args=[call.pk]),
        "seconds": call.talk_seconds or 0,
        "text": _copy_status_text(call),
        "speeds": ["0.75", "1", "1.25", "1.5", "2"],
    }


def _copy_status_text(call: CallLog) -> str:
    recording: Recording | None = getattr(call, "recording", None)
    if recording is None:
        return ""
    if archive.is_current(recording, hash_url(call.recording_url)) and recording.fetched_at:
        date = date_format(timezone.localtime(archive.kept_until(recording.fetched_at)), "j M Y")
        return _("A copy is kept here until %(date)s.") % {"date": date}
    if recording.state == Recording.State.GIVEN_UP and recording.error:
        return _("No copy could be made. %(why)s") % {"why": message_for(recording.error)}
    return ""


@require_GET
def check_view(request: HttpRequest, call: CallLog) -> JsonResponse:
    """Whether the recording can be played. The player calls it first, to show a message instead of a media error."""
    _require_listen_permission(request)
    try:
        _read_range(call, ByteRange(0, None))
    except NotAvailable as error:
        return _json({"words": message_for(error.cause)})
    except OutOfRange:
        return _json({"words": message_for(Cause.EMPTY)})
    return _json({"is_ready": True})


@require_safe
def recording_view(request: HttpRequest, call: CallLog) -> HttpResponseBase:
    """The audio, or the range of it that the player requests. `?play=` identifies the page that the player is on.

    The listening is committed before the first byte is sent. `?download=1` sends the whole file as an attachment and
    needs a permission of its own.
    """
    if "download" in request.GET:
        return _download_response(request, call)
    _require_listen_permission(request)
    byte_range = parse_range(request.headers.get("Range", "")) if request.method == "GET" else None
    try:
        response = (
            _whole_response(request, call)
            if byte_range is None
            else _range_response(request, call, byte_range)
        )
    except NotAvailable as error:
        return _not_available_response(error)
    except OutOfRange as error:
        headers = {**_HEADERS, "Content-Range": f"bytes */{error.total}"}
        return HttpResponse(status=416, content_type="text/plain; charset=utf-8", headers=headers)
    if request.method == "GET":
        name = request.GET.get("play", "")
        is_valid_name = len(name) <= _MAX_PLAY_LENGTH and name.isascii() and name.isalnum()
        with transaction.atomic():
            if Listening.objects.record_play(call, user=request.user, play=name if is_valid_name else ""):
                audit_log.record(
                    Action.LISTENED,
                    request=request,
                    what=call.call_id,
                    subject=audit_log.subject_of(call),
                    callers=[call.caller],
                )
    return response


def _download_response(request: HttpRequest, call: CallLog) -> HttpResponseBase:
    """The file as an attachment, recorded before the first byte. Its name contains no telephone number."""
    if not request.user.has_perm(DOWNLOAD_PERMISSION):
        raise PermissionDenied
    try:
        response = _whole_response(request, call)
    except NotAvailable as error:
        return _not_available_response(error)
    extension = FILE_EXTENSIONS.get(response.headers["Content-Type"], "")
    name = f"call-{timezone.localtime(call.started_at):%Y-%m-%d-%H%M}-{call.pk}{extension}"
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


def _not_available_response(error: NotAvailable) -> HttpResponse:
    text = message_for(error.cause)
    return HttpResponse(text, status=404, content_type="text/plain; charset=utf-8", headers=_HEADERS)


def _range_response(request: HttpRequest, call: CallLog, byte_range: ByteRange) -> HttpResponseBase:
    part = _read_range(call, byte_range)
    if_range = request.headers.get("If-Range", "")
    if if_range and if_range != part.etag:
        return _whole_response(request, call)  # the player has parts of another recording
    return HttpResponse(
        part.data,
        status=206,
        content_type=part.content_type,
        headers={
            **_HEADERS, "ETag": part.etag, "Content-Length": str(len(part.data)),
            "Content-Range": f"bytes {part.first}-{part.last}/{part.total}",
        },
    )  # fmt: skip


def _whole_response(request: HttpRequest, call: CallLog) -> HttpResponseBase:
    opened = playback.open_recording(_require_recording(call))
    headers = {**_HEADERS, "ETag": opened.etag, "Content-Length": str(opened.total)}
    if request.method == "HEAD":
        opened.file.close()
        return HttpResponse(content_type=opened.content_type, headers=headers)
    return StreamingHttpResponse(
        FileWrapper(opened.file, _CHUNK_BYTES), content_type=opened.content_type, headers=headers
    )


def _read_range(call: CallLog, byte_range: ByteRange) -> playback.RecordingRange:
    return playback.read_range(_require_recording(call), byte_range)


def _require_recording(call: CallLog) -> CallLog:
    if not call.recording_url:
        raise NotAvailable(Cause.GONE)
    return call


def _json(data: dict[str, Any]) -> JsonResponse:
    return JsonResponse(data, headers={"Cache-Control": "no-store"})


def _require_listen_permission(request: HttpRequest) -> None:
    if not request.user.has_perm(LISTEN_PERMISSION):
        raise PermissionDenied


# --- list of listenings ------------------------------------------------------------------------------------


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
        """No detail page: the list shows everything, and the page title would contain the call's id."""
        raise Http404

    def get_queryset(self, request: HttpRequest) -> QuerySet[Listening]:
        return (
            super().get_queryset(request).filter(visibility_for(request.user).condition("call__department"))
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Listening], search_term: str
    ) -> tuple[QuerySet[Listening], bool]:
        """Matches a call id only if the user may see it unredacted: otherwise guesses would reveal the number in it."""
        found, has_duplicates = super().get_search_results(request, queryset, search_term)
        visibility = visibility_for(request.user)
        if search_term and not visibility.sees_numbers:
            match = Listening.objects.select_related("call").filter(call_uid=search_term.strip()).first()
            if match is not None and _visible_call_id(match, visibility) != match.call_uid:
                found = found.filter(user_name__iexact=search_term.strip())
        return found, has_duplicates

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Adds the column of the call, which depends on the user's visibility."""

        @admin_theme.display(description=gettext_lazy("Call"))
        def call_link(listening: Listening) -> str:
            text = Truncator(_visible_call_id(listening, visibility_for(request.user))).chars(40)
            if listening.call_id is None:
                return text
            address = reverse("admin:calllogs_calllog_change", args=[listening.call_id])
            return format_html('<a href="{}" class="in-link">{}</a>', address, text)

        return [*self.list_display, call_link]


def _visible_call_id(listening: Listening, visibility: CallVisibility) -> str:
    """The call's id, redacted for this user. The caller of a deleted call is unknown."""
    call = listening.call
    return (
        visibility.mask_text(visibility.mask_call_id(listening.call_uid, ""))
        if call is None
        else visibility.mask_call_id(listening.call_uid, call.caller)
    )
