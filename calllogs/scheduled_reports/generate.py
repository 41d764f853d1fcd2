"""Generates reports that are due or requested by a user.

A run and its mails are stored in one transaction, and a run is unique by report, first day and `again`. If two workers
find the same report due, only one generates it, and a killed worker leaves either all of it or nothing.
"""

import datetime as dt
import logging

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from calllogs.models import Report, ReportRun
from calllogs.notifications import outbox
from calllogs.scheduled_reports import compose, due_dates

logger = logging.getLogger(__name__)


def generate_due(now: dt.datetime | None = None) -> int:
    """Generate all reports that are due and have no run yet. Returns how many. An error in one is logged."""
    now = now or timezone.now()
    count = 0
    for report in Report.objects.filter(is_on=True).select_related("maker").order_by("id"):
        due = due_dates.latest_due(report, now)
        if due.at <= report.on_since or _is_generated(report, due.first, due.last):
            continue
        try:
            count += bool(_generate(report, due.first, due.last, again=0, asked_by=""))
        except Exception as error:  # the next run of the task, in a minute, tries again
            logger.error("report %d was not generated: %s", report.pk, type(error).__name__)
    return count


def generate_requested(report: Report, first: dt.date, last: dt.date, *, by: str) -> ReportRun | None:
    """Generate a run for a user, even if the period already has runs. None if another request was faster.

    The first run of a period replaces the scheduled one.
    """
    runs = ReportRun.objects.filter(report=report, first=first, last=last)
    latest = runs.aggregate(latest=Max("again"))["latest"]
    return _generate(report, first, last, again=0 if latest is None else latest + 1, asked_by=by)


def has_active_maker(report: Report) -> bool:
    """Whether the report's maker is active and may see calls. The maker's visibility limits the report."""
    maker = report.maker
    return maker is not None and maker.is_active and maker.has_perm(outbox.VIEW_CALLS_PERMISSION)


def _is_generated(report: Report, first: dt.date, last: dt.date) -> bool:
    return ReportRun.objects.filter(report=report, first=first, last=last).exists()


def _generate(
    report: Report, first: dt.date, last: dt.date, *, again: int, asked_by: str
) -> ReportRun | None:
    chosen = list(report.people.all())
    eligible = {user.pk for user in outbox.eligible_recipients().filter(pk__in=[user.pk for user in chosen])}
    left_out = [user.get_username() for user in chosen if user.pk not in eligible]
    recipients = [user for user in chosen if user.pk in eligible] if has_active_maker(report) else []
    run = ReportRun(
        report=report,
        first=first,
        last=last,
        again=again,
        made_at=timezone.now(),
        asked_by=asked_by,
        problem=_describe_problem(report, left_out, recipients),
    )
    mail = compose.build_mail(run) if recipients and outbox.is_set_up() else None
    try:
        with transaction.atomic():
            run.save(force_insert=True)
            if mail:
                outbox.queue_mails(recipients, compose.insert_calls_link(mail, run), run=run)
    except IntegrityError:
        return None
    return run


def _describe_problem(report: Report, left_out: list[str], recipients: list) -> str:
    """Why there are no recipients, or who is left out; empty if everybody gets the report."""
    if not outbox.is_set_up():
        return _("E-mail is not set up.")
    if not has_active_maker(report):
        return _(
            "Who made it may not see calls any more. Save it, and it is yours: it shows what you may see."
        )
    if left_out:
        template = _("Not to %(names)s: no e-mail address, or may not see calls.")
        return (template % {"names": ", ".join(sorted(left_out))})[:300]
    return "" if recipients else _("It is for nobody: choose to whom it goes.")
