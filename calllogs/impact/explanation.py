"""Sentences about the basis of a comparison: compared days, limits and omissions, or why there is no comparison."""

import datetime as dt

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from calllogs.impact.change_marks import HOLIDAY
from calllogs.impact.compare import MAX_WEEKS
from calllogs.impact.comparison import Comparison, ComparisonProblem
from calllogs.impact.summary_text import WEEKDAY_NAMES
from settings_sync.history.change_log import format_moment


def describe_problem(comparison: Comparison) -> str:
    """Why there is nothing to compare; empty if there is a comparison."""
    names = {
        "since": _format_day(comparison.since) if comparison.since else "",
        "until": _format_day(comparison.until) if comparison.until else "",
        "again": format_moment(comparison.changed_again_at) if comparison.changed_again_at else "",
    }
    if comparison.problem == ComparisonProblem.NOT_THERE:
        return _("The provider never had this change, so callers did not notice it.")
    if comparison.problem == ComparisonProblem.TAKEN_OFF:
        return _("This holiday was deleted, and the provider took it back: there is nothing to compare.")
    if comparison.problem == ComparisonProblem.CHANGED_AGAIN:
        return (
            _("The same was changed again %(again)s, before a whole day had passed. Choose that change.")
            % names
        )
    if comparison.problem == ComparisonProblem.NOT_OVER:
        if comparison.mark.date:
            return _("Its day is not over yet: come back tomorrow.")
        return _("No whole day of its kind has passed since: come back later.")
    if comparison.problem == ComparisonProblem.NO_CALLS_BEFORE:
        if comparison.since:
            return _("The same had been changed on %(since)s, and there are no calls in between.") % names
        return _("There are no calls before it that could be compared.")
    if comparison.problem == ComparisonProblem.NO_CALLS_AFTER:
        return _("There are no calls after it that could be compared.")
    if comparison.problem == ComparisonProblem.NO_LIKE_DAYS:
        return _("Between the changes before and after it, there is no weekday on both sides.")
    return ""


def build_lines(comparison: Comparison) -> list[str]:
    """One sentence per line; empty if there is nothing to compare."""
    if comparison.problem:
        return []
    lines = [_describe_days(comparison), _describe_why_no_more(comparison)]
    if comparison.changes_that_day > 1:
        template = _("On that day the same was changed %(count)d times: this is what they did together.")
        lines.append(template % {"count": comparison.changes_that_day})
    if comparison.agent_department:
        template = _("Only calls of %(department)s count, the agent's department.")
        lines.append(template % {"department": comparison.agent_department})
    elif comparison.visible_departments is not None:
        names = ", ".join(sorted(comparison.visible_departments))
        lines.append(_("Only calls of the departments that you see count: %(names)s.") % {"names": names})
    if comparison.are_spans_widened:
        lines.append(_("The touched time is counted in whole hours, since so many days are compared."))
    if comparison.has_only_holidays:
        lines.append(_("All days of one side were holidays, so these were the usual thing and are compared."))
    elif comparison.left_out:
        days = ", ".join(
            f"{_format_day(day)} ({_describe_why_left_out(kind)})" for day, kind in comparison.left_out
        )
        lines.append(_("Left out: %(days)s.") % {"days": days})
    mark = comparison.mark
    if mark.date and mark.delivery.at and mark.at.date() == mark.delivery.at.date():
        template = _("On the day itself it came into force only at %(at)s.")
        lines.append(template % {"at": format_moment(mark.at)})
    return [line for line in lines if line]


def _describe_days(comparison: Comparison) -> str:
    count, day = len(comparison.before.days), _format_day(comparison.mark.day)
    if comparison.mark.date:
        return _("That day is set against the same weekday of the weeks before.")
    if len(comparison.weekdays) == 1:
        name = WEEKDAY_NAMES[comparison.weekdays[0]]
        template = ngettext(
            "%(days)s: one before it and one after it. %(day)s, the day of the change, counts on neither side.",
            "%(days)s: %(count)d before it and %(count)d after it. %(day)s, the day of the change, counts on neither "
            "side.",
            count,
        )
        return template % {"count": count, "days": name, "day": day}
    template = ngettext(
        "%(count)d day before and the same weekday after it. %(day)s, the day of the change, counts on neither side.",
        "%(count)d days before and the same weekdays after it. %(day)s, the day of the change, counts on neither side.",
        count,
    )
    return template % {"count": count, "day": day}


def _describe_why_no_more(comparison: Comparison) -> str:
    if comparison.weeks >= MAX_WEEKS:
        return ""
    days = {
        "since": _format_day(comparison.since) if comparison.since else "",
        "until": _format_day(comparison.until) if comparison.until else "",
    }
    if comparison.since:
        return _("No more, because the same had been changed on %(since)s.") % days
    if comparison.until:
        return _("No more, because the same was changed again on %(until)s.") % days
    if comparison.is_recent:
        return _("No more, because no more time has passed since.")
    return _("No more, because there are no calls from further back.")


def _describe_why_left_out(kind: str) -> str:
    return _("holiday") if kind == HOLIDAY else _("hours for that date only")


def _format_day(day: dt.date) -> str:
    return date_format(day, "D j M Y")
