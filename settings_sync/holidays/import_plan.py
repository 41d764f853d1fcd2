"""Plan an import: which rows become holidays and why others are skipped; then save the plan."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin.models import ADDITION, LogEntry
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from simple_history.utils import bulk_create_with_history

from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from settings_sync import setting_address
from settings_sync.delivery import service
from settings_sync.holidays import import_messages, india
from settings_sync.holidays.csv_files import HolidayRow, ImportProblem
from settings_sync.models import Holiday

MAX_AT_ONCE = 366
MAX_YEARS_AHEAD = 5  # a later year is assumed to be a typing error


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that is not imported, and the reason as text. `line` is 0 for rows that are not from a file."""

    line: int
    what: str
    reason: str


@dataclass(slots=True)
class ImportPlan:
    new: list[HolidayRow] = field(default_factory=list)
    skipped: list[SkippedRow] = field(default_factory=list)

    def skip(self, row: HolidayRow, reason: str) -> None:
        self.skipped.append(
            SkippedRow(row.line, f"{date_format(row.date, 'D, j M Y')} {row.name}".strip(), reason)
        )

    @property
    def estimated_count(self) -> int:
        return sum(india.is_estimated(row.name) for row in self.new)

    @property
    def includes_today(self) -> bool:
        return any(row.date == timezone.localdate() for row in self.new)


def last_allowed_date(today: dt.date) -> dt.date:
    return dt.date(today.year + MAX_YEARS_AHEAD, 12, 31)


def build_plan(rows: Iterable[HolidayRow], problems: Iterable[ImportProblem] = ()) -> ImportPlan:
    """Split rows into new ones, by date, and skipped ones with their reasons, by line. One query."""
    today, plan = timezone.localdate(), ImportPlan()
    existing = dict(Holiday.objects.values_list("date", "name"))
    new_rows: dict[dt.date, HolidayRow] = {}
    for row in rows:
        if row.date < today:
            plan.skip(row, _("This date has passed."))
        elif row.date > last_allowed_date(today):
            plan.skip(row, _("More than %(n)d years ahead: is the year right?") % {"n": MAX_YEARS_AHEAD})
        elif row.date in existing:
            name = existing[row.date]
            plan.skip(
                row, _("Entered already, as “%(name)s”.") % {"name": name} if name else _("Entered already.")
            )
        elif row.date in new_rows:
            plan.skip(row, import_messages.format_duplicate(row, new_rows[row.date]))
        elif len(new_rows) == MAX_AT_ONCE:
            plan.skip(
                row, _("More than %(n)d holidays at once: import the rest afterwards.") % {"n": MAX_AT_ONCE}
            )
        else:
            new_rows[row.date] = row
    plan.new = sorted(new_rows.values(), key=lambda row: row.date)
    plan.skipped += [
        SkippedRow(problem.line, problem.about, import_messages.format_problem(problem))
        for problem in problems
    ]
    plan.skipped.sort(key=lambda entry: entry.line)
    return plan


def save_plan(plan: ImportPlan, *, request: HttpRequest, reason: str) -> bool:
    """Save all new holidays with history, provider settings and audit log entry in one transaction.

    Returns False, and saves nothing, if one of the dates was added concurrently.
    """
    user: Any = request.user
    holidays = [Holiday(date=row.date, name=row.name) for row in plan.new]
    try:
        with transaction.atomic():
            bulk_create_with_history(holidays, Holiday, default_user=user, default_change_reason=reason[:100])
            dates = [holiday.date for holiday in holidays]
            LogEntry.objects.log_actions(
                user.pk, Holiday.objects.filter(date__in=dates), ADDITION, change_message=reason
            )
            service.reconcile_and_enqueue(
                [setting_address.holiday_address(date) for date in dates], trigger="import"
            )
            audit_log.record(
                Action.ADDED,
                request=request,
                what=reason,
                count=len(holidays),
                changes={f"holiday {holiday.date}": [None, holiday.name] for holiday in holidays},
            )
    except IntegrityError:
        return False
    return True
