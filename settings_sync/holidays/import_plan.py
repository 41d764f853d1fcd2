"""Which of the rows to import become holidays, and why the others do not; then the saving of them."""

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
from settings_sync.holidays.csv_files import Problem, Row
from settings_sync.models import Holiday

MOST_AT_ONCE = 366
MOST_YEARS_AHEAD = 5  # further ahead it is a slip of the finger


@dataclass(frozen=True, slots=True)
class ImportPlanEntry:
    """A row that is not taken, and why, in words. `line` 0: it came from no file."""

    line: int
    what: str
    words: str


@dataclass(slots=True)
class Plan:
    new: list[Row] = field(default_factory=list)
    told: list[ImportPlanEntry] = field(default_factory=list)

    def leave(self, row: Row, words: str) -> None:
        self.told.append(
            ImportPlanEntry(row.line, f"{date_format(row.date, 'D, j M Y')} {row.name}".strip(), words)
        )

    @property
    def estimated(self) -> int:
        return sum(india.is_estimated(row.name) for row in self.new)

    @property
    def is_today_among_them(self) -> bool:
        return any(row.date == timezone.localdate() for row in self.new)


def last_date(today: dt.date) -> dt.date:
    return dt.date(today.year + MOST_YEARS_AHEAD, 12, 31)


def of(rows: Iterable[Row], problems: Iterable[Problem] = ()) -> Plan:
    """Sort rows into new ones, by date, and those that are told. One query."""
    today, plan = timezone.localdate(), Plan()
    known = dict(Holiday.objects.values_list("date", "name"))
    taken: dict[dt.date, Row] = {}
    for row in rows:
        if row.date < today:
            plan.leave(row, _("This date has passed."))
        elif row.date > last_date(today):
            plan.leave(row, _("More than %(n)d years ahead: is the year right?") % {"n": MOST_YEARS_AHEAD})
        elif row.date in known:
            name = known[row.date]
            plan.leave(
                row, _("Entered already, as “%(name)s”.") % {"name": name} if name else _("Entered already.")
            )
        elif row.date in taken:
            plan.leave(row, import_messages.twice(row, taken[row.date]))
        elif len(taken) == MOST_AT_ONCE:
            plan.leave(
                row, _("More than %(n)d holidays at once: import the rest afterwards.") % {"n": MOST_AT_ONCE}
            )
        else:
            taken[row.date] = row
    plan.new = sorted(taken.values(), key=lambda row: row.date)
    plan.told += [
        ImportPlanEntry(problem.line, problem.about, import_messages.problem(problem)) for problem in problems
    ]
    plan.told.sort(key=lambda told: told.line)
    return plan


def save(plan: Plan, *, request: HttpRequest, reason: str) -> bool:
    """All of the plan's new holidays, with history, intent and the trail's entry, in one transaction; or nothing, and
    False."""
    who: Any = request.user
    holidays = [Holiday(date=row.date, name=row.name) for row in plan.new]
    try:
        with transaction.atomic():
            bulk_create_with_history(holidays, Holiday, default_user=who, default_change_reason=reason[:100])
            dates = [holiday.date for holiday in holidays]
            LogEntry.objects.log_actions(
                who.pk, Holiday.objects.filter(date__in=dates), ADDITION, change_message=reason
            )
            service.record([setting_address.holiday_address(date) for date in dates], trigger="import")
            audit_log.record(
                Action.ADDED,
                request=request,
                what=reason,
                count=len(holidays),
                changes={f"holiday {holiday.date}": [None, holiday.name] for holiday in holidays},
            )
    except IntegrityError:  # somebody else has entered one of these dates in this very moment
        return False
    return True
