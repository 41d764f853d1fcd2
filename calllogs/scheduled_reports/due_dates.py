"""Which days a report is about, and when it is due: plain arithmetic on the clocks of the portal's zone."""

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from calllogs.models import Report

DAY, WEEK = dt.timedelta(days=1), dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Due:
    """At that moment about those days, the first and the last of them."""

    at: dt.datetime
    first: dt.date
    last: dt.date


def latest(report: Report, now: dt.datetime) -> Due:
    """The newest that is due by now."""
    local = timezone.localtime(now, timezone.get_default_timezone())
    day = local.date() if report.at <= local.time() else local.date() - DAY
    return _due(report, _sending_day(report, day))


def following(report: Report, now: dt.datetime) -> Due:
    """The next that will be due."""
    day = latest(report, now).last + DAY
    if report.rhythm == Report.Rhythm.DAILY:
        return _due(report, day + DAY)
    if report.rhythm == Report.Rhythm.WEEKLY:
        return _due(report, day + WEEK)
    return _due(report, (day + 31 * DAY).replace(day=1))


def around(report: Report, day: dt.date) -> tuple[dt.date, dt.date]:
    """The days that such a report is about, of which this is one."""
    if report.rhythm == Report.Rhythm.DAILY:
        return day, day
    if report.rhythm == Report.Rhythm.WEEKLY:
        first = day - (day.weekday() - report.weekday) % 7 * DAY
        return first, first + 6 * DAY
    first = day.replace(day=1)
    return first, (first + 31 * DAY).replace(day=1) - DAY


def _sending_day(report: Report, day: dt.date) -> dt.date:
    """That day, or the last one before it, on which such a report is sent."""
    if report.rhythm == Report.Rhythm.WEEKLY:
        return day - (day.weekday() - report.weekday) % 7 * DAY
    return day.replace(day=1) if report.rhythm == Report.Rhythm.MONTHLY else day


def _due(report: Report, day: dt.date) -> Due:
    first, last = around(report, day - DAY)
    return Due(dt.datetime.combine(day, report.at, timezone.get_default_timezone()), first, last)
