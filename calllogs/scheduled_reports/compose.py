"""Composes the mail of a report: the figures of its period, each with its change, and tables.

The mail shows what the report's maker may see when it is composed, for every recipient.

A mail holds no whole telephone number (P9). Of a number without a name, only the last two digits are shown. The calls
of a saved view are linked by the run's id and never attached, because the view's filter may hold a caller's number.
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
from calllogs.calls.filters import CUSTOM, CallFilter, format_date_range, from_query
from calllogs.models import ReportRun, SavedView
from calllogs.notifications import outbox
from calllogs.notifications.outbox import MailContent
from calllogs.statistics import aggregates
from calllogs.statistics.aggregates import Departments, Dimension, DimensionRow, Figures
from calllogs.statistics.periods import Period
from ivrportal.common.phone import mask
from settings_sync.models import Agent

MAX_ROWS = 8
CALLS_URL_NAME = "calllogs_report_calls"
LINK_PLACEHOLDER = "{calls of this run}"  # replaced by the link once the run has an id
_PHONE_NUMBER = re.compile(r"\+?\d(?:[\s().-]?\d){6,}")


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: str
    change: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a table with its bars. `width` (calls) and `missed_width` are percentages of the longest bar."""

    label: str
    calls: int
    missed: int
    width: int
    missed_width: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReportTable:
    title: str
    label_header: str
    rows: list[TableRow]
    more: str = ""
    note_header: str = ""  # empty if the rows have no notes


@dataclass(frozen=True, slots=True)
class MailHeatmap:
    """Calls by weekday and hour. A row is a weekday's name and a cell (calls, shade 0 to 4) per hour of `hours`."""

    hours: list[str]
    rows: list[tuple[str, list[tuple[int, int]]]] = field(default_factory=list)


def build_mail(run: ReportRun) -> MailContent:
    """The mail of a run, with `LINK_PLACEHOLDER` instead of the link to its calls. The report must have a maker."""
    period, visibility = Period.days(run.first, run.last), visibility_for(run.report.maker)
    previous_period, departments = period.before(), visibility.departments
    with aggregates.refreshed_counts():
        figures = aggregates.load_figures(period, departments)
        previous = aggregates.load_figures(previous_period, departments)
        tables = _build_tables(run, period, visibility)
        heatmap = _build_heatmap(period, departments) if run.first != run.last else None
    name, days = mask_numbers(run.report.name), format_date_range(run.first, run.last)
    context: dict[str, Any] = {
        "name": name,
        "days": date_format(run.first, "l, j F Y") if run.first == run.last else days,
        "departments": aggregates.departments_text(departments),
        "figures": _build_figures(figures, previous),
        "compared": format_date_range(previous_period.first_day, previous_period.last_day),
        "has_calls": figures.calls > 0,
        "tables": tables,
        "heatmap": heatmap,
        "waiting_count": queries.count_waiting_in(departments),
        "callbacks_url": outbox.build_absolute_url(reverse("admin:calllogs_missed")),
        "calls_url": LINK_PLACEHOLDER,
        "view": _describe_view(run.report.view, run, visibility),
        "zone": timezone.get_default_timezone_name(),
        "made": date_format(timezone.localtime(run.made_at), "j F Y, H:i"),
    }
    return MailContent(
        subject=f"{name}: {days}",
        text=render_to_string("calllogs/scheduled_reports/mail.txt", context),
        html=render_to_string("calllogs/scheduled_reports/mail.html", context),
    )


def insert_calls_link(mail: MailContent, run: ReportRun) -> MailContent:
    """Replace the placeholder by the link to the calls of the stored run."""
    link = outbox.build_absolute_url(reverse(f"admin:{CALLS_URL_NAME}", args=[run.pk]))
    return replace(
        mail,
        text=mail.text.replace(LINK_PLACEHOLDER, link),
        html=mail.html.replace(LINK_PLACEHOLDER, link),
    )


def build_call_filter(run: ReportRun) -> CallFilter:
    """The filter of the run's calls: the saved view's filter, limited to the run's days and the maker's departments."""
    view_filter = from_query(QueryDict(run.report.view.query if run.report.view else ""))
    visible = visibility_for(run.report.maker).departments if run.report.maker else None
    return replace(
        view_filter,
        departments=view_filter.departments or tuple(sorted(visible or ())),
        problems=(),
        period=CUSTOM,
        date_from=run.first,
        date_to=run.last,
    )


def mask_numbers(text: str) -> str:
    """Mask telephone numbers in names that users have chosen."""
    return _PHONE_NUMBER.sub(lambda match: mask(match[0]), text)


# --- figures -----------------------------------------------------------------------------------------------


def _build_figures(now: Figures, before: Figures) -> list[Figure]:
    return [
        Figure(_("Calls"), f"{now.calls:,}", _format_percent_change(now.calls, before.calls)),
        Figure(
            _("Answered"),
            _format_percent(now.answer_rate),
            _format_points_change(now.answer_rate, before.answer_rate),
        ),
        Figure(_("Missed"), f"{now.missed:,}", _format_percent_change(now.missed, before.missed)),
        Figure(_("Dropped"), f"{now.dropped:,}", _format_percent_change(now.dropped, before.dropped)),
        Figure(
            _("Average wait in the menu"),
            _format_duration(now.average_wait_s),
            _format_seconds_change(now.average_wait_s, before.average_wait_s),
        ),
        Figure(
            _("Average talk"),
            _format_duration(now.average_talk_s),
            _format_seconds_change(now.average_talk_s, before.average_talk_s),
        ),
    ]


def _format_percent(rate: float | None) -> str:
    return "–" if rate is None else f"{100 * rate:.1f} %"


def _format_duration(seconds: float | None) -> str:
    return (
        "–"
        if seconds is None
        else _("%(time)s min") % {"time": f"{int(seconds) // 60}:{int(seconds) % 60:02d}"}
    )


def _format_percent_change(now: int, before: int) -> str:
    return f"{100 * (now - before) / before:+.0f} %" if before else ""


def _format_points_change(now: float | None, before: float | None) -> str:
    if now is None or before is None:
        return ""
    return _("%(n)s points") % {"n": f"{100 * (now - before):+.1f}"}


def _format_seconds_change(now: float | None, before: float | None) -> str:
    return "" if now is None or before is None else _("%(n)s s") % {"n": f"{now - before:+.0f}"}


# --- tables ------------------------------------------------------------------------------------------------


def _build_tables(run: ReportRun, period: Period, visibility: CallVisibility) -> list[ReportTable]:
    dimensions = [
        (Dimension.DEPARTMENT, _("By department"), _("Department")),
        (Dimension.AGENT, _("By agent"), _("Agent")),
        (Dimension.VIRTUAL_NUMBER, _("By number called"), _("Number")),
        (Dimension.CIRCLE, _("By circle"), _("Circle")),
    ]
    departments, is_one_day = visibility.departments, run.first == run.last
    tables = [
        _build_hour_table(run.first, period, departments)
        if is_one_day
        else _build_day_table(period, departments)
    ]
    for dimension, title, label_header in dimensions:
        rows = aggregates.load_rows(dimension, period, departments)
        if dimension == Dimension.AGENT:
            rows = _filter_agent_rows(rows, visibility)
        if len(rows) < 2:
            continue  # a table of one row compares nothing
        counts = [(mask_numbers(row.label), row.figures.calls, row.figures.missed, "") for row in rows]
        more = len(counts) - MAX_ROWS
        more_text = _("and %(n)d more") % {"n": more} if more > 0 else ""
        tables.append(ReportTable(title, label_header, _build_table_rows(counts[:MAX_ROWS]), more_text))
    return tables


def _filter_agent_rows(rows: list[DimensionRow], visibility: CallVisibility) -> list[DimensionRow]:
    """Without calls that no agent took, which would dwarf the other rows, and without agents of other departments."""
    rows = [row for row in rows if row.value]
    if not visibility.is_limited:
        return rows
    visible = set(Agent.objects.filter(visibility.condition()).values_list("number", flat=True))
    return [row for row in rows if row.value in visible]


def _build_day_table(period: Period, departments: Departments) -> ReportTable:
    bars = aggregates.load_day_bars(period, departments)
    return ReportTable(
        _("By day"),
        _("Day"),
        _build_table_rows((date_format(bar.day, "D j M"), bar.calls, bar.missed, "") for bar in bars),
    )


def _build_hour_table(day: dt.date, period: Period, departments: Departments) -> ReportTable:
    """The hours from the first to the last with calls, each with the mean of the same hour of earlier weeks."""
    weeks = aggregates.load_same_weekdays(day, departments=departments)
    rows = []
    for bar in aggregates.load_hour_bars(period, departments):
        local = timezone.localtime(bar.start, timezone.get_default_timezone())
        usual = sum(week.cells[local.hour].calls for week in weeks) / len(weeks) if weeks else 0.0
        rows.append((time_format(local, "H:i"), bar.calls, bar.missed, f"{usual:.0f}" if weeks else ""))
    busy = [index for index, row in enumerate(rows) if row[1]]
    busy_rows = rows[busy[0] : busy[-1] + 1] if busy else []
    note_header = _("Usual on %(day)s") % {"day": date_format(day, "l")} if weeks else ""
    return ReportTable(_("By hour"), _("Hour"), _build_table_rows(busy_rows), note_header=note_header)


def _build_table_rows(rows: Iterable[tuple[str, int, int, str]]) -> list[TableRow]:
    rows = list(rows)
    most = max((calls for _label, calls, _missed, _note in rows), default=0) or 1
    return [
        TableRow(label, calls, missed, round(100 * calls / most), round(100 * missed / most), note)
        for label, calls, missed, note in rows
    ]


def _build_heatmap(period: Period, departments: Departments) -> MailHeatmap | None:
    cells = aggregates.load_heatmap(period, departments)
    used = [hour for hour in range(24) if any(row[hour].calls for row in cells)]
    if not used:
        return None
    hours = range(used[0], used[-1] + 1)
    most = max(cell.calls for row in cells for cell in row) or 1
    days = [date_format(dt.date(2024, 1, 1) + dt.timedelta(days=number), "D") for number in range(7)]
    return MailHeatmap(
        [str(hour) for hour in hours],
        [
            (days[number], [(row[hour].calls, -(-4 * row[hour].calls // most)) for hour in hours])
            for number, row in enumerate(cells)
        ],
    )


def _describe_view(
    view: SavedView | None, run: ReportRun, visibility: CallVisibility
) -> dict[str, str] | None:
    if view is None:
        return None
    count = (
        visible_filter.visible_filter_for(build_call_filter(run), visibility)
        .apply(visibility.calls().order_by())
        .count()
    )
    return {"name": mask_numbers(view.name), "count": f"{count:,}"}
