"""What a report says: the figures of its days, each with its change, and the tables behind the charts.

It says what its maker may see at this moment; whoever gets it gets no more than that.

No whole telephone number goes into a mail (P9): of whoever has no name stand the last two digits, and a saved view is
linked, never attached, by an address that names only the run; its filter may hold a caller's number.
"""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import QueryDict
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from calllogs.access.visibility import CallVisibility, visibility_for
from calllogs.callbacks import queries
from calllogs.calls import visible_filter
from calllogs.calls.filters import CUSTOM, CallFilter, from_query, period_words
from calllogs.models import ReportRun, SavedView
from calllogs.notifications import outbox
from calllogs.notifications.outbox import Content
from calllogs.statistics import aggregates
from calllogs.statistics.aggregates import Departments, Dimension, Figures, Row
from calllogs.statistics.periods import Period
from ivrportal.common.phone import mask
from settings_sync.models import Agent

MOST_ROWS = 8
LINK = "calllogs_report_calls"
PLACE = "{calls of this run}"  # stands for the link until the run has its number
_NUMBER = re.compile(r"\+?\d(?:[\s().-]?\d){6,}")


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: str
    change: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table with its bar: `width` of a hundred is calls, `missed_width` the missed among them."""

    label: str
    calls: int
    missed: int
    width: int
    missed_width: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    first: str  # what the first column is
    lines: list[Line]
    more: str = ""
    notes: str = ""  # what the notes are, if there are any


@dataclass(frozen=True, slots=True)
class Heat:
    """Calls by hour and weekday: `hours` names the columns; each row has cells of (calls, shade from 0 to 4)."""

    hours: list[str]
    rows: list[tuple[str, list[tuple[int, int]]]] = field(default_factory=list)


def content(run: ReportRun) -> Content:
    """The mail about these days; its link to the calls is written in by `signed`. The report must have a maker."""
    period, sight = Period.days(run.first, run.last), visibility_for(run.report.maker)
    departments = sight.departments
    with aggregates.level():
        now, before = (aggregates.figures(one, departments) for one in (period, period.before()))
        tables = _tables(run, period, sight)
        heat = _heat(period, departments) if run.first != run.last else None
    name, days = without_numbers(run.report.name), period_words(run.first, run.last)
    context: dict[str, Any] = {
        "name": name,
        "days": date_format(run.first, "l, j F Y") if run.first == run.last else days,
        "whose": aggregates.departments_words(departments),
        "figures": _figures(now, before),
        "compared": period_words(period.before().first_day, period.before().last_day),
        "has_calls": now.calls > 0,
        "tables": tables,
        "heat": heat,
        "waiting": queries.waiting_in(departments),
        "desk": outbox.address(reverse("admin:calllogs_missed")),
        "calls": PLACE,
        "view": _view(run.report.view, run, sight),
        "zone": timezone.get_default_timezone_name(),
        "made": date_format(timezone.localtime(run.made_at), "j F Y, H:i"),
    }
    text = render_to_string("calllogs/scheduled_reports/mail.txt", context)
    return Content(f"{name}: {days}", text, render_to_string("calllogs/scheduled_reports/mail.html", context))


def signed(said: Content, run: ReportRun) -> Content:
    """With the address of its calls, once the run is stored."""
    link = outbox.address(reverse(f"admin:{LINK}", args=[run.pk]))
    return replace(said, text=said.text.replace(PLACE, link), html=said.html.replace(PLACE, link))


def wanted(run: ReportRun) -> tuple[CallFilter, str]:
    """Which calls the link leads to: those of the days, as the saved view wants them; and the view's whole query."""
    query = run.report.view.query if run.report.view else ""
    found = from_query(QueryDict(query))
    seen = visibility_for(run.report.maker).departments if run.report.maker else None
    departments = found.departments or tuple(sorted(seen or ()))
    found = replace(found, departments=departments, problems=())
    return replace(found, period=CUSTOM, date_from=run.first, date_to=run.last), query


def without_numbers(text: str) -> str:
    """What people name things may hold a number."""
    return _NUMBER.sub(lambda match: mask(match[0]), text)


# --- figures -----------------------------------------------------------------------------------------------


def _figures(now: Figures, before: Figures) -> list[Figure]:
    return [
        Figure(_("Calls"), f"{now.calls:,}", _percent_change(now.calls, before.calls)),
        Figure(_("Answered"), _percent(now.answer_rate), _points(now.answer_rate, before.answer_rate)),
        Figure(_("Missed"), f"{now.missed:,}", _percent_change(now.missed, before.missed)),
        Figure(_("Dropped"), f"{now.dropped:,}", _percent_change(now.dropped, before.dropped)),
        Figure(
            _("Average wait in the menu"),
            _clock(now.average_wait_s),
            _seconds(now.average_wait_s, before.average_wait_s),
        ),
        Figure(
            _("Average talk"), _clock(now.average_talk_s), _seconds(now.average_talk_s, before.average_talk_s)
        ),
    ]


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{100 * rate:.1f} %"


def _clock(seconds: float | None) -> str:
    return (
        "–"
        if seconds is None
        else _("%(time)s min") % {"time": f"{int(seconds) // 60}:{int(seconds) % 60:02d}"}
    )


def _percent_change(now: int, before: int) -> str:
    return f"{100 * (now - before) / before:+.0f} %" if before else ""


def _points(now: float | None, before: float | None) -> str:
    if now is None or before is None:
        return ""
    return _("%(n)s points") % {"n": f"{100 * (now - before):+.1f}"}


def _seconds(now: float | None, before: float | None) -> str:
    return "" if now is None or before is None else _("%(n)s s") % {"n": f"{now - before:+.0f}"}


# --- tables ------------------------------------------------------------------------------------------------


def _tables(run: ReportRun, period: Period, sight: CallVisibility) -> list[Table]:
    dimensions = [
        (Dimension.DEPARTMENT, _("By department"), _("Department")),
        (Dimension.AGENT, _("By agent"), _("Agent")),
        (Dimension.VIRTUAL_NUMBER, _("By number called"), _("Number")),
        (Dimension.CIRCLE, _("By circle"), _("Circle")),
    ]
    departments = sight.departments
    of_time = (
        _by_hour(run.first, period, departments) if run.first == run.last else _by_day(period, departments)
    )
    found = [of_time]
    for dimension, title, first in dimensions:
        rows = aggregates.by(dimension, period, departments)
        if dimension == Dimension.AGENT:
            rows = _of_agents(rows, sight)
        if len(rows) < 2:
            continue  # nothing to compare
        counts = [(without_numbers(row.label), row.figures.calls, row.figures.missed, "") for row in rows]
        more = len(counts) - MOST_ROWS
        words = _("and %(n)d more") % {"n": more} if more > 0 else ""
        found.append(Table(title, first, _lines(counts[:MOST_ROWS]), words))
    return found


def _of_agents(rows: list[Row], sight: CallVisibility) -> list[Row]:
    """Without calls that no agent had, which would dwarf the others; and without agents of other departments."""
    rows = [row for row in rows if row.value]
    if not sight.is_limited:
        return rows
    own = set(Agent.objects.filter(sight.condition()).values_list("number", flat=True))
    return [row for row in rows if row.value in own]


def _by_day(period: Period, departments: Departments) -> Table:
    bars = aggregates.by_day(period, departments)
    return Table(
        _("By day"),
        _("Day"),
        _lines((date_format(bar.day, "D j M"), bar.calls, bar.missed, "") for bar in bars),
    )


def _by_hour(day: dt.date, period: Period, departments: Departments) -> Table:
    """The hours from the first to the last with calls, and what is usual then."""
    weeks = aggregates.same_weekdays(day, departments=departments)
    rows = []
    for bar in aggregates.by_hour(period, departments):
        local = timezone.localtime(bar.start, timezone.get_default_timezone())
        usual = sum(week.cells[local.hour].calls for week in weeks) / len(weeks) if weeks else 0.0
        rows.append((time_format(local, "H:i"), bar.calls, bar.missed, f"{usual:.0f}" if weeks else ""))
    busy = [place for place, row in enumerate(rows) if row[1]]
    shown = rows[busy[0] : busy[-1] + 1] if busy else []
    notes = _("Usual on %(day)s") % {"day": date_format(day, "l")} if weeks else ""
    return Table(_("By hour"), _("Hour"), _lines(shown), notes=notes)


def _lines(rows: Iterable[tuple[str, int, int, str]]) -> list[Line]:
    rows = list(rows)
    most = max((calls for _label, calls, _missed, _note in rows), default=0) or 1
    return [
        Line(label, calls, missed, round(100 * calls / most), round(100 * missed / most), note)
        for label, calls, missed, note in rows
    ]


def _heat(period: Period, departments: Departments) -> Heat | None:
    cells = aggregates.heat(period, departments)
    used = [hour for hour in range(24) if any(row[hour].calls for row in cells)]
    if not used:
        return None
    hours = range(used[0], used[-1] + 1)
    most = max(cell.calls for row in cells for cell in row) or 1
    days = [date_format(dt.date(2024, 1, 1) + dt.timedelta(days=number), "D") for number in range(7)]
    return Heat(
        [str(hour) for hour in hours],
        [
            (days[number], [(row[hour].calls, -(-4 * row[hour].calls // most)) for hour in hours])
            for number, row in enumerate(cells)
        ],
    )


def _view(view: SavedView | None, run: ReportRun, sight: CallVisibility) -> dict[str, str] | None:
    if view is None:
        return None
    count = visible_filter.visible_filter_for(wanted(run)[0], sight).apply(sight.calls().order_by()).count()
    return {"name": without_numbers(view.name), "count": f"{count:,}"}
