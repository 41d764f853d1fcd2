"""Messages for import problems, rejected files and uncertain dates."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settings_sync.holidays.csv_files import MAX_BYTES, FileRejected, HolidayRow, ImportProblem, RowProblem
from settings_sync.holidays.ical_files import MAX_DAYS_AHEAD, MAX_EVENT_DAYS
from settings_sync.holidays.india import DateDoubt, HolidayKind

PROBLEM_TEXTS: dict[RowProblem, Any] = {
    RowProblem.NOT_A_DATE: gettext_lazy(
        "“%(about)s” is not a date that we can read. Write 2026-12-25 or 25-12-2026, the day before the month."
    ),
    RowProblem.NO_SUCH_DAY: gettext_lazy(
        "There is no day “%(about)s”. Write 2026-12-25 or 25-12-2026, the day before the month."
    ),
    RowProblem.NO_DATE: gettext_lazy("There is no date."),
    RowProblem.ENDS_BEFORE_IT_STARTS: gettext_lazy("It ends before it starts."),
    RowProblem.TOO_LONG: gettext_lazy("It has %(about)s days; at most %(longest)d are taken from one event."),
    RowProblem.NOT_ALL_DAY: gettext_lazy(
        "“%(about)s” is not an all-day event. A holiday is a whole day at the provider."
    ),
    RowProblem.REPEATS: gettext_lazy(
        "It repeats in a way that we do not follow (%(about)s). Only “every year on this date” is followed; add its "
        "dates one by one."
    ),
    RowProblem.NO_DAY_AHEAD: gettext_lazy(
        "The yearly event “%(about)s” has no day within the next %(ahead)d days."
    ),
    RowProblem.CANCELLED: gettext_lazy("“%(about)s” is cancelled in the calendar."),
    RowProblem.NOT_READABLE: gettext_lazy("This part of the file cannot be read. Is it complete?"),
    RowProblem.TOO_MANY_ROWS: gettext_lazy(
        "The file has more than %(about)s entries; from here on nothing was read."
    ),
}
REJECTION_TEXTS: dict[str, Any] = {
    FileRejected.EMPTY: gettext_lazy("The file is empty."),
    FileRejected.TOO_BIG: gettext_lazy(
        "The file is larger than %(kib)d KB. A list of holidays is small: is it the right file?"
    ),
    FileRejected.NO_TEXT: gettext_lazy(
        "This is not a CSV file. In Excel choose “Save as”, then “CSV UTF-8”, and upload what that makes."
    ),
    FileRejected.NO_ENCODING: gettext_lazy(
        "The letters of the file cannot be read. Save it as “CSV UTF-8” and try again."
    ),
    FileRejected.NO_CALENDAR: gettext_lazy(
        "This is not a calendar file: it does not begin with BEGIN:VCALENDAR."
    ),
}
KIND_LABELS: dict[HolidayKind, Any] = {
    HolidayKind.NATIONAL: gettext_lazy("All of India"),
    HolidayKind.STATE: gettext_lazy("State"),
    HolidayKind.OPTIONAL: gettext_lazy("Optional"),
}
# (mark beside a date, its explanation)
DOUBT_LABELS: dict[DateDoubt, tuple[Any, Any]] = {
    DateDoubt.ESTIMATED: (
        gettext_lazy("estimated: confirm"),
        gettext_lazy("Depends on the moon being seen: the day may still move by one or two."),
    ),
    DateDoubt.MOVES: (
        gettext_lazy("confirm"),
        gettext_lazy("Moves each year: your state may have set the day before or after."),
    ),
}


def format_problem(problem: ImportProblem) -> str:
    return str(PROBLEM_TEXTS[problem.reason]) % {
        "about": problem.about,
        "longest": MAX_EVENT_DAYS,
        "ahead": MAX_DAYS_AHEAD,
    }


def format_rejection(rejected: FileRejected) -> str:
    return str(REJECTION_TEXTS[rejected.reason]) % {"kib": MAX_BYTES // 1024}


def format_duplicate(row: HolidayRow, first: HolidayRow) -> str:
    if row.line and first.line and row.line != first.line:
        return _("The same date stands in line %(line)d.") % {"line": first.line}
    return _("The same date stands there twice.")
