"""Reports and their runs in words for people."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from calllogs.access.visibility import visibility_for
from calllogs.calls.filters import period_words
from calllogs.models import OutgoingMail, Report, ReportRun
from calllogs.scheduled_reports import due_dates as due_days
from calllogs.scheduled_reports import generate
from calllogs.statistics.aggregates import departments_words

State = OutgoingMail.State


@dataclass(frozen=True, slots=True)
class Run:
    """A run as a page draws it; `colour` as a badge's."""

    days: str
    at: str
    who: str
    words: str
    colour: str
    icon: str
    notes: list[str]
    is_moving: bool
    last: dt.date


def person(user: Any) -> str:
    name = user.get_full_name() or user.username
    return f"{name} ({user.email})" if user.email else _("%(name)s (no e-mail address)") % {"name": name}


def maker(report: Report) -> str:
    """Empty if the account is gone."""
    return report.maker.get_full_name() or report.maker.username if report.maker else ""


def whose(report: Report) -> str:
    """What it shows, which is what its maker may see."""
    if not generate.has_maker(report):
        return _(
            "Who made it may not see calls any more. Save it, and it is yours: it shows what you may see."
        )
    departments = departments_words(visibility_for(report.maker).departments) or _("All departments")
    return _("Made by %(name)s: it shows what this person may see when it is sent. %(departments)s.") % {
        "name": maker(report),
        "departments": departments,
    }


def rhythm(report: Report) -> str:
    time = time_format(report.at, "H:i")
    if report.rhythm == Report.Rhythm.DAILY:
        return _("Every day at %(time)s") % {"time": time}
    if report.rhythm == Report.Rhythm.WEEKLY:
        day = Report.Day(report.weekday).label
        return _("Every %(day)s at %(time)s") % {"day": day, "time": time}
    return _("On the 1st of each month at %(time)s") % {"time": time}


def next_words(report: Report) -> str:
    if not report.is_on:
        return _("Switched off")
    return date_format(due_days.following(report, timezone.now()).at, "D j M, H:i")


def days(run: ReportRun) -> str:
    return period_words(run.first, run.last)


def run(found: ReportRun) -> Run:
    """From the letters that came with it."""
    letters = list(found.letters.all())
    count = {state: sum(letter.state == state for letter in letters) for state in State}
    sent, waiting, failed = count[State.SENT], count[State.WAITING], count[State.FAILED]
    if failed or (found.problem and not letters):
        colour, icon = "danger", "error"
        words = ngettext("Not sent to %(n)d person", "Not sent to %(n)d people", failed) % {"n": failed}
        words = words if failed else _("Not sent")
    elif waiting:
        is_late = any(letter.problem for letter in letters)
        colour, icon = ("warning", "replay") if is_late else ("info", "schedule")
        words = _("Trying again") if is_late else _("On its way")
    else:
        colour, icon = ("warning", "error") if found.problem else ("success", "check_circle")
        words = ngettext("Sent to %(n)d person", "Sent to %(n)d people", sent) % {"n": sent}
        words = words if sent else _("Sent; to whom is not on record any more")
    return Run(
        days(found),
        _clock(found.made_at),
        found.asked_by,
        words,
        colour,
        icon,
        [*([found.problem] if found.problem else []), *_notes(letters)],
        waiting > 0,
        found.last,
    )


def _notes(letters: list[OutgoingMail]) -> list[str]:
    """Why it did not go, or has not gone yet, by person."""
    found = []
    for letter in letters:
        if not letter.problem:
            continue
        note = f"{letter.user.username}: {letter.problem}"
        if letter.state == State.WAITING and letter.next_at:
            note += " " + _("Next try at %(time)s.") % {"time": _clock(letter.next_at)}
        found.append(note)
    return found


def _clock(moment: dt.datetime) -> str:
    local = timezone.localtime(moment)
    is_today = local.date() == timezone.localdate()
    return time_format(local, "H:i") if is_today else date_format(local, "j M, H:i")
