"""Deletes old rows in small batches, so that no lock is held for long."""

import datetime as dt
import time

from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from calllogs.models import (
    Alarm,
    CallbackEntry,
    CallLog,
    Erasure,
    Export,
    Listening,
    MissedCaller,
    MissedHistory,
    OutgoingMail,
    Push,
    RefusedPushCount,
    ReportRun,
    Rollup,
    SavedView,
    invalidation,
)
from settings_sync.models import Agent, Attempt, Holiday, OfficeHours, OtherHours, Shift

BATCH_SIZE = 1000
FAILED_LOGINS_KEPT = dt.timedelta(days=1)  # much longer than any lockout after failed logins
LOGINS_KEPT = dt.timedelta(days=31)  # known addresses of users: looked up thirty days back


def delete_old(*, budget_s: float) -> int:
    """Deletes rows older than their retention, oldest first, until done or out of time. Returns the number of rows."""
    until = time.monotonic() + budget_s
    now = timezone.now()
    pushes = now - dt.timedelta(days=settings.PUSH_RETENTION_DAYS)
    calls = now - dt.timedelta(days=settings.CALL_RETENTION_DAYS)
    old: list[tuple[QuerySet, str]] = [
        (Push.objects.filter(received_at__lt=pushes), "received_at"),
        (CallLog.objects.filter(started_at__lt=calls), "started_at"),
        (CallbackEntry.objects.filter(at__lt=calls), "at"),
        (MissedHistory.objects.filter(hour__lt=calls), "hour"),
        (
            OutgoingMail.objects.filter(made_at__lt=pushes).exclude(state=OutgoingMail.State.WAITING),
            "made_at",
        ),
        (Alarm.objects.filter(opened_at__lt=calls, closed_at__isnull=False), "opened_at"),
        (ReportRun.objects.filter(made_at__lt=calls), "made_at"),
        (RefusedPushCount.objects.filter(date__lt=timezone.localdate(pushes)), "date"),
        (Session.objects.filter(expire_date__lt=now), "expire_date"),
        (AccessAttempt.objects.filter(attempt_time__lt=now - FAILED_LOGINS_KEPT), "attempt_time"),
        (AccessLog.objects.filter(attempt_time__lt=now - LOGINS_KEPT), "attempt_time"),
        # Views that nobody can open: the owner was deleted and the view was never shared.
        (SavedView.objects.filter(owner__isnull=True, shared=False), "pk"),
        (Erasure.objects.filter(ended_at__lt=calls), "ended_at"),
        *_old_activity(now - dt.timedelta(days=settings.ACTIVITY_RETENTION_DAYS)),
    ]
    count = sum(_delete(rows, order, until) for rows, order in old)
    # Missed callers and hourly counts that include deleted calls are recomputed.
    affected_callers = MissedCaller.objects.filter(first_at__lt=calls).values_list("caller", flat=True)[
        :BATCH_SIZE
    ]
    hours = Rollup.objects.filter(
        unit=Rollup.Unit.HOUR, dimension=Rollup.Dimension.TOTAL, starts_at__lt=calls
    )
    invalidation.mark_stale(
        callers=affected_callers, moments=hours.values_list("starts_at", flat=True)[:BATCH_SIZE]
    )
    return count


def _old_activity(before: dt.datetime) -> list[tuple[QuerySet, str]]:
    """Records of activity: listenings, exports, history and attempts. The audit log is never deleted.

    For each setting the last history row and the last attempt of each outcome before the limit stay, because they
    show what was in force at that time.
    """
    old: list[tuple[QuerySet, str]] = [
        (Listening.objects.filter(last_at__lt=before), "last_at"),
        (Export.objects.filter(asked_at__lt=before, file="").exclude(state__in=Export.UNDER_WAY), "asked_at"),
        (LogEntry.objects.filter(action_time__lt=before), "action_time"),
    ]
    for model in (Agent, Shift, Holiday, OfficeHours, OtherHours):
        rows = model.history.filter(history_date__lt=before)
        later = rows.filter(id=OuterRef("id"), history_date__gt=OuterRef("history_date"))
        old.append((rows.filter(Exists(later)), "history_date"))
    attempts = Attempt.objects.filter(started_at__lt=before)
    later = attempts.filter(
        address=OuterRef("address"), outcome=OuterRef("outcome"), started_at__gt=OuterRef("started_at")
    )
    old.append((attempts.filter(Exists(later)), "started_at"))
    return old


def _delete(rows: QuerySet, order: str, until: float) -> int:
    count = 0
    while time.monotonic() < until:
        ids = list(rows.order_by(order).values_list("pk", flat=True)[:BATCH_SIZE])
        if not ids:
            break
        with transaction.atomic():
            rows.model._default_manager.filter(pk__in=ids).delete()
            if rows.model is CallLog:  # a push stored meanwhile may refer to one of these calls
                Push.objects.filter(call__in=ids).update(call=None)
        count += len(ids)
    return count
