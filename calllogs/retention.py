"""What is too old is deleted, a little at a time, so that nobody waits behind it."""

import datetime as dt
import time

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from calllogs import recheck
from calllogs.models import (
    Alarm,
    CallLog,
    DeskEntry,
    Letter,
    MissedCaller,
    MissedHistory,
    Push,
    Refusals,
    ReportRun,
    Rollup,
)

AT_ONCE = 1000


def delete_old(*, budget_s: float) -> int:
    """Delete pushes and calls beyond their days, oldest first, until done or out of time; how many rows."""
    until = time.monotonic() + budget_s
    now = timezone.now()
    pushes = now - dt.timedelta(days=settings.PUSH_RETENTION_DAYS)
    calls = now - dt.timedelta(days=settings.CALL_RETENTION_DAYS)
    old: list[tuple[QuerySet, str]] = [
        (Push.objects.filter(received_at__lt=pushes), "received_at"),
        (CallLog.objects.filter(started_at__lt=calls), "started_at"),
        (DeskEntry.objects.filter(at__lt=calls), "at"),
        (MissedHistory.objects.filter(hour__lt=calls), "hour"),
        (Letter.objects.filter(made_at__lt=pushes).exclude(state=Letter.State.WAITING), "made_at"),
        (Alarm.objects.filter(opened_at__lt=calls, closed_at__isnull=False), "opened_at"),
        (ReportRun.objects.filter(made_at__lt=calls), "made_at"),
        (Refusals.objects.filter(date__lt=timezone.localdate(pushes)), "date"),
    ]
    count = sum(_delete(rows, order, until) for rows, order in old)
    # Who still waits for calls that are gone, and what is counted of them, is worked out anew.
    shorter = MissedCaller.objects.filter(first_at__lt=calls).values_list("caller", flat=True)[:AT_ONCE]
    hours = Rollup.objects.filter(
        unit=Rollup.Unit.HOUR, dimension=Rollup.Dimension.TOTAL, starts_at__lt=calls
    )
    recheck.note(callers=shorter, moments=hours.values_list("starts_at", flat=True)[:AT_ONCE])
    return count


def _delete(rows: QuerySet, order: str, until: float) -> int:
    count = 0
    while time.monotonic() < until:
        ids = list(rows.order_by(order).values_list("pk", flat=True)[:AT_ONCE])
        if not ids:
            break
        with transaction.atomic():
            rows.model._default_manager.filter(pk__in=ids).delete()
            if rows.model is CallLog:  # a push that came in between has waited for us, or we for it
                Push.objects.filter(call__in=ids).update(call=None)
        count += len(ids)
    return count
