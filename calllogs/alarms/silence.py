"""Detects that no calls have come for longer than is likely at this hour of this weekday.

The time without calls is compared with the same stretch of the same weekday in the last weeks. If the last call came at
10:42 and it is now 11:12, the calls between 10:42 and 11:12 of each earlier Monday are counted. This needs no model of
how calls are distributed over the day. For independent calls (Poisson), the probability of an empty stretch is
exp(-expected calls).

The thresholds avoid false alarms. The expected count is the lower quartile of the weeks. The probability must be below
1 in 10,000, because every call starts a new stretch: a hundred calls a day are a hundred chances of a false alarm. No
stretch shorter than `SILENCE_MINUTES` counts, and only office hours count.
"""

import datetime as dt
import math
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from calllogs.models import CallLog, Push
from settings_sync import schedule
from settings_sync.models import Holiday

WEEKS, MIN_WEEKS = 8, 4
MAX_PROBABILITY = 1e-4
MAX_STRETCH = dt.timedelta(hours=6)  # a longer stretch would not change the result
WEEK = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Silence:
    """`last_activity_at`: of the last push or call, None if there was none. `usual_per_hour`: calls at this time."""

    last_activity_at: dt.datetime | None
    usual_per_hour: float
    probability: float


def detect_silence(now: dt.datetime) -> Silence | None:
    """The current silence if it is improbable, else None."""
    opened_at = _office_open_since(now)
    if opened_at is None:
        return None
    last_activity_at = _last_activity_at(now)
    start = max(moment for moment in (last_activity_at, opened_at, now - MAX_STRETCH) if moment is not None)
    length = now - start
    if length < dt.timedelta(minutes=settings.SILENCE_MINUTES):
        return None
    counts = sorted(_count_usual_calls(start, now))
    if len(counts) < MIN_WEEKS:
        return None
    expected = counts[(len(counts) - 1) // 4]
    probability = math.exp(-expected)
    if probability >= MAX_PROBABILITY:
        return None
    usual_per_hour = counts[len(counts) // 2] / (length / dt.timedelta(hours=1))
    return Silence(last_activity_at, usual_per_hour, probability)


def describe_silence(silence: Silence, now: dt.datetime) -> str:
    local = timezone.localtime(now)
    names = {
        "since": _format_moment(silence.last_activity_at, now),
        "days": {
            0: _("Mondays"),
            1: _("Tuesdays"),
            2: _("Wednesdays"),
            3: _("Thursdays"),
            4: _("Fridays"),
            5: _("Saturdays"),
            6: _("Sundays"),
        }[local.weekday()],
        "n": f"{silence.usual_per_hour:.0f}",
    }
    return _("No call since %(since)s; at this hour on %(days)s about %(n)s an hour come.") % names


def _format_moment(moment: dt.datetime | None, now: dt.datetime) -> str:
    if moment is None:
        return _("ever")
    local = timezone.localtime(moment)
    if local.date() == timezone.localdate(now):
        return time_format(local, "H:i")
    return date_format(local, "j M, H:i")


def _office_open_since(now: dt.datetime) -> dt.datetime | None:
    """When the office opened today, None if it is closed. `MAX_STRETCH` ago if it has no hours or opens at midnight."""
    local = timezone.localtime(now)
    plan = schedule.plan_days(local.date(), 1)[0]
    if schedule.answer_for(plan, local.time()).caller_hears != schedule.CallerHears.OPEN:
        return None
    if plan.opens_at is None or plan.opens_at == dt.time.min:
        return now - MAX_STRETCH
    return dt.datetime.combine(local.date(), plan.opens_at, local.tzinfo)


def _last_activity_at(now: dt.datetime) -> dt.datetime | None:
    """The time of the latest push or call, None if there is neither.

    A push arrives when its call ends, so pushes are the main source. Calls are included because they can also be
    imported.
    """
    pushes = Push.objects.exclude(outcome=Push.Outcome.REFUSED).filter(received_at__lte=now)
    last_push_at = pushes.order_by("-received_at").values_list("received_at", flat=True).first()
    calls = CallLog.objects.filter(started_at__lte=now).order_by("-started_at", "-id")
    last_call_at = calls.values_list("started_at", flat=True).first()
    return max((moment for moment in (last_push_at, last_call_at) if moment is not None), default=None)


def _count_usual_calls(start: dt.datetime, end: dt.datetime) -> list[int]:
    """Calls in the same stretch of each of the last weeks, without holidays and weeks before the first stored call.

    Empty if fewer than `MIN_WEEKS` weeks remain.
    """
    zone = timezone.get_default_timezone()
    stretches = []
    for week in range(1, WEEKS + 1):
        # Same wall-clock time, also across a change of the zone's UTC offset.
        first, last = (
            (moment.astimezone(zone).replace(tzinfo=None) - week * WEEK).replace(tzinfo=zone)
            for moment in (start, end)
        )
        stretches.append((first, last))
    holidays = set(
        Holiday.objects.filter(date__in=[last.date() for _first, last in stretches]).values_list(
            "date", flat=True
        )
    )
    first_call_at = CallLog.objects.order_by("started_at", "id").values_list("started_at", flat=True).first()
    usable = [
        (first, last)
        for first, last in stretches
        if first_call_at and first_call_at <= first and last.date() not in holidays
    ]
    if len(usable) < MIN_WEEKS:
        return []
    conditions = [Q(started_at__gte=first, started_at__lt=last) for first, last in usable]
    any_stretch = Q()
    for condition in conditions:
        any_stretch |= condition
    counts = CallLog.objects.filter(any_stretch).aggregate(
        **{f"week{number}": Count("pk", filter=condition) for number, condition in enumerate(conditions)}
    )
    return list(counts.values())
