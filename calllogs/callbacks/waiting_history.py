"""How many callers waited at the start of a past hour, for comparison with the previous period.

The count is stored when the hour begins. Computing it later would need all calls of MISSED_DAYS days and the closings
of that time, which is too slow for a page.
"""

import datetime as dt
from collections.abc import Collection

from django.db.models import Case, Count, F, Sum, When
from django.utils import timezone

from calllogs.models import MissedCaller, MissedHistory, MissedProgress

MAX_DELAY = dt.timedelta(minutes=5)  # a later count no longer describes the start of the hour


def record_hour(now: dt.datetime | None = None) -> bool:
    """Store the number of waiting callers per department, once an hour.

    The open rows must be up to date. Returns False if the hour is already stored, began more than MAX_DELAY ago, or
    the open rows were never built.
    """
    now = now or timezone.now()
    hour = start_of_hour(now)
    if now - hour > MAX_DELAY or MissedHistory.objects.filter(hour=hour).exists():
        return False
    if not MissedProgress.objects.filter(pk=MissedProgress.ONLY, built_at__isnull=False).exists():
        return False
    by_department = MissedCaller.objects.filter(is_old=False).order_by().values_list("department")
    waiting = {"": 0} | dict(by_department.annotate(n=Count("*")))
    rows = [MissedHistory(hour=hour, department=name, waiting=count) for name, count in waiting.items()]
    MissedHistory.objects.bulk_create(rows, ignore_conflicts=True)
    return True


def count_waiting_at(moment: dt.datetime, departments: Collection[str] | None = None) -> int | None:
    """Callers of these departments (None: all) who waited when that hour began; None if no count was stored."""
    rows = MissedHistory.objects.filter(hour=start_of_hour(moment))
    return rows.aggregate(n=sum_waiting(departments))["n"]


def sum_waiting(departments: Collection[str] | None) -> Sum:
    """Aggregate over the rows of an hour, limited to these departments; None if there are no rows."""
    if departments is None:
        return Sum("waiting")
    return Sum(Case(When(department__in=departments, then=F("waiting")), default=0))


def start_of_hour(moment: dt.datetime) -> dt.datetime:
    """The start of the hour in the portal's time zone, in UTC."""
    local = timezone.localtime(moment, timezone.get_default_timezone())
    return local.replace(minute=0, second=0, microsecond=0).astimezone(dt.UTC)
