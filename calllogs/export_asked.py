"""What a person asks for: an export begun, joined, cancelled or tried again. Recorded first, then nudged."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from calllogs import tasks
from calllogs.filters import CallFilter
from calllogs.models import Export
from calllogs.models.export import scope_of
from settings_sync import audit
from settings_sync.audit import COMMAND_LINE, Action


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants which calls, and how. Without a user it is the command line. `request`: where from, for the trail."""

    user: Any
    wanted: CallFilter
    file_format: str
    request: HttpRequest | None = None

    def record(self, way: str, state: str, **more: Any) -> Export:
        """Committed before the first byte: who exported what is known, whatever happens then."""
        now = timezone.now()
        query = self.wanted.query()
        with transaction.atomic():
            export = Export.objects.create(
                person=self.user,
                who=self.user.get_username() if self.user else COMMAND_LINE,
                asked_at=now,
                file_format=self.file_format,
                way=way,
                zone=settings.PORTAL_TIME_ZONE,
                query=query,
                words=self.wanted.words(now=now),
                scope=scope_of(self.file_format, query),
                state=state,
                **more,
            )
            audit.record(
                Action.EXPORTED,
                request=self.request,
                person=self.user or COMMAND_LINE,
                what=f"{export.words}, {export.get_file_format_display()}, {export.get_way_display()}",
                subject=audit.subject_of(export),
                count=export.rows_expected,
            )
        return export


def begin_job(asked: Asked) -> tuple[Export, bool]:
    """The job that writes this export, and whether it is new: who asks twice joins the first."""
    try:
        with transaction.atomic():
            export = asked.record(Export.Way.JOB, Export.State.WAITING)
            transaction.on_commit(lambda: tasks.nudge_export(export.pk), robust=True)
            return export, True
    except IntegrityError:
        scope = scope_of(asked.file_format, asked.wanted.query())
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
            transaction.on_commit(lambda: tasks.nudge_export(export.pk), robust=True)
    except IntegrityError:
        return Export.objects.jobs().under_way().get(person=export.person, scope=export.scope)
    return export
