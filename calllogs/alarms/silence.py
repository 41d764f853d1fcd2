"""No calls for longer than is likely at this hour of this weekday.

What is usual is read off the same stretch of the same weekday in the last weeks: if no call has come since 10:42 and it
is 11:12, then what counts is how many came between 10:42 and 11:12 on each of the Mondays before. So the rhythm of the
day needs no model, to the minute. Calls that come independently of each other (Poisson) leave such a stretch empty with
a probability of e to the minus of how many were to be expected.

Careful on purpose, since an alarm that cries wolf is not heard: the quieter of the weeks count (their lower quartile);
every call begins a new chance of an alarm, a hundred calls a day a hundred chances, so the probability must be below
1 in 10,000; never under a quarter of an hour; and only while the office is open by its own hours.
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

WEEKS, FEWEST_WEEKS = 8, 4
UNLIKELY = 1e-4
LONGEST = dt.timedelta(hours=6)  # no more of it is looked at; by then it is certain, or nothing is usual here
WEEK = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Silence:
    """`since`: the last sign of life. `an_hour`: how many usually come at this time of the week."""

    since: dt.datetime | None
    an_hour: float
    probability: float


def found(now: dt.datetime) -> Silence | None:
    """The silence at this moment, if there is one that is not likely; else None."""
    opened = _open_since(now)
    if opened is None:
        return None
    since = _last_call(now)
    start = max(moment for moment in (since, opened, now - LONGEST) if moment is not None)
    length = now - start
    if length < dt.timedelta(minutes=settings.SILENCE_MINUTES):
        return None
    counts = sorted(_usual(start, now))
    if len(counts) < FEWEST_WEEKS:
        return None
    expected = counts[(len(counts) - 1) // 4]
    probability = math.exp(-expected)
    if probability >= UNLIKELY:
        return None
    return Silence(since, counts[len(counts) // 2] / (length / dt.timedelta(hours=1)), probability)


def words(silence: Silence, now: dt.datetime) -> str:
    local = timezone.localtime(now)
    names = {
        "since": _moment(silence.since, now),
        "days": {
            0: _("Mondays"),
            1: _("Tuesdays"),
            2: _("Wednesdays"),
            3: _("Thursdays"),
            4: _("Fridays"),
            5: _("Saturdays"),
            6: _("Sundays"),
        }[local.weekday()],
        "n": f"{silence.an_hour:.0f}",
    }
    return _("No call since %(since)s; at this hour on %(days)s about %(n)s an hour come.") % names


def _moment(moment: dt.datetime | None, now: dt.datetime) -> str:
    if moment is None:
        return _("ever")
    local = timezone.localtime(moment)
    if local.date() == timezone.localdate(now):
        return time_format(local, "H:i")
    return date_format(local, "j M, H:i")


def _open_since(now: dt.datetime) -> dt.datetime | None:
    """Since when the office is open without a break; None if it is closed. Without hours of its own, it always is."""
    local = timezone.localtime(now)
    plan = schedule.days(local.date(), 1)[0]
    if schedule.answer_for(plan, local.time()).heard != schedule.CallerHears.OPEN:
        return None
    if plan.opens_at is None or plan.opens_at == dt.time.min:
        return now - LONGEST
    return dt.datetime.combine(local.date(), plan.opens_at, local.tzinfo)


def _last_call(now: dt.datetime) -> dt.datetime | None:
    """When the provider last told of anything. A push comes when its call ends, so the push is what counts; calls are
    asked as well, for those that came in another way."""
    pushes = Push.objects.exclude(outcome=Push.Outcome.REFUSED).filter(received_at__lte=now)
    told = pushes.order_by("-received_at").values_list("received_at", flat=True).first()
    calls = CallLog.objects.filter(started_at__lte=now).order_by("-started_at", "-id")
    began = calls.values_list("started_at", flat=True).first()
    return max((moment for moment in (told, began) if moment is not None), default=None)


def _usual(start: dt.datetime, end: dt.datetime) -> list[int]:
    """How many calls came in the same stretch of each of the last weeks, without holidays and the time before us."""
    zone = timezone.get_default_timezone()
    stretches = []
    for week in range(1, WEEKS + 1):
        # By the clock on the wall, whatever was done to it meanwhile.
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
    first_ever = CallLog.objects.order_by("started_at", "id").values_list("started_at", flat=True).first()
    wanted = [
        (first, last)
        for first, last in stretches
        if first_ever and first_ever <= first and last.date() not in holidays
    ]
    if len(wanted) < FEWEST_WEEKS:
        return []
    within = [Q(started_at__gte=first, started_at__lt=last) for first, last in wanted]
    anywhere = Q()
    for one in within:
        anywhere |= one
    counts = CallLog.objects.filter(anywhere).aggregate(
        **{f"week{number}": Count("pk", filter=one) for number, one in enumerate(within)}
    )
    return list(counts.values())
