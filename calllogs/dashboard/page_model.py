"""What the calls of a period come to, as the home screen draws it. Three queries; four if the counts are not level."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from calllogs.callbacks import hourly_counts
from calllogs.calls.filters import period_words
from calllogs.dashboard import change_indicator as change
from calllogs.dashboard import charts as dashboard_charts
from calllogs.dashboard.change_indicator import Change, Kind
from calllogs.dashboard.charts import Chart
from calllogs.dashboard.query_params import MISSED, DashboardParams, Links
from calllogs.formatting import clock_text
from calllogs.models import CallLog
from calllogs.statistics import aggregates
from calllogs.statistics.aggregates import Departments, Dimension, Figures
from calllogs.statistics.periods import Period, day_of
from ivrportal.common.query_timeout import query_timeout
from settings_sync import setting_address

OLD_S = 10.0  # while a worker counts what comes, a page does not
READ_MS = 3_000  # each query; a home screen that takes longer says so instead
SHOWN = 8  # of a dimension; the others are a press away
LEVELS = 5
_ANSWERED: dict[str, Any] = {"statuses": (CallLog.Status.ANSWERED.value,)}
# In pairs of about the same height.
_KINDS = (Dimension.AGENT, Dimension.CIRCLE, Dimension.DEPARTMENT, Dimension.VIRTUAL_NUMBER)


class MissedCallerCounts(NamedTuple):
    """Missed callers who wait for a call back, and how many did when the hour began in which the period before ended;
    None if nobody counted then."""

    now: int
    then: int | None = None


@dataclass(frozen=True, slots=True)
class Tile:
    title: str
    figure: str
    icon: str
    link: str
    change: Change | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a dimension. `width` is of a hundred; `missed_width` too, from the same beginning."""

    label: str
    link: str
    calls: str
    width: float
    rate: str
    missed: str
    missed_width: float
    missed_link: str


@dataclass(frozen=True, slots=True)
class Part:
    """A dimension: the rows that are shown at once, and the others."""

    title: str
    shown: list[Line]
    others: list[Line]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Heat:
    """`rows`: the hour's words, and seven cells (level, calls, missed, words, link). `weekdays`: short and long."""

    weekdays: list[tuple[str, str]]
    rows: list[tuple[str, list[tuple[int, str, str, str, str]]]]


@dataclass(frozen=True, slots=True)
class DashboardPage:
    asked: DashboardParams
    compared: str
    is_level: bool
    is_empty: bool
    is_new: bool
    tiles: list[Tile] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    left_out: str = ""
    heat: Heat | None = None


def read(
    asked: DashboardParams,
    *,
    names: Mapping[str, str],
    waiting: MissedCallerCounts | None,
    departments: Departments = None,
) -> DashboardPage:
    """`names` of agents by number; `waiting`: how many missed callers do, None if the person should not know.

    With `departments` only their calls count, and only the agents of `names` have rows. Raises DatabaseError, and
    TookTooLong.
    """
    period, day = asked.period, min(asked.last, day_of(asked.period.now))
    is_one_day = asked.first == asked.last
    # Of agents, numbers and circles within some departments there are no counts, only the calls: a day of them is few.
    kinds = _KINDS if departments is None or is_one_day else (Dimension.DEPARTMENT,)
    with aggregates.level(old_s=OLD_S) as is_level, query_timeout(READ_MS):
        wanted = [(period, [Dimension.TOTAL, *kinds]), (period.before(), [Dimension.TOTAL])]
        found, before = aggregates.several(wanted, departments)
        hours = aggregates.hourly(
            period, Period.days(day, day), *aggregates.same_days(day), departments=departments
        )
        is_new = not found and not hours and not CallLog.objects.exists()
    total, former = (one.get((Dimension.TOTAL, ""), Figures()) for one in (found, before))
    if not total.calls:
        return DashboardPage(asked, _compared(period), is_level, True, is_new)
    links = Links(asked.first, asked.last, departments=departments)
    charts = [dashboard_charts.by_hour(day, period.now, hours, links.on(day))]
    if not is_one_day:
        charts.append(dashboard_charts.by_day(aggregates.days_of(period, hours), links))
    parts = [
        _part(kind, _shown(kind, found, names, departments), names, links, is_whole=departments is None)
        for kind in kinds
    ]
    heat = None if is_one_day else _heat(aggregates.heat_of(period, hours), links)
    open_now = _still_open(waiting, period) if waiting else None
    tiles = _tiles(total, former, links, open_now)
    left_out = "" if len(kinds) == len(_KINDS) else _left_out()
    return DashboardPage(
        asked, _compared(period), is_level, False, False, tiles, charts, parts, left_out, heat
    )


# --- tiles -----------------------------------------------------------------------------------------------


def _compared(period: Period) -> str:
    """What the changes are changes from."""
    before = period.before()
    days = period_words(before.first_day, before.last_day)
    if period.so_far() == period:
        return _("compared with %(days)s") % {"days": days}
    clock = date_format(localtime(before.end), "H:i")
    if before.first_day == before.last_day:
        return _("compared with %(days)s until %(time)s") % {"days": days, "time": clock}
    return _("compared with %(days)s, the last of them until %(time)s") % {"days": days, "time": clock}


def _still_open(waiting: MissedCallerCounts, period: Period) -> Tile:
    """Now, against when the period before ended, to the hour: only if somebody counted then."""
    then = hourly_counts.hour_of(period.before().end)
    note = _("missed callers, at this moment")
    changed = None
    if waiting.then is not None:
        changed = change.of_count(waiting.now, waiting.then, Kind(_("more"), _("fewer"), is_good=False))
        clock = date_format(localtime(then), "j M, H:i")
        words = (
            _("at this moment, against %(then)s")
            if waiting.then
            else _("at this moment; nobody waited %(then)s")
        )
        note = words % {"then": clock}
    desk = reverse("admin:calllogs_missed")
    return Tile(_("Still to call back"), intcomma(waiting.now), "phone_callback", desk, changed, note)


def _tiles(now: Figures, before: Figures, links: Links, open_now: Tile | None) -> list[Tile]:
    more, fewer, longer, shorter = _("more"), _("fewer"), _("longer"), _("shorter")
    calls = change.of_count(now.calls, before.calls, Kind(more, fewer))
    rate = change.of_share(now.answer_rate, before.answer_rate, Kind(_("higher"), _("lower"), is_good=True))
    missed = change.of_count(now.missed, before.missed, Kind(more, fewer, is_good=False))
    wait = change.of_seconds(now.average_wait_s, before.average_wait_s, Kind(longer, shorter, is_good=False))
    talk = change.of_seconds(now.average_talk_s, before.average_talk_s, Kind(longer, shorter))
    nothing = _("No calls to compare with")
    return [
        Tile(_("Calls"), intcomma(now.calls), "call", links.to(), calls, "" if calls else nothing),
        Tile(
            _("Answer rate"), share(now.answer_rate), "phone_in_talk", links.to(**_ANSWERED), rate,
            "" if rate else nothing,
        ),
        Tile(
            _("Missed calls"), intcomma(now.missed), "phone_missed", links.to(**MISSED), missed,
            "" if missed else _("None to compare with"),
        ),
        *([open_now] if open_now else []),
        Tile(_("Average wait"), _clock(now.average_wait_s), "hourglass_top", links.to(), wait, _("in the menu")),
        Tile(
            _("Average talk"), _clock(now.average_talk_s), "forum", links.to(**_ANSWERED), talk,
            _("of answered calls"),
        ),
    ]  # fmt: skip


def share(value: float | None) -> str:
    """`87 %`; never a hundred if one is missing, nor zero if there is one."""
    if value is None:
        return "–"
    percent = round(value * 100)
    percent = 99 if percent == 100 and value < 1 else 1 if percent == 0 and value > 0 else percent
    return f"{percent} %"


def _clock(seconds: float | None) -> str:
    return clock_text(None if seconds is None else round(seconds))


# --- by agent, department, virtual number and circle ---------------------------------------------------------


def _shown(
    kind: str,
    found: Mapping[tuple[str, str], Figures],
    names: Mapping[str, str],
    departments: Departments,
) -> dict[str, Figures]:
    """Whoever sees some departments sees their agents; another's agent may have answered one of their calls."""
    values = {value: of for (k, value), of in found.items() if k == kind}
    if kind != Dimension.AGENT or departments is None:
        return values
    return {value: of for value, of in values.items() if not value or value in names}


def _left_out() -> str:
    return _(
        "By agent, number called and circle: for a single day here; over more days these are shown to people who see "
        "all departments."
    )


def _part(
    kind: str, found: dict[str, Figures], names: Mapping[str, str], links: Links, *, is_whole: bool
) -> Part:
    titles = {
        Dimension.AGENT.value: _("By agent"),
        Dimension.DEPARTMENT.value: _("By department"),
        Dimension.VIRTUAL_NUMBER.value: _("By number called"),
    }
    rows = aggregates.rows(kind, found, names)
    rows.sort(key=lambda row: not row.value)  # calls without one stand last, and do not dwarf the others
    most = max((row.figures.calls for row in rows if row.value), default=0) or 1
    lines = [
        Line(
            row.label,
            links.of(kind, row.value),
            intcomma(row.figures.calls),
            round(min(1, row.figures.calls / most) * 100, 1),
            share(row.figures.answer_rate),
            intcomma(row.figures.missed),
            round(min(1, row.figures.missed / most) * 100, 1),
            links.of(kind, row.value, **MISSED) if row.figures.missed else "",
        )
        for row in rows
    ]
    note = _("Only agents of these departments.") if kind == Dimension.AGENT and not is_whole else ""
    return Part(titles.get(kind, _("By circle")), lines[:SHOWN], lines[SHOWN:], note)


# --- heat ------------------------------------------------------------------------------------------------


def _heat(cells: list[list[aggregates.Cell]], links: Links) -> Heat:
    """The hours from the first to the last that had calls on any weekday."""
    busy = [hour for hour in range(24) if any(weekday[hour].calls for weekday in cells)]
    most = max(cell.calls for weekday in cells for cell in weekday) or 1
    monday = dt.date(2024, 1, 1)
    days = [monday + dt.timedelta(days=number) for number in range(7)]
    weekdays = [(date_format(day, "D"), date_format(day, "l")) for day in days]
    base = links.to()
    rows = []
    for hour in range(busy[0], busy[-1] + 1) if busy else ():
        row = []
        for number, (_short, long) in enumerate(weekdays):
            calls, missed = cells[number][hour]
            level = -(-calls * LEVELS // most)
            words = _("%(weekday)s %(hour)s: %(calls)s calls, %(missed)s missed") % {
                "weekday": long, "hour": f"{hour:02d}:00", "calls": intcomma(calls), "missed": intcomma(missed),
            }  # fmt: skip
            link = f"{base}&weekday={setting_address.WEEKDAYS[number]}&hour={hour}" if calls else ""
            row.append((level, _compact(calls), _compact(missed), words, link))
        rows.append((f"{hour:02d}", row))
    return Heat(weekdays, rows)


def _compact(number: int) -> str:
    """At most four signs: `987`, `1.2k`, `31k`."""
    if number < 1000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 9950 else f"{round(number / 1000)}k"
