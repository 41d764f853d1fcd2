"""Makes reports: what is due, or what a person asks for.

A run and its letters are one transaction, and a run is unique for its report, days and count of repetitions. So of two
workers who find the same report due, one writes it; and a worker that is killed leaves either all of it or nothing.
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


def due(now: dt.datetime | None = None) -> int:
    """Write every report that is due and not written; how many. What one stumbles over, another does not."""
    now = now or timezone.now()
    count = 0
    for report in Report.objects.filter(is_on=True).select_related("maker").order_by("id"):
        found = due_dates.latest(report, now)
        if found.at <= report.on_since or _is_written(report, found.first, found.last):
            continue
        try:
            count += bool(_write(report, found.first, found.last, again=0, asked_by=""))
        except Exception as error:  # the next look, in a minute, tries again
            logger.error("report %d cannot be put together: %s", report.pk, type(error).__name__)
    return count


def asked(report: Report, first: dt.date, last: dt.date, *, by: str) -> ReportRun | None:
    """Write it now because a person asks, however often it was written; None if somebody was as quick.

    The first time for its days it takes the place of the one that would become due.
    """
    runs = ReportRun.objects.filter(report=report, first=first, last=last)
    before = runs.aggregate(most=Max("again"))["most"]
    return _write(report, first, last, again=0 if before is None else before + 1, asked_by=by)


def has_maker(report: Report) -> bool:
    """Whether there is somebody whose sight the report has: it shows what its maker may see."""
    return report.maker is not None and report.maker.is_active and report.maker.has_perm(outbox.VIEW)


def _is_written(report: Report, first: dt.date, last: dt.date) -> bool:
    return ReportRun.objects.filter(report=report, first=first, last=last).exists()


def _write(report: Report, first: dt.date, last: dt.date, *, again: int, asked_by: str) -> ReportRun | None:
    wanted = list(report.people.all())
    allowed = {user.pk for user in outbox.readers().filter(pk__in=[user.pk for user in wanted])}
    people = [user for user in wanted if user.pk in allowed] if has_maker(report) else []
    run = ReportRun(
        report=report,
        first=first,
        last=last,
        again=again,
        made_at=timezone.now(),
        asked_by=asked_by,
        problem=_problem(report, [user.get_username() for user in wanted if user.pk not in allowed], people),
    )
    said = compose.content(run) if people and outbox.is_set_up() else None
    try:
        with transaction.atomic():
            run.save(force_insert=True)
            if said:
                outbox.write(people, compose.signed(said, run), run=run)
    except IntegrityError:
        return None
    return run


def _problem(report: Report, left_out: list[str], people: list) -> str:
    if not outbox.is_set_up():
        return _("E-mail is not set up.")
    if not has_maker(report):
        return _(
            "Who made it may not see calls any more. Save it, and it is yours: it shows what you may see."
        )
    if left_out:
        words = _("Not to %(names)s: no e-mail address, or may not see calls.")
        return (words % {"names": ", ".join(sorted(left_out))})[:300]
    return "" if people else _("It is for nobody: choose to whom it goes.")
