"""The effect of a change: the curve of calls with a mark for each change, and for a chosen one before and after.

`?period=` today, 7d, 30d (the default), 90d or custom with `from` and `to`; `change` is a mark's key.
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
from calllogs.impact import Mark, Standing, change_marks, chart, explanation, summary_text
from calllogs.impact.compare import Comparison, Side, compare
from calllogs.statistics import aggregates
from calllogs.statistics.periods import Period
from settings_sync import setting_address
from settings_sync.history import views

VIEW = "calllogs.view_calllog"
NAME = "calllogs_effect"
USUAL = "30d"
DAYS = {"today": 1, "7d": 7, "30d": 30, "90d": 90}
PERIODS = {
    "today": gettext_lazy("Today"),
    "7d": gettext_lazy("7 days"),
    "30d": gettext_lazy("30 days"),
    "90d": gettext_lazy("90 days"),
    "custom": gettext_lazy("From – to"),
}
LONGEST = 400  # days; the calls are not kept for longer
ICONS = {"hours": "schedule", "holiday": "celebration", "other": "event", "agent": "support_agent"}
COLOURS = {Standing.IN_FORCE: "success", Standing.SAVED: "base", Standing.NOT_THERE: "warning"}


@dataclass(frozen=True, slots=True)
class ImpactParams:
    """What the address bar says, as far as it makes sense. Days are inclusive, in the portal's zone."""

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
class Row:
    """A change in the list."""

    key: str
    icon: str
    what: str
    who: str
    standing: str
    colour: str
    link: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One day, or one side, in the table of a comparison; empty links lead nowhere."""

    words: str
    calls: int
    missed: int
    share: str
    link: str = ""
    missed_link: str = ""


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("calllogs/effect/", site.admin_view(require_safe(page)), name=NAME)]


def page(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    now = timezone.now()
    asked = asked_of(request, now)
    kinds = [
        kind for kind in change_marks.MARKED if request.user.has_perm(f"settings_sync.{views.SEEN_BY[kind]}")
    ]
    period = Period.days(asked.first, asked.last, now)
    departments = visibility_for(request.user).departments
    with aggregates.level() as is_level:
        whole = change_marks.read(period, kinds=kinds)
        shown = change_marks.within(whole, period)
        chosen = next((mark for mark in shown.found if mark.key == asked.change), None)
        found = compare(chosen, whole, period, among=departments) if chosen else None
        curve = chart.curve(period, shown.found, found.days if found else None, departments=departments)
    context = {
        **admin.site.each_context(request),
        "title": _("Effect of a change"),
        "asked": asked,
        "periods": PERIODS.items(),
        "quick": [
            (words_, f"?{urlencode({'period': name})}", name == asked.period)
            for name, words_ in PERIODS.items()
            if name in DAYS
        ],
        "is_level": is_level,
        "whose": aggregates.departments_words(departments),
        "may_see": bool(kinds),
        "is_cut": shown.is_cut,
        "most": change_marks.MOST_SWITCHES,
        "days": _days(shown.found, asked),
        "count": len(shown.found),
        "is_gone": bool(asked.change) and chosen is None,
        "curve": curve,
        "drawn": chart.drawn(
            curve, shown.found, lambda key: _link(asked, key), chosen=asked.change, found=found
        ),
        "found": _found(found) if found else None,
    }
    return TemplateResponse(request, "calllogs/impact/impact.html", context)


def asked_of(request: HttpRequest, now: dt.datetime) -> ImpactParams:
    """What makes no sense is left out and told."""
    reading = QueryParams(request.GET)
    period = reading.one_of("period", PERIODS, _("period"))
    first, last = reading.day("from", _("first day")), reading.day("to", _("last day"))
    change = request.GET.get("change", "")[:40]
    today = timezone.localdate(now, timezone.get_default_timezone())
    if period not in ("", "custom") or not (first or last):
        period = period if period in DAYS else USUAL
        return ImpactParams(
            period, today - dt.timedelta(days=DAYS[period] - 1), today, change, reading.problems
        )
    last = min(last or today, today)
    first = first or last - dt.timedelta(days=29)
    if last < first:
        reading.problem(_("The period ends before it begins, so the last day alone is shown."))
        first = last
    if (last - first).days >= LONGEST:
        reading.problem(_("That is a long time: the last %(days)d days of it are shown.") % {"days": LONGEST})
        first = last - dt.timedelta(days=LONGEST - 1)
    return ImpactParams("custom", first, last, change, reading.problems)


# --- the list --------------------------------------------------------------------------------------------


def _days(found: tuple[Mark, ...], asked: ImpactParams) -> list[tuple[dt.date, list[Row]]]:
    """The newest day first, and on a day the newest change."""
    rows = [(mark.day, _row(mark, asked)) for mark in reversed(found)]
    return [(day, [row for _day, row in group]) for day, group in groupby(rows, key=lambda row: row[0])]


def _row(mark: Mark, asked: ImpactParams) -> Row:
    return Row(
        key=mark.key,
        icon=ICONS[mark.kind],
        what=summary_text.what(mark),
        who=views.who(mark.changes[0].row),
        standing=summary_text.standing(mark),
        colour=COLOURS[mark.standing],
        link=_link(asked, mark.key),
        is_chosen=mark.key == asked.change,
    )


def _link(asked: ImpactParams, key: str) -> str:
    return f"?{asked.query(change=key)}#effect"


# --- what came of it -------------------------------------------------------------------------------------


def _found(found: Comparison) -> dict[str, Any]:
    """What `effect_found.html` draws."""
    told: dict[str, Any] = {
        "what": summary_text.what(found.mark),
        "standing": summary_text.standing(found.mark),
        "colour": COLOURS[found.mark.standing],
        "problem": explanation.problem(found),
        "sentence": summary_text.sentence(found),
        "touched": summary_text.touched(found),
        "lines": explanation.lines(found),
        "rule": summary_text.RULE,
    }
    if found.judged:
        told["verdict"], told["verdict_colour"] = summary_text.verdict(found.judged)
        told["sides"] = [_side(found, found.before, _("Before")), _side(found, found.after, _("After"))]
        told["days"] = [
            (name, [_cell(found, side, number) for number in range(len(side.days))])
            for name, side in ((_("Before"), found.before), (_("After"), found.after))
        ]
        told["is_short"] = len(found.before.days) <= 8
    if found.judged_touched:
        told["verdict_touched"], told["verdict_touched_colour"] = summary_text.verdict(found.judged_touched)
    return told


def _side(found: Comparison, side: Side, name: str) -> Cell:
    """Linked only where the list can show exactly these days: all in a row, or each of one weekday in a row."""
    whole, link, missed_link = side.whole, "", ""
    first, last = min(side.days), max(side.days)
    length, weekdays = (last - first).days, {day.weekday() for day in side.days}
    if len(side.days) == length + 1:
        link, missed_link = chart.links(first, last, departments=_departments(found))
    elif len(weekdays) == 1 and len(side.days) == length // 7 + 1:
        weekday = setting_address.WEEKDAYS[first.weekday()]
        link, missed_link = chart.links(first, last, departments=_departments(found), weekday=weekday)
    return Cell(name, whole.calls, whole.missed, summary_text.percent(whole.rate), link, missed_link)


def _departments(found: Comparison) -> aggregates.Departments:
    """Those whose calls are compared; None is all."""
    return [found.department] if found.department else found.among


def _cell(found: Comparison, side: Side, number: int) -> Cell:
    day, counted = side.days[number], side.counts[number]
    link, missed_link = chart.links(day, day, departments=_departments(found))
    return Cell(
        date_format(day, "D j M Y"),
        counted.calls,
        counted.missed,
        summary_text.percent(counted.rate) if counted.calls else "–",
        link,
        missed_link,
    )
