"""How many callers waited at an hour of the past, for a figure that is compared with the period before.

Counted when the hour begins and kept: to work it out later would take all calls of MISSED_DAYS days with the closings
of that time, which is too much for a page.
"""

import datetime as dt
from collections.abc import Collection

from django.db.models import Case, Count, F, Sum, When
from django.utils import timezone

from calllogs.models import MissedCaller, MissedHistory, MissedProgress

YOUNG = dt.timedelta(minutes=5)  # later, who waits is no longer who waited when the hour began


def keep(now: dt.datetime | None = None) -> bool:
    """Count who waits, once an hour, if the hour has just begun; the open rows must be level. False if it is done."""
    now = now or timezone.now()
    hour = hour_of(now)
    if now - hour > YOUNG or MissedHistory.objects.filter(hour=hour).exists():
        return False
    if not MissedProgress.objects.filter(pk=MissedProgress.ONLY, built_at__isnull=False).exists():
        return False
    by_department = MissedCaller.objects.filter(is_old=False).order_by().values_list("department")
    waiting = {"": 0} | dict(by_department.annotate(n=Count("*")))
    rows = [MissedHistory(hour=hour, department=name, waiting=count) for name, count in waiting.items()]
    MissedHistory.objects.bulk_create(rows, ignore_conflicts=True)
    return True


def at(moment: dt.datetime, departments: Collection[str] | None = None) -> int | None:
    """How many of these departments waited when the hour of that moment began; None if nobody counted then."""
    rows = MissedHistory.objects.filter(hour=hour_of(moment))
    return rows.aggregate(n=those_of(departments))["n"]


def those_of(departments: Collection[str] | None) -> Sum:
    """The sum to be asked of the rows of an hour; None of no rows."""
    if departments is None:
        return Sum("waiting")
    return Sum(Case(When(department__in=departments, then=F("waiting")), default=0))


def hour_of(moment: dt.datetime) -> dt.datetime:
    """When the clock of the portal's zone last struck."""
    local = timezone.localtime(moment, timezone.get_default_timezone())
    return local.replace(minute=0, second=0, microsecond=0).astimezone(dt.UTC)
