"""What a person asks for: an export begun, joined, cancelled or tried again. Recorded first, then nudged."""

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
from calllogs.models.export import scope_of
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import COMMAND_LINE, Action

DOWNLOAD = "calllogs.download_recording"
_HIDES = ["", Export.Hides.RECORDINGS, Export.Hides.NUMBERS]  # each hides what those before it hide, and more


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Who wants which calls, and how. Without a user it is the command line, which sees everything.

    `request`: where from, for the audit trail.
    """

    user: Any
    wanted: CallFilter
    file_format: str
    request: HttpRequest | None = None

    @property
    def sight(self) -> CallVisibility:
        return visibility_for(self.user) if self.user else EVERYTHING

    @property
    def meant(self) -> CallFilter:
        """For queries: as far as this person may see."""
        return visible_filter.visible_filter_for(self.wanted, self.sight)

    def record(self, way: str, state: str, **more: Any) -> Export:
        """Committed before the first byte: who exported what is known, whatever happens then."""
        now = timezone.now()
        query, sight = self.wanted.query(), self.sight
        with transaction.atomic():
            export = Export.objects.create(
                person=self.user,
                who=self.user.get_username() if self.user else COMMAND_LINE,
                asked_at=now,
                file_format=self.file_format,
                way=way,
                zone=settings.PORTAL_TIME_ZONE,
                query=query,
                words=visible_filter.scope_words(self.wanted.words(now=now), sight),
                **_limits(self),
                scope=scope_of(self.file_format, query, **_limits(self)),
                state=state,
                **more,
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


def _limits(asked: ExportRequest) -> dict[str, Any]:
    """What the file will hold for ever of what the person may see at this moment."""
    sight = asked.sight
    return {
        "hides": hidden_from(asked.user) if asked.user else "",
        "departments": None if sight.departments is None else sorted(sight.departments),
    }


def hidden_from(user: Any) -> str:
    """What the cells of this person's exports do not tell (Export.Hides)."""
    if not visibility_for(user).sees_numbers:
        return Export.Hides.NUMBERS.value
    return "" if user.has_perm(DOWNLOAD) else Export.Hides.RECORDINGS.value


def still_may(user: Any, export: Export) -> bool:
    """Whether the person may see today what is in the file: rights can be taken away after it was written."""
    sight = visibility_for(user)
    if _HIDES.index(export.hides) < _HIDES.index(hidden_from(user)):
        return False
    if sight.departments is None:
        return True
    return export.departments is not None and sight.departments.issuperset(export.departments)


def begin_job(asked: ExportRequest) -> tuple[Export, bool]:
    """The job that writes this export, and whether it is new: who asks twice joins the first."""
    try:
        with transaction.atomic():
            export = asked.record(Export.Way.JOB, Export.State.WAITING)
            transaction.on_commit(lambda: tasks.enqueue_export(export.pk), robust=True)
            return export, True
    except IntegrityError:
        scope = scope_of(asked.file_format, asked.wanted.query(), **_limits(asked))
        first = Export.objects.jobs().under_way().filter(person=asked.user, scope=scope).first()
        # It may have ended in this very moment: then there is room for a new one.
        return (first, False) if first else begin_job(asked)


def cancel(export: Export) -> bool:
    """Whoever writes it notices within a second, and deletes what it has."""
    ended = Export.objects.jobs().under_way().filter(pk=export.pk)
    return ended.update(state=Export.State.CANCELLED, ended_at=timezone.now()) == 1


def try_again(export: Export) -> Export:
    """The same calls once more, as the words of the record name them; the one under way, if there is one."""
    again = Export.objects.jobs().filter(
        pk=export.pk, state__in=[Export.State.FAILED, Export.State.CANCELLED]
    )
    try:
        with transaction.atomic():
            again.update(
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
