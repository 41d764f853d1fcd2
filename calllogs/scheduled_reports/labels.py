"""Texts for the screens about reports and their runs."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from calllogs.access.visibility import visibility_for
from calllogs.calls.filters import format_date_range
from calllogs.models import OutgoingMail, Report, ReportRun
from calllogs.scheduled_reports import due_dates, generate
from calllogs.statistics.aggregates import departments_text

State = OutgoingMail.State


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as a page shows it, with a status badge (`text`, `colour`, `icon`).

    `requested_by` is empty for a scheduled run. `notes` say why mails were not sent, or not yet.
    """

    days: str
    made_at: str
    requested_by: str
    text: str
    colour: str
    icon: str
    notes: list[str]
    is_sending: bool


def format_user(user: Any) -> str:
    name = user.get_full_name() or user.username
    return f"{name} ({user.email})" if user.email else _("%(name)s (no e-mail address)") % {"name": name}


def maker_name(report: Report) -> str:
    """Empty if the account is deleted."""
    return report.maker.get_full_name() or report.maker.username if report.maker else ""


def describe_maker(report: Report) -> str:
    """Who made the report, and which departments it therefore shows."""
    if not generate.has_active_maker(report):
        return _(
            "Who made it may not see calls any more. Save it, and it is yours: it shows what you may see."
        )
    departments = departments_text(visibility_for(report.maker).departments) or _("All departments")
    return _("Made by %(name)s: it shows what this person may see when it is sent. %(departments)s.") % {
        "name": maker_name(report),
        "departments": departments,
    }


def describe_rhythm(report: Report) -> str:
    time = time_format(report.at, "H:i")
    if report.rhythm == Report.Rhythm.DAILY:
        return _("Every day at %(time)s") % {"time": time}
    if report.rhythm == Report.Rhythm.WEEKLY:
        day = Report.Day(report.weekday).label
        return _("Every %(day)s at %(time)s") % {"day": day, "time": time}
    return _("On the 1st of each month at %(time)s") % {"time": time}


def describe_next_time(report: Report) -> str:
    if not report.is_on:
        return _("Switched off")
    return date_format(due_dates.next_due(report, timezone.now()).at, "D j M, H:i")


def format_period(run: ReportRun) -> str:
    return format_date_range(run.first, run.last)


def build_run_row(run: ReportRun) -> RunRow:
    """Expects the run's mails to be prefetched."""
    mails = list(run.mails.all())
    counts = {state: sum(mail.state == state for mail in mails) for state in State}
    sent, waiting, failed = counts[State.SENT], counts[State.WAITING], counts[State.FAILED]
    if failed or (run.problem and not mails):
        colour, icon = "danger", "error"
        text = ngettext("Not sent to %(n)d person", "Not sent to %(n)d people", failed) % {"n": failed}
        text = text if failed else _("Not sent")
    elif waiting:
        is_retrying = any(mail.problem for mail in mails)
        colour, icon = ("warning", "replay") if is_retrying else ("info", "schedule")
        text = _("Trying again") if is_retrying else _("On its way")
    else:
        colour, icon = ("warning", "error") if run.problem else ("success", "check_circle")
        text = ngettext("Sent to %(n)d person", "Sent to %(n)d people", sent) % {"n": sent}
        text = text if sent else _("Sent; to whom is not on record any more")
    return RunRow(
        days=format_period(run),
        made_at=_format_time(run.made_at),
        requested_by=run.asked_by,
        text=text,
        colour=colour,
        icon=icon,
        notes=[*([run.problem] if run.problem else []), *_list_mail_problems(mails)],
        is_sending=waiting > 0,
    )


def _list_mail_problems(mails: list[OutgoingMail]) -> list[str]:
    """By user, why the mail was not sent or is delayed."""
    notes = []
    for mail in mails:
        if not mail.problem:
            continue
        note = f"{mail.user.username}: {mail.problem}"
        if mail.state == State.WAITING and mail.next_at:
            note += " " + _("Next try at %(time)s.") % {"time": _format_time(mail.next_at)}
        notes.append(note)
    return notes


def _format_time(moment: dt.datetime) -> str:
    local = timezone.localtime(moment)
    is_today = local.date() == timezone.localdate()
    return time_format(local, "H:i") if is_today else date_format(local, "j M, H:i")
