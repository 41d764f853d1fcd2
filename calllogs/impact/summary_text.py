"""Sentences that summarise a comparison: what changed, by how much, and whether that is significant."""

from collections.abc import Sequence

from django.utils.formats import date_format, number_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from calllogs.impact import significance
from calllogs.impact.change_marks import AGENT, HOLIDAY, ChangeMark, MarkStatus
from calllogs.impact.comparison import Comparison
from calllogs.impact.minute_spans import MINUTES_PER_DAY, MinuteSpan
from calllogs.impact.significance import ComparedCount, Significance, Verdict
from settings_sync.history.change_log import ADDED, DELETED, format_moment
from settings_sync.models import Agent

# Whole phrases, because some languages inflect the weekday's name.
MISSED_ON = (
    gettext_lazy("missed calls on Mondays"),
    gettext_lazy("missed calls on Tuesdays"),
    gettext_lazy("missed calls on Wednesdays"),
    gettext_lazy("missed calls on Thursdays"),
    gettext_lazy("missed calls on Fridays"),
    gettext_lazy("missed calls on Saturdays"),
    gettext_lazy("missed calls on Sundays"),
)
WEEKDAY_NAMES = (
    gettext_lazy("Mondays"), gettext_lazy("Tuesdays"), gettext_lazy("Wednesdays"), gettext_lazy("Thursdays"),
    gettext_lazy("Fridays"), gettext_lazy("Saturdays"), gettext_lazy("Sundays"),
)  # fmt: skip
NEGLIGIBLE_DIFFERENCE = 0.005  # below half a percentage point, the sentence says “about the same”
RULE = gettext_lazy(
    "With fewer than 30 calls on a side, nothing is said. Otherwise a difference counts as more than chance only if "
    "it is greater than what chance makes in 19 of 20 cases, both by how single calls fall and by how much like days "
    "differ from each other. It is no proof that this change was the cause: other things may have happened in the "
    "same weeks."
)


# --- the mark --------------------------------------------------------------------------------------------


def describe_mark(mark: ChangeMark) -> str:
    """`Saturday: 09:30–18:30 → 10:00–16:00`, `Asha Nair: switched off`, `Holiday: Founder's day`."""
    if mark.kind == AGENT:
        return _("%(title)s: %(now)s") % {"title": mark.title, "now": _describe_switch(mark)}
    if mark.date:
        date = date_format(mark.date, "D j M Y")
        if mark.kind == HOLIDAY:
            return _("Holiday: %(title)s") % {"title": mark.title if mark.changes[0].row.name else date}
        return _("Open %(now)s on %(date)s only") % {"now": mark.new_value, "date": date}
    names = {"title": mark.title, "was": mark.old_value, "now": mark.new_value}
    return _("%(title)s: %(was)s → %(now)s") % names if mark.old_value else _("%(title)s: %(now)s") % names


def _describe_switch(mark: ChangeMark) -> str:
    row = mark.changes[0].row
    if row.history_type == DELETED:
        return _("deleted")
    is_on = row.availability == Agent.Availability.AVAIL
    if row.history_type == ADDED:
        return _("added, available") if is_on else _("added, off")
    return _("switched on") if is_on else _("switched off")


def describe_status(mark: ChangeMark) -> str:
    """What happened at the mark's moment: saved, or in force."""
    times = {"saved": format_moment(mark.saved_at), "at": format_moment(mark.at)}
    if mark.status == MarkStatus.NOT_THERE:
        if mark.delivery.at:
            return _("Taken back before its date")
        return _("Saved %(saved)s; never in force at the provider") % times
    is_later = mark.date is not None and mark.delivery.at is not None and mark.delivery.at < mark.at
    if mark.status == MarkStatus.SAVED:
        return _("Saved %(saved)s; the provider's answer is not known") % times
    if is_later and mark.delivery.at is not None:
        return _("The provider had it since %(at)s") % {"at": format_moment(mark.delivery.at)}
    return _("In force at the provider since %(at)s") % times


# --- the sentence ----------------------------------------------------------------------------------------


def build_sentence(comparison: Comparison) -> str:
    """The whole result with its counts; empty if there is nothing to compare."""
    if comparison.problem:
        return ""
    before, after = comparison.before.total, comparison.after.total
    if comparison.mark.date:
        return _build_date_sentence(comparison, before, after)
    names = {
        "change": _build_clause(comparison),
        "what": _name_calls(comparison),
        **_format_sides(before, after),
    }
    return _sentence_template(before, after) % names


def build_touched_sentence(comparison: Comparison) -> str:
    """The result for the touched hours; empty if there are none."""
    if comparison.problem or not comparison.spans:
        return ""
    before, after = comparison.before.touched_total, comparison.after.touched_total
    if not (before.calls and after.calls):
        return _("In the hours that it touched, %(spans)s, there were no calls on one of the sides.") % {
            "spans": format_spans(comparison.spans)
        }
    names = {"spans": format_spans(comparison.spans), **_format_sides(before, after)}
    if comparison.mark.date:
        return (
            _("In the hours that it touched, %(spans)s: %(after)s missed, before it %(before)s missed.")
            % names
        )
    return _("In the hours that it touched, %(spans)s: from %(before)s missed to %(after)s missed.") % names


def _sentence_template(before: ComparedCount, after: ComparedCount) -> str:
    if abs(after.rate - before.rate) < NEGLIGIBLE_DIFFERENCE:
        return _("%(change)s, %(what)s stayed about the same: %(before)s before it, %(after)s after it.")
    if after.rate < before.rate:
        return _("%(change)s, %(what)s fell from %(before)s to %(after)s.")
    return _("%(change)s, %(what)s rose from %(before)s to %(after)s.")


def _build_clause(comparison: Comparison) -> str:
    mark = comparison.mark
    names = {"title": mark.title, "was": mark.old_value, "now": mark.new_value}
    if mark.kind == AGENT:
        return _agents_clause_template(mark) % names
    if comparison.changes_that_day > 1:
        return _("After the hours of %(title)s became %(now)s") % names
    if not mark.old_value:
        return _("After we opened %(days)s %(now)s") % {
            **names,
            "days": _format_weekdays(comparison.weekdays),
        }
    return _("After the hours of %(title)s went from %(was)s to %(now)s") % names


def _agents_clause_template(mark: ChangeMark) -> str:
    row, count = mark.changes[0].row, len(mark.changes)
    if row.history_type == DELETED:
        return _("After %(title)s left the list of agents")
    if row.history_type == ADDED:
        return _("After %(title)s joined the agents")
    if row.availability == Agent.Availability.AVAIL:
        return ngettext("After %(title)s was switched on", "After %(title)s were switched on", count)
    return ngettext("After %(title)s was switched off", "After %(title)s were switched off", count)


def _name_calls(comparison: Comparison) -> str:
    if len(comparison.weekdays) == 1:
        return str(MISSED_ON[comparison.weekdays[0]])
    if comparison.weekdays:
        return _("missed calls on these days")
    if comparison.agent_department:
        return _("missed calls of %(department)s") % {"department": comparison.agent_department}
    return _("missed calls")


def _format_weekdays(weekdays: Sequence[int]) -> str:
    return str(get_text_list([str(WEEKDAY_NAMES[number]) for number in weekdays], _("and")))


def _build_date_sentence(comparison: Comparison, before: ComparedCount, after: ComparedCount) -> str:
    mark, count = comparison.mark, len(comparison.before.days)
    names = {
        "date": date_format(mark.date or mark.day, "l, j F Y"),
        "title": mark.title,
        "now": mark.new_value,
        "days": _format_weekdays(comparison.weekdays),
        "count": count,
        **_format_sides(before, after),
    }
    on_date = _("On %(date)s, a holiday, %(after)s were missed;")
    if mark.kind != HOLIDAY:
        on_date = _("On %(date)s, open %(now)s, %(after)s were missed;")
    elif mark.changes[0].row.name:
        on_date = _("On %(title)s, %(date)s, %(after)s were missed;")
    usual = ngettext(
        "on the weekday before it, %(before)s.", "on the %(count)d %(days)s before it, %(before)s.", count
    )
    return f"{on_date % names} {usual % names}"


def _format_sides(before: ComparedCount, after: ComparedCount) -> dict[str, str]:
    share_before, share_after = _format_shares(before, after)
    return {"before": _format_count(before, share_before), "after": _format_count(after, share_after)}


def _format_count(count: ComparedCount, share: str) -> str:
    counts = {"share": share, "missed": _format_number(count.missed), "calls": _format_number(count.calls)}
    return _("%(share)s (%(missed)s of %(calls)s)") % counts


def _format_shares(before: ComparedCount, after: ComparedCount) -> tuple[str, str]:
    """In whole per cent, or with a decimal if the shares are close."""
    is_near = abs(before.rate - after.rate) < 0.02 and before.rate != after.rate
    return format_percent(before.rate, digits=int(is_near)), format_percent(after.rate, digits=int(is_near))


def format_percent(share: float, *, digits: int = 0) -> str:
    return f"{number_format(round(100 * share, digits), digits)}\u00a0%"


def _format_number(count: int) -> str:
    return number_format(count, 0, use_l10n=True, force_grouping=True)


def format_spans(spans: Sequence[MinuteSpan]) -> str:
    return str(
        get_text_list([f"{_format_minute(start)}–{_format_minute(end)}" for start, end in spans], _("and"))
    )


def _format_minute(minute: int) -> str:
    minute = minute if minute < MINUTES_PER_DAY else MINUTES_PER_DAY - 1
    return f"{minute // 60:02d}:{minute % 60:02d}"


# --- significance ----------------------------------------------------------------------------------------


def describe_verdict(result: Significance) -> tuple[str, str]:
    """The verdict's text and the colour of its badge."""
    margin = 100 * (result.margin or 0)
    digits = int(margin < 10)
    points = {"points": number_format(round(margin, digits), digits)}
    if result.verdict == Verdict.TOO_FEW:
        return _("Too few calls to say: fewer than %(fewest)d on a side.") % {
            "fewest": significance.MIN_CALLS
        }, "base"
    if result.verdict == Verdict.ONE_DAY:
        return _("Too few days to say: one day can always be an odd one."), "base"
    if result.verdict == Verdict.MORE:
        return _("More than chance: chance alone makes up to %(points)s points here.") % points, "success"
    if margin >= 100:
        return _("May be chance: so few days say little."), "warning"
    return _("May be chance: it alone makes up to %(points)s points here.") % points, "warning"
