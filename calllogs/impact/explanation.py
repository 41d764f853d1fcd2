"""What a comparison rests on, in words: which days, why no more, what was left out; or why there is none."""

import datetime as dt

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from calllogs.impact.change_marks import HOLIDAY
from calllogs.impact.compare import MOST_WEEKS, Comparison, Problem
from calllogs.impact.summary_text import DAYS
from settings_sync.history.change_log import moment_words


def problem(found: Comparison) -> str:
    """Why there is nothing to compare; empty if there is."""
    names = {
        "since": _day(found.since) if found.since else "",
        "until": _day(found.until) if found.until else "",
        "again": moment_words(found.again) if found.again else "",
    }
    if found.problem == Problem.NOT_THERE:
        return _("The provider never had this change, so callers did not notice it.")
    if found.problem == Problem.TAKEN_OFF:
        return _("This holiday was deleted, and the provider took it back: there is nothing to compare.")
    if found.problem == Problem.CHANGED_AGAIN:
        return (
            _("The same was changed again %(again)s, before a whole day had passed. Choose that change.")
            % names
        )
    if found.problem == Problem.NOT_OVER:
        if found.mark.date:
            return _("Its day is not over yet: come back tomorrow.")
        return _("No whole day of its kind has passed since: come back later.")
    if found.problem == Problem.NO_CALLS_BEFORE:
        if found.since:
            return _("The same had been changed on %(since)s, and there are no calls in between.") % names
        return _("There are no calls before it that could be compared.")
    if found.problem == Problem.NO_CALLS_AFTER:
        return _("There are no calls after it that could be compared.")
    if found.problem == Problem.NO_LIKE_DAYS:
        return _("Between the changes before and after it, there is no weekday on both sides.")
    return ""


def lines(found: Comparison) -> list[str]:
    """Each one a sentence."""
    if found.problem:
        return []
    told = [_days(found), _why_no_more(found)]
    if found.together > 1:
        words = _("On that day the same was changed %(count)d times: this is what they did together.")
        told.append(words % {"count": found.together})
    if found.department:
        words = _("Only calls of %(department)s count, the agent's department.")
        told.append(words % {"department": found.department})
    elif found.among is not None:
        names = ", ".join(sorted(found.among))
        told.append(_("Only calls of the departments that you see count: %(names)s.") % {"names": names})
    if found.is_widened:
        told.append(_("The touched time is counted in whole hours, since so many days are compared."))
    if found.are_holidays:
        told.append(_("All days of one side were holidays, so these were the usual thing and are compared."))
    elif found.left_out:
        days = ", ".join(f"{_day(day)} ({_why_left_out(kind)})" for day, kind in found.left_out)
        told.append(_("Left out: %(days)s.") % {"days": days})
    if found.mark.date and found.mark.fate.at and found.mark.at.date() == found.mark.fate.at.date():
        words = _("On the day itself it came into force only at %(at)s.")
        told.append(words % {"at": moment_words(found.mark.at)})
    return [line for line in told if line]


def _days(found: Comparison) -> str:
    count, day = len(found.before.days), _day(found.mark.day)
    if found.mark.date:
        return _("That day is set against the same weekday of the weeks before.")
    if len(found.weekdays) == 1:
        name = DAYS[found.weekdays[0]]
        words = ngettext(
            "%(days)s: one before it and one after it. %(day)s, the day of the change, counts on neither side.",
            "%(days)s: %(count)d before it and %(count)d after it. %(day)s, the day of the change, counts on neither "
            "side.",
            count,
        )
        return words % {"count": count, "days": name, "day": day}
    words = ngettext(
        "%(count)d day before and the same weekday after it. %(day)s, the day of the change, counts on neither side.",
        "%(count)d days before and the same weekdays after it. %(day)s, the day of the change, counts on neither side.",
        count,
    )
    return words % {"count": count, "day": day}


def _why_no_more(found: Comparison) -> str:
    if found.weeks >= MOST_WEEKS:
        return ""
    thing = {
        "since": _day(found.since) if found.since else "",
        "until": _day(found.until) if found.until else "",
    }
    if found.since:
        return _("No more, because the same had been changed on %(since)s.") % thing
    if found.until:
        return _("No more, because the same was changed again on %(until)s.") % thing
    if found.is_young:
        return _("No more, because no more time has passed since.")
    return _("No more, because there are no calls from further back.")


def _why_left_out(kind: str) -> str:
    return _("holiday") if kind == HOLIDAY else _("hours for that date only")


def _day(day: dt.date) -> str:
    return date_format(day, "D j M Y")
