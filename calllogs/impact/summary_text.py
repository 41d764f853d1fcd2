"""A comparison in words that can be read off and passed on: what changed, by how much, and how sure that is."""

from collections.abc import Sequence

from django.utils.formats import date_format, number_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from calllogs.impact import significance
from calllogs.impact.change_marks import AGENT, HOLIDAY, Mark, Standing
from calllogs.impact.compare import Comparison
from calllogs.impact.minute_spans import DAY, Span
from calllogs.impact.significance import Count, Judged, Verdict
from settings_sync.history.change_log import ADDED, DELETED, moment_words
from settings_sync.models import Agent

# Whole phrases: a language may bend the weekday's name.
MISSED_ON = (
    gettext_lazy("missed calls on Mondays"),
    gettext_lazy("missed calls on Tuesdays"),
    gettext_lazy("missed calls on Wednesdays"),
    gettext_lazy("missed calls on Thursdays"),
    gettext_lazy("missed calls on Fridays"),
    gettext_lazy("missed calls on Saturdays"),
    gettext_lazy("missed calls on Sundays"),
)
DAYS = (
    gettext_lazy("Mondays"), gettext_lazy("Tuesdays"), gettext_lazy("Wednesdays"), gettext_lazy("Thursdays"),
    gettext_lazy("Fridays"), gettext_lazy("Saturdays"), gettext_lazy("Sundays"),
)  # fmt: skip
SAME = 0.005  # a difference of less than half a point is none to speak of
RULE = gettext_lazy(
    "With fewer than 30 calls on a side, nothing is said. Otherwise a difference counts as more than chance only if "
    "it is greater than what chance makes in 19 of 20 cases, both by how single calls fall and by how much like days "
    "differ from each other. It is no proof that this change was the cause: other things may have happened in the "
    "same weeks."
)


# --- the mark --------------------------------------------------------------------------------------------


def what(mark: Mark) -> str:
    """`Saturday: 09:30–18:30 → 10:00–16:00`, `Asha Nair: Off`, `Founder's day: holiday on Sunday, 8 Nov 2026`."""
    if mark.kind == AGENT:
        return _("%(title)s: %(now)s") % {"title": mark.title, "now": _switched(mark)}
    if mark.date:
        date = date_format(mark.date, "D j M Y")
        if mark.kind == HOLIDAY:
            return _("Holiday: %(title)s") % {"title": mark.title if mark.changes[0].row.name else date}
        return _("Open %(now)s on %(date)s only") % {"now": mark.now, "date": date}
    names = {"title": mark.title, "was": mark.was, "now": mark.now}
    return _("%(title)s: %(was)s → %(now)s") % names if mark.was else _("%(title)s: %(now)s") % names


def _switched(mark: Mark) -> str:
    row = mark.changes[0].row
    if row.history_type == DELETED:
        return _("deleted")
    is_on = row.availability == Agent.Availability.AVAIL
    if row.history_type == ADDED:
        return _("added, available") if is_on else _("added, off")
    return _("switched on") if is_on else _("switched off")


def standing(mark: Mark) -> str:
    """What the mark's moment is."""
    saved = {"saved": moment_words(mark.saved_at), "at": moment_words(mark.at)}
    if mark.standing == Standing.NOT_THERE:
        if mark.fate.at:
            return _("Taken back before its date")
        return _("Saved %(saved)s; never in force at the provider") % saved
    is_later = mark.date is not None and mark.fate.at is not None and mark.fate.at < mark.at
    if mark.standing == Standing.SAVED:
        return _("Saved %(saved)s; the provider's answer is not known") % saved
    if is_later and mark.fate.at is not None:
        return _("The provider had it since %(at)s") % {"at": moment_words(mark.fate.at)}
    return _("In force at the provider since %(at)s") % saved


# --- the sentence ----------------------------------------------------------------------------------------


def sentence(found: Comparison) -> str:
    """The whole finding in one sentence, with the counts; empty if there is nothing to compare."""
    if found.problem:
        return ""
    before, after = found.before.whole, found.after.whole
    if found.mark.date:
        return _of_date(found, before, after)
    names = {"change": _clause(found), "what": _which(found), **_figures(before, after)}
    return _moved(before, after) % names


def touched(found: Comparison) -> str:
    """The same for the hours of the day that the change touched."""
    if found.problem or not found.spans:
        return ""
    before, after = found.before.in_touched, found.after.in_touched
    if not (before.calls and after.calls):
        return _("In the hours that it touched, %(spans)s, there were no calls on one of the sides.") % {
            "spans": spans_words(found.spans)
        }
    names = {"spans": spans_words(found.spans), **_figures(before, after)}
    if found.mark.date:
        return (
            _("In the hours that it touched, %(spans)s: %(after)s missed, before it %(before)s missed.")
            % names
        )
    return _("In the hours that it touched, %(spans)s: from %(before)s missed to %(after)s missed.") % names


def _moved(before: Count, after: Count) -> str:
    if abs(after.rate - before.rate) < SAME:
        return _("%(change)s, %(what)s stayed about the same: %(before)s before it, %(after)s after it.")
    if after.rate < before.rate:
        return _("%(change)s, %(what)s fell from %(before)s to %(after)s.")
    return _("%(change)s, %(what)s rose from %(before)s to %(after)s.")


def _clause(found: Comparison) -> str:
    mark = found.mark
    names = {"title": mark.title, "was": mark.was, "now": mark.now}
    if mark.kind == AGENT:
        return _of_agents(mark) % names
    if found.together > 1:
        return _("After the hours of %(title)s became %(now)s") % names
    if not mark.was:
        return _("After we opened %(days)s %(now)s") % {**names, "days": _days(found.weekdays)}
    return _("After the hours of %(title)s went from %(was)s to %(now)s") % names


def _of_agents(mark: Mark) -> str:
    row, count = mark.changes[0].row, len(mark.changes)
    if row.history_type == DELETED:
        return _("After %(title)s left the list of agents")
    if row.history_type == ADDED:
        return _("After %(title)s joined the agents")
    if row.availability == Agent.Availability.AVAIL:
        return ngettext("After %(title)s was switched on", "After %(title)s were switched on", count)
    return ngettext("After %(title)s was switched off", "After %(title)s were switched off", count)


def _which(found: Comparison) -> str:
    if len(found.weekdays) == 1:
        return str(MISSED_ON[found.weekdays[0]])
    if found.weekdays:
        return _("missed calls on these days")
    if found.department:
        return _("missed calls of %(department)s") % {"department": found.department}
    return _("missed calls")


def _days(weekdays: Sequence[int]) -> str:
    return str(get_text_list([str(DAYS[number]) for number in weekdays], _("and")))


def _of_date(found: Comparison, before: Count, after: Count) -> str:
    mark, count = found.mark, len(found.before.days)
    names = {
        "date": date_format(mark.date or mark.day, "l, j F Y"),
        "title": mark.title,
        "now": mark.now,
        "days": _days(found.weekdays),
        "count": count,
        **_figures(before, after),
    }
    words = _("On %(date)s, a holiday, %(after)s were missed;")
    if mark.kind != HOLIDAY:
        words = _("On %(date)s, open %(now)s, %(after)s were missed;")
    elif mark.changes[0].row.name:
        words = _("On %(title)s, %(date)s, %(after)s were missed;")
    usual = ngettext(
        "on the weekday before it, %(before)s.", "on the %(count)d %(days)s before it, %(before)s.", count
    )
    return f"{words % names} {usual % names}"


def _figures(before: Count, after: Count) -> dict[str, str]:
    one, other = _shares(before, after)
    return {"before": _figure(before, one), "after": _figure(after, other)}


def _figure(count: Count, share: str) -> str:
    counts = {"share": share, "missed": _number(count.missed), "calls": _number(count.calls)}
    return _("%(share)s (%(missed)s of %(calls)s)") % counts


def _shares(before: Count, after: Count) -> tuple[str, str]:
    """In whole per cent, unless that would hide the difference."""
    is_near = abs(before.rate - after.rate) < 0.02 and before.rate != after.rate
    return percent(before.rate, digits=int(is_near)), percent(after.rate, digits=int(is_near))


def percent(share: float, *, digits: int = 0) -> str:
    return f"{number_format(round(100 * share, digits), digits)}\u00a0%"


def _number(count: int) -> str:
    return number_format(count, 0, use_l10n=True, force_grouping=True)


def spans_words(spans: Sequence[Span]) -> str:
    return str(get_text_list([f"{_minute(start)}–{_minute(end)}" for start, end in spans], _("and")))


def _minute(minute: int) -> str:
    minute = minute if minute < DAY else DAY - 1
    return f"{minute // 60:02d}:{minute % 60:02d}"


# --- how sure it is --------------------------------------------------------------------------------------


def verdict(judged: Judged) -> tuple[str, str]:
    """In words, and the colour of its badge."""
    margin = 100 * (judged.margin or 0)
    digits = int(margin < 10)
    points = {"points": number_format(round(margin, digits), digits)}
    if judged.verdict == Verdict.TOO_FEW:
        return _("Too few calls to say: fewer than %(fewest)d on a side.") % {
            "fewest": significance.FEWEST
        }, "base"
    if judged.verdict == Verdict.ONE_DAY:
        return _("Too few days to say: one day can always be an odd one."), "base"
    if judged.verdict == Verdict.MORE:
        return _("More than chance: chance alone makes up to %(points)s points here.") % points, "success"
    if margin >= 100:
        return _("May be chance: so few days say little."), "warning"
    return _("May be chance: it alone makes up to %(points)s points here.") % points, "warning"
