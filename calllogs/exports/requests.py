"""Requests of users: start, join, cancel or retry an export. Each is recorded first, then enqueued."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from calllogs.access.visibility import EVERYTHING, CallVisibility, visibility_for
from calllogs.calls import visible_filter
from calllogs.calls.filters import CallFilter
from calllogs.exports import tasks
from calllogs.models import Export
from calllogs.models.export import scope_digest
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import COMMAND_LINE, Action

DOWNLOAD_RECORDING_PERMISSION = "calllogs.download_recording"
# Each value also hides what the previous ones hide.
_HIDES_BY_STRICTNESS = ["", Export.Hides.RECORDINGS, Export.Hides.NUMBERS]


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Who requests which calls in which format. Without a user it is the command line, which sees everything.

    `request` is for the audit log.
    """

    user: Any
    call_filter: CallFilter
    file_format: str
    request: HttpRequest | None = None

    @property
    def visibility(self) -> CallVisibility:
        return visibility_for(self.user) if self.user else EVERYTHING

    @property
    def effective_filter(self) -> CallFilter:
        """The filter for queries, limited to what the user may see."""
        return visible_filter.visible_filter_for(self.call_filter, self.visibility)

    def record(self, way: str, state: str, **fields: Any) -> Export:
        """Creates the Export and its audit entry. Must be committed before the first byte is sent."""
        now = timezone.now()
        query, visibility = self.call_filter.query(), self.visibility
        with transaction.atomic():
            export = Export.objects.create(
                person=self.user,
                who=self.user.get_username() if self.user else COMMAND_LINE,
                asked_at=now,
                file_format=self.file_format,
                way=way,
                zone=settings.PORTAL_TIME_ZONE,
                query=query,
                words=visible_filter.describe_scope(self.call_filter.describe(now=now), visibility),
                **_current_limits(self),
                scope=scope_digest(self.file_format, query, **_current_limits(self)),
                state=state,
                **fields,
            )
            audit_log.record(
                Action.EXPORTED,
                request=self.request,
                person=self.user or COMMAND_LINE,
                what=f"{export.words}, {export.get_file_format_display()}, {export.get_way_display()}",
                subject=audit_log.subject_of(export),
                count=export.rows_expected,
            )
        return export


def _current_limits(export_request: ExportRequest) -> dict[str, Any]:
    """The limits of the user at this moment, as fields of Export; the file keeps them permanently."""
    visibility = export_request.visibility
    return {
        "hides": hides_for(export_request.user) if export_request.user else "",
        "departments": None if visibility.departments is None else sorted(visibility.departments),
    }


def hides_for(user: Any) -> str:
    """What this user's exports leave out, as a value of Export.Hides."""
    if not visibility_for(user).sees_numbers:
        return Export.Hides.NUMBERS.value
    return "" if user.has_perm(DOWNLOAD_RECORDING_PERMISSION) else Export.Hides.RECORDINGS.value


def can_still_see(user: Any, export: Export) -> bool:
    """Whether the user may still see everything in the file: rights can be withdrawn after it was written."""
    visibility = visibility_for(user)
    if _HIDES_BY_STRICTNESS.index(export.hides) < _HIDES_BY_STRICTNESS.index(hides_for(user)):
        return False
    if visibility.departments is None:
        return True
    return export.departments is not None and visibility.departments.issuperset(export.departments)


def start_job(export_request: ExportRequest) -> tuple[Export, bool]:
    """Returns (job, is_new). A repeated request returns the job that is still under way."""
    try:
        with transaction.atomic():
            export = export_request.record(Export.Way.JOB, Export.State.WAITING)
            transaction.on_commit(lambda: tasks.enqueue_export(export.pk), robust=True)
            return export, True
    except IntegrityError:
        scope = scope_digest(
            export_request.file_format, export_request.call_filter.query(), **_current_limits(export_request)
        )
        first = Export.objects.jobs().under_way().filter(person=export_request.user, scope=scope).first()
        # The first one may have ended just now; then a new one can start.
        return (first, False) if first else start_job(export_request)


def cancel(export: Export) -> bool:
    """Returns False if it had ended. The worker notices within a second and deletes its partial file."""
    ended = Export.objects.jobs().under_way().filter(pk=export.pk)
    return ended.update(state=Export.State.CANCELLED, ended_at=timezone.now()) == 1


def retry(export: Export) -> Export:
    """Runs a failed or cancelled export again. Returns the one under way if the same scope was requested since."""
    retryable = Export.objects.jobs().filter(
        pk=export.pk, state__in=[Export.State.FAILED, Export.State.CANCELLED]
    )
    try:
        with transaction.atomic():
            retryable.update(
                state=Export.State.WAITING,
                tries=0,
                rows=0,
                error="",
                ended_at=None,
                seen_at=None,
                lease_token="",
            )
            transaction.on_commit(lambda: tasks.enqueue_export(export.pk), robust=True)
    except IntegrityError:
        return Export.objects.jobs().under_way().get(person=export.person, scope=export.scope)
    return export
