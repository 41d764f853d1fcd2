"""The figures of a period as the home screen shows them. Three queries; four if the counts are not up to date."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from calllogs.calls.filters import format_date_range
from calllogs.dashboard import charts as dashboard_charts
from calllogs.dashboard.breakdowns import (
    DimensionSection,
    Heatmap,
    build_heatmap,
    build_section,
    visible_values,
)
from calllogs.dashboard.charts import Chart
from calllogs.dashboard.query_params import CallListLinks, DashboardParams
from calllogs.dashboard.tiles import MissedCallerCounts, Tile, build_tiles, build_waiting_tile
from calllogs.models import CallLog
from calllogs.statistics import aggregates
from calllogs.statistics.aggregates import Departments, Dimension, Figures
from calllogs.statistics.periods import Period, day_of
from ivrportal.common.query_timeout import query_timeout

MAX_COUNT_AGE_S = 10.0  # a page does not refresh the counts if a worker did so more recently
QUERY_TIMEOUT_MS = 3_000  # for each query; after it the home screen reports that there are no figures
# In this order, because sections beside each other then have about the same height.
_DIMENSIONS = (Dimension.AGENT, Dimension.CIRCLE, Dimension.DEPARTMENT, Dimension.VIRTUAL_NUMBER)


@dataclass(frozen=True, slots=True)
class DashboardPage:
    params: DashboardParams
    comparison: str
    is_current: bool
    is_empty: bool
    is_new: bool
    tiles: list[Tile] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    sections: list[DimensionSection] = field(default_factory=list)
    left_out_note: str = ""
    heatmap: Heatmap | None = None


def load_page(
    params: DashboardParams,
    *,
    names: Mapping[str, str],
    waiting: MissedCallerCounts | None,
    departments: Departments = None,
) -> DashboardPage:
    """Load the figures of a period.

    `names`: agent names by number. `waiting`: None if the user may not see missed callers. `departments` limits the
    calls, and the rows of agents to those in `names`. Raises DatabaseError and QueryTimeout.
    """
    period, day = params.period, min(params.last, day_of(params.period.now))
    is_one_day = params.first == params.last
    # Counts by agent, number and circle within some departments are not stored. Counting the calls of one day is cheap.
    dimensions = _DIMENSIONS if departments is None or is_one_day else (Dimension.DEPARTMENT,)
    with (
        aggregates.refreshed_counts(max_age_s=MAX_COUNT_AGE_S) as is_current,
        query_timeout(QUERY_TIMEOUT_MS),
    ):
        requests = [(period, [Dimension.TOTAL, *dimensions]), (period.before(), [Dimension.TOTAL])]
        found, before = aggregates.load_counts(requests, departments)
        hours = aggregates.load_hourly(
            period, Period.days(day, day), *aggregates.same_weekday_periods(day), departments=departments
        )
        is_new = not found and not hours and not CallLog.objects.exists()
    total, previous = (counts.get((Dimension.TOTAL, ""), Figures()) for counts in (found, before))
    if not total.calls:
        return DashboardPage(params, _comparison_text(period), is_current, True, is_new)
    links = CallListLinks(params.first, params.last, departments=departments)
    charts = [dashboard_charts.build_hour_chart(day, period.now, hours, links.for_day(day))]
    if not is_one_day:
        charts.append(dashboard_charts.build_day_chart(aggregates.sum_days(period, hours), links))
    sections = [
        build_section(
            dimension,
            visible_values(dimension, found, names, departments),
            names,
            links,
            is_whole=departments is None,
        )
        for dimension in dimensions
    ]
    heatmap = None if is_one_day else build_heatmap(aggregates.sum_heatmap(period, hours), links)
    waiting_tile = build_waiting_tile(waiting, period) if waiting else None
    tiles = build_tiles(total, previous, links, waiting_tile)
    left_out_note = "" if len(dimensions) == len(_DIMENSIONS) else _build_left_out_note()
    return DashboardPage(
        params,
        _comparison_text(period),
        is_current,
        False,
        False,
        tiles,
        charts,
        sections,
        left_out_note,
        heatmap,
    )


def _comparison_text(period: Period) -> str:
    """Text that names the period of comparison."""
    before = period.before()
    days = format_date_range(before.first_day, before.last_day)
    if period.so_far() == period:
        return _("compared with %(days)s") % {"days": days}
    clock = date_format(localtime(before.end), "H:i")
    if before.first_day == before.last_day:
        return _("compared with %(days)s until %(time)s") % {"days": days, "time": clock}
    return _("compared with %(days)s, the last of them until %(time)s") % {"days": days, "time": clock}


def _build_left_out_note() -> str:
    return _(
        "By agent, number called and circle: for a single day here; over more days these are shown to people who see "
        "all departments."
    )
