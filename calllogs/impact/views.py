"""The page “Effect of a change”: the curve of calls with the changes, and a comparison for the chosen change.

Query parameters: `period` is today, 7d, 30d (default), 90d or custom with `from` and `to`; `change` is a mark's key.
"""

import datetime as dt
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from calllogs.access.visibility import visibility_for
from calllogs.calls.query_params import QueryParams
from calllogs.impact import change_marks, chart, explanation, summary_text
from calllogs.impact.change_marks import ChangeMark, MarkStatus
from calllogs.impact.compare import compare_change
from calllogs.impact.comparison import Comparison, ComparisonSide
from calllogs.statistics import aggregates
from calllogs.statistics.periods import Period
from settings_sync import setting_address
from settings_sync.history import views

VIEW_PERMISSION = "calllogs.view_calllog"
URL_NAME = "calllogs_effect"
DEFAULT_PERIOD = "30d"
DAYS_BY_PERIOD = {"today": 1, "7d": 7, "30d": 30, "90d": 90}
PERIODS = {
    "today": gettext_lazy("Today"),
    "7d": gettext_lazy("7 days"),
    "30d": gettext_lazy("30 days"),
    "90d": gettext_lazy("90 days"),
    "custom": gettext_lazy("From – to"),
}
MAX_DAYS = 400  # calls are not kept longer by default
ICONS = {"hours": "schedule", "holiday": "celebration", "other": "event", "agent": "support_agent"}
COLOURS = {MarkStatus.IN_FORCE: "success", MarkStatus.SAVED: "base", MarkStatus.NOT_THERE: "warning"}


@dataclass(frozen=True, slots=True)
class ImpactParams:
    """The valid query parameters. Days are inclusive, in the portal's time zone. `problems` say what was ignored."""

    period: str
    first: dt.date
    last: dt.date
    change: str
    problems: list[str]

    def query(self, **changed: str) -> str:
        values = {"period": self.period}
        if self.period == "custom":
            values |= {"from": self.first.isoformat(), "to": self.last.isoformat()}
        return urlencode(values | {name: value for name, value in changed.items() if value})


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change in the list. `status` and `colour` are those of its badge."""

    icon: str
    text: str
    author: str
    status: str
    colour: str
    link: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class CountCell:
    """A day or a side in the tables of a comparison. A link is empty if the list of calls cannot show these days."""

    label: str
    calls: int
    missed: int
    share: str
    link: str = ""
    missed_link: str = ""


def get_urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("calllogs/effect/", site.admin_view(require_safe(impact_page)), name=URL_NAME)]


def impact_page(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(VIEW_PERMISSION):
        raise PermissionDenied
    now = timezone.now()
    params = parse_params(request, now)
    kinds = [
        kind
        for kind in change_marks.MARK_KINDS
        if request.user.has_perm(f"settings_sync.{views.VIEW_PERMISSIONS[kind]}")
    ]
    period = Period.days(params.first, params.last, now)
    departments = visibility_for(request.user).departments
    with aggregates.refreshed_counts() as is_up_to_date:
        loaded = change_marks.load_marks(period, kinds=kinds)
        in_period = change_marks.marks_within(loaded, period)
        marks = in_period.marks
        chosen = next((mark for mark in marks if mark.key == params.change), None)
        comparison = (
            compare_change(chosen, loaded, period, visible_departments=departments) if chosen else None
        )
        counted = comparison.period_days if comparison else None
        curve = chart.build_curve(period, marks, counted, departments=departments)
    context = {
        **admin.site.each_context(request),
        "title": _("Effect of a change"),
        "params": params,
        "period_links": [
            (label, f"?{urlencode({'period': name})}", name == params.period)
            for name, label in PERIODS.items()
            if name in DAYS_BY_PERIOD
        ],
        "is_up_to_date": is_up_to_date,
        "departments": aggregates.departments_text(departments),
        "may_see_changes": bool(kinds),
        "is_truncated": in_period.is_truncated,
        "most": change_marks.MAX_AGENT_SWITCHES,
        "days": _group_by_day(marks, params),
        "count": len(marks),
        "is_change_missing": bool(params.change) and chosen is None,
        "curve": curve,
        "chart_data": chart.build_chart_data(
            curve,
            marks,
            lambda key: _build_link(params, key),
            chosen_key=params.change,
            comparison=comparison,
        ),
        "result": _build_result(comparison) if comparison else None,
    }
    return TemplateResponse(request, "calllogs/impact/impact.html", context)


def parse_params(request: HttpRequest, now: dt.datetime) -> ImpactParams:
    """Invalid parameters are ignored and reported in `problems`."""
    query_params = QueryParams(request.GET)
    period = query_params.one_of("period", PERIODS, _("period"))
    first, last = query_params.day("from", _("first day")), query_params.day("to", _("last day"))
    change = request.GET.get("change", "")[:40]
    today = timezone.localdate(now, timezone.get_default_timezone())
    if period not in ("", "custom") or not (first or last):
        period = period if period in DAYS_BY_PERIOD else DEFAULT_PERIOD
        first = today - dt.timedelta(days=DAYS_BY_PERIOD[period] - 1)
        return ImpactParams(period, first, today, change, query_params.problems)
    last = min(last or today, today)
    first = first or last - dt.timedelta(days=29)
    if last < first:
        query_params.add_problem(_("The period ends before it begins, so the last day alone is shown."))
        first = last
    if (last - first).days >= MAX_DAYS:
        query_params.add_problem(
            _("That is a long time: the last %(days)d days of it are shown.") % {"days": MAX_DAYS}
        )
        first = last - dt.timedelta(days=MAX_DAYS - 1)
    return ImpactParams("custom", first, last, change, query_params.problems)


# --- the list of changes ---------------------------------------------------------------------------------


def _group_by_day(
    marks: tuple[ChangeMark, ...], params: ImpactParams
) -> list[tuple[dt.date, list[ChangeRow]]]:
    """Newest day first, and newest change first within a day."""
    rows = [(mark.day, _build_row(mark, params)) for mark in reversed(marks)]
    return [(day, [row for _day, row in group]) for day, group in groupby(rows, key=lambda row: row[0])]


def _build_row(mark: ChangeMark, params: ImpactParams) -> ChangeRow:
    return ChangeRow(
        icon=ICONS[mark.kind],
        text=summary_text.describe_mark(mark),
        author=views.author_name(mark.changes[0].row),
        status=summary_text.describe_status(mark),
        colour=COLOURS[mark.status],
        link=_build_link(params, mark.key),
        is_chosen=mark.key == params.change,
    )


def _build_link(params: ImpactParams, key: str) -> str:
    return f"?{params.query(change=key)}#effect"


# --- the comparison --------------------------------------------------------------------------------------


def _build_result(comparison: Comparison) -> dict[str, Any]:
    """Context of `calllogs/impact/result.html`."""
    result: dict[str, Any] = {
        "title": summary_text.describe_mark(comparison.mark),
        "status": summary_text.describe_status(comparison.mark),
        "colour": COLOURS[comparison.mark.status],
        "problem": explanation.describe_problem(comparison),
        "sentence": summary_text.build_sentence(comparison),
        "touched_sentence": summary_text.build_touched_sentence(comparison),
        "explanation": explanation.build_lines(comparison),
        "rule": summary_text.RULE,
    }
    if comparison.significance:
        result["verdict"], result["verdict_colour"] = summary_text.describe_verdict(comparison.significance)
        sides = [(_("Before"), comparison.before), (_("After"), comparison.after)]
        result["sides"] = [_build_side_cell(comparison, side, name) for name, side in sides]
        result["days_by_side"] = [
            (name, [_build_day_cell(comparison, side, index) for index in range(len(side.days))])
            for name, side in sides
        ]
        result["has_few_days"] = len(comparison.before.days) <= 8
    if comparison.touched_significance:
        verdict, colour = summary_text.describe_verdict(comparison.touched_significance)
        result["touched_verdict"], result["touched_verdict_colour"] = verdict, colour
    return result


def _build_side_cell(comparison: Comparison, side: ComparisonSide, name: str) -> CountCell:
    """Links only to days that one list can show: consecutive days, or the same weekday of consecutive weeks."""
    total, departments = side.total, _compared_departments(comparison)
    link = missed_link = ""
    first, last = min(side.days), max(side.days)
    length, weekdays = (last - first).days, {day.weekday() for day in side.days}
    if len(side.days) == length + 1:
        link, missed_link = chart.build_call_links(first, last, departments=departments)
    elif len(weekdays) == 1 and len(side.days) == length // 7 + 1:
        weekday = setting_address.WEEKDAYS[first.weekday()]
        link, missed_link = chart.build_call_links(first, last, departments=departments, weekday=weekday)
    return CountCell(
        name, total.calls, total.missed, summary_text.format_percent(total.rate), link, missed_link
    )


def _compared_departments(comparison: Comparison) -> aggregates.Departments:
    """The departments whose calls are compared; None means all."""
    return [comparison.agent_department] if comparison.agent_department else comparison.visible_departments


def _build_day_cell(comparison: Comparison, side: ComparisonSide, index: int) -> CountCell:
    day, count = side.days[index], side.counts[index]
    link, missed_link = chart.build_call_links(day, day, departments=_compared_departments(comparison))
    return CountCell(
        date_format(day, "D j M Y"),
        count.calls,
        count.missed,
        summary_text.format_percent(count.rate) if count.calls else "–",
        link,
        missed_link,
    )
