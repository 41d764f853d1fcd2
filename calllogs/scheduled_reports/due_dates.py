"""Which days a report is about, and when it is due, in the portal's time zone."""

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from calllogs.models import Report

DAY, WEEK = dt.timedelta(days=1), dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DueDate:
    """A report is due at `at`, about the days from `first` to `last`, inclusive."""

    at: dt.datetime
    first: dt.date
    last: dt.date


def latest_due(report: Report, now: dt.datetime) -> DueDate:
    """The latest due date that is not in the future."""
    local = timezone.localtime(now, timezone.get_default_timezone())
    day = local.date() if report.at <= local.time() else local.date() - DAY
    return _build_due_date(report, _last_sending_day(report, day))


def next_due(report: Report, now: dt.datetime) -> DueDate:
    """The first due date after the latest one."""
    day = latest_due(report, now).last + DAY
    if report.rhythm == Report.Rhythm.DAILY:
        return _build_due_date(report, day + DAY)
    if report.rhythm == Report.Rhythm.WEEKLY:
        return _build_due_date(report, day + WEEK)
    return _build_due_date(report, (day + 31 * DAY).replace(day=1))


def period_containing(report: Report, day: dt.date) -> tuple[dt.date, dt.date]:
    """The first and last day of the report's period that contains `day`."""
    if report.rhythm == Report.Rhythm.DAILY:
        return day, day
    if report.rhythm == Report.Rhythm.WEEKLY:
        first = day - (day.weekday() - report.weekday) % 7 * DAY
        return first, first + 6 * DAY
    first = day.replace(day=1)
    return first, (first + 31 * DAY).replace(day=1) - DAY


def _last_sending_day(report: Report, day: dt.date) -> dt.date:
    """The last day up to and including `day` on which the report is sent."""
    if report.rhythm == Report.Rhythm.WEEKLY:
        return day - (day.weekday() - report.weekday) % 7 * DAY
    return day.replace(day=1) if report.rhythm == Report.Rhythm.MONTHLY else day


def _build_due_date(report: Report, day: dt.date) -> DueDate:
    first, last = period_containing(report, day - DAY)
    return DueDate(dt.datetime.combine(day, report.at, timezone.get_default_timezone()), first, last)
