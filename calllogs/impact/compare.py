"""Compares the calls before and after a change on comparable days.

A lasting change is compared on the same weekdays, with up to four of each before it and as many after it, the nearest
ones. No side reaches past another change of the same setting or into today, or includes the day of the change.
Holidays and dates with their own hours are left out. A holiday or the hours of one date are compared with the same
weekday of the weeks before.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils import timezone

from calllogs.calls.office_hours_sql import midnight
from calllogs.impact import bounds, day_counts, minute_spans, significance
from calllogs.impact.change_marks import AGENT, HOURS, OTHER, ChangeMark, ChangeMarks, MarkStatus
from calllogs.impact.comparison import Comparison, ComparisonProblem, ComparisonSide
from calllogs.impact.day_counts import DayCount
from calllogs.impact.minute_spans import MinuteSpan
from calllogs.statistics.periods import Period
from calllogs.statistics.queries import Departments
from settings_sync import setting_address
from settings_sync.models import OfficeHours

MAX_WEEKS = 4
MAX_EXACT_DAYS = (
    16  # with more days, touched spans are widened to whole hours, which need no query of single calls
)
# More than MAX_WEEKS, so that a few holidays do not shorten a side; less than `change_marks.HISTORY_MARGIN`.
MAX_DISTANCE = dt.timedelta(weeks=8)
DAY = dt.timedelta(days=1)
ALL_WEEKDAYS = tuple(range(7))
CountsByDate = dict[dt.date, DayCount]


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What limits a comparison. `hours_marks` are the changes of hours that callers met."""

    today: dt.date
    period: Period
    hours_marks: list[ChangeMark]
    special_dates: Mapping[dt.date, str]


def compare_change(
    mark: ChangeMark, loaded: ChangeMarks, period: Period, *, visible_departments: Departments = None
) -> Comparison:
    """Compare the calls before and after a mark, in at most three queries.

    `loaded` is the result of `change_marks.load_marks` for `period`, which contains the mark. Only calls of
    `visible_departments` are counted; None means all.
    """
    result = Comparison(mark, visible_departments=visible_departments)
    if mark.status == MarkStatus.NOT_THERE:
        result.problem = ComparisonProblem.TAKEN_OFF if mark.delivery.at else ComparisonProblem.NOT_THERE
        return result
    surroundings = _Surroundings(
        today=timezone.localdate(period.now, timezone.get_default_timezone()),
        period=period,
        hours_marks=[
            other for other in loaded.marks if other.kind == HOURS and other.status != MarkStatus.NOT_THERE
        ],
        special_dates=loaded.special_dates,
    )
    if mark.date:
        _compare_date(result, mark.date, surroundings)
    else:
        _compare_lasting_change(result, surroundings)
    return result


# --- a lasting change ------------------------------------------------------------------------------------


def _compare_lasting_change(result: Comparison, surroundings: _Surroundings) -> None:
    mark, weekdays = result.mark, result.mark.weekdays or ALL_WEEKDAYS
    special_dates = surroundings.special_dates
    if mark.kind == HOURS:
        limits = bounds.bounds_for_hours(mark, surroundings.hours_marks)
    else:
        limits = bounds.bounds_for_agents(mark)
    result.changed_again_at, result.changes_that_day = limits.changed_again_at, limits.changes_that_day
    result.weekdays = mark.weekdays
    if limits.changed_again_at:
        result.problem = ComparisonProblem.CHANGED_AGAIN
        return
    earliest = max(mark.day - MAX_DISTANCE, (limits.since or dt.date.min) + DAY)
    before = _dates_on_weekdays(earliest, mark.day - DAY, weekdays)[::-1]
    end = min(limits.until or dt.date.max, surroundings.today, mark.day + MAX_DISTANCE)
    after = _dates_on_weekdays(mark.day + DAY, end - DAY, weekdays)
    if not after:
        is_too_soon = end == surroundings.today
        result.problem = ComparisonProblem.NOT_OVER if is_too_soon else ComparisonProblem.CHANGED_AGAIN
        result.changed_again_at = midnight(limits.until) if limits.until else None
        return
    before = _without_special_dates(result, before, special_dates)
    after = _without_special_dates(result, after, special_dates)
    result.spans = _find_touched_spans(mark, limits.first_mark or mark)
    likely = [date for pair in _pair_days(before, after) for date in pair]
    if len(likely) > MAX_EXACT_DAYS:
        widened = tuple(map(minute_spans.widen_to_hours, result.spans))
        result.spans, result.are_spans_widened = widened, widened != result.spans
    counts = _count_calls(result, [*before, *after], surroundings.period, likely)
    before = [date for date in before if counts[date].whole.calls]
    after = [date for date in after if counts[date].whole.calls]
    pairs = _pair_days(before, after)
    if not pairs:
        if before and after:
            result.problem = ComparisonProblem.NO_LIKE_DAYS
        else:
            result.problem = ComparisonProblem.NO_CALLS_AFTER if before else ComparisonProblem.NO_CALLS_BEFORE
        result.since, result.until = limits.since, limits.until
        return
    if missing := [date for pair in pairs for date in pair if date not in likely]:
        day_counts.add_partial_hours(counts, result.spans, missing, departments=result.visible_departments)
    _fill_sides(result, [one for one, _other in pairs], [other for _one, other in pairs], counts)
    if result.weeks < MAX_WEEKS:
        is_limited_before = len(before) <= len(after)
        result.since = limits.since if is_limited_before else None
        result.until = None if is_limited_before else limits.until
        result.is_recent = not is_limited_before and limits.until is None
    compared = {*result.before.days, *result.after.days}
    result.left_out = tuple(
        (date, special_dates[date])
        for date in _dates_on_weekdays(min(compared), max(compared), weekdays)
        if date in special_dates and date not in compared and date != mark.day
    )


def _dates_on_weekdays(first: dt.date, last: dt.date, weekdays: Sequence[int]) -> list[dt.date]:
    days = [first + DAY * ahead for ahead in range((last - first).days + 1)]
    return [day for day in days if day.weekday() in weekdays]


def _without_special_dates(
    result: Comparison, dates: list[dt.date], special_dates: Mapping[dt.date, str]
) -> list[dt.date]:
    """Without special dates. If all dates are special, as on closed weekdays, they are kept."""
    usual = [date for date in dates if date not in special_dates]
    if usual or not dates:
        return usual
    result.has_only_holidays = True
    return dates


def _pair_days(before: list[dt.date], after: list[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """The nearest days of each weekday, as many before as after, at most `MAX_WEEKS`."""
    pairs: list[tuple[dt.date, dt.date]] = []
    for weekday in ALL_WEEKDAYS:
        sides = ([date for date in side if date.weekday() == weekday][:MAX_WEEKS] for side in (before, after))
        pairs += zip(*sides, strict=False)
    return pairs


def _find_touched_spans(mark: ChangeMark, first_mark: ChangeMark) -> tuple[MinuteSpan, ...]:
    """The hours that a change opened or closed; empty if they differ between weekdays.

    The old hours are those before `first_mark`, the first change of that day.
    """
    if mark.kind != HOURS:
        return ()
    differences = set()
    old_rows = {change.row.day: change.before for change in first_mark.changes}
    for change in mark.changes:
        before = old_rows.get(change.row.day, change.before)
        if before is None:
            return ()
        new_hours = (change.row.opens_at, change.row.closes_at)
        differences.add(minute_spans.difference((before.opens_at, before.closes_at), new_hours))
    return differences.pop() if len(differences) == 1 else ()


# --- a holiday or the hours of one date ------------------------------------------------------------------


def _compare_date(result: Comparison, date: dt.date, surroundings: _Surroundings) -> None:
    if date >= surroundings.today:
        result.problem = ComparisonProblem.NOT_OVER
        return
    result.weekdays = (date.weekday(),)
    same_weekday = [other for other in surroundings.hours_marks if date.weekday() in other.weekdays]
    since = max((other.day for other in same_weekday if other.day <= date), default=None)
    earliest = max(date - MAX_DISTANCE, (since or dt.date.min) + DAY)
    candidates = _dates_on_weekdays(earliest, date - DAY, result.weekdays)[::-1]
    before = [day for day in candidates if day not in surroundings.special_dates]
    if result.mark.kind == OTHER:
        result.spans = _find_touched_spans_of_date(result.mark, same_weekday)
    counts = _count_calls(result, [*before, date], surroundings.period, [*before, date])
    before = [day for day in before if counts[day].whole.calls][:MAX_WEEKS]
    if not before or not counts[date].whole.calls:
        result.problem = ComparisonProblem.NO_CALLS_AFTER if before else ComparisonProblem.NO_CALLS_BEFORE
        result.since = since
        return
    _fill_sides(result, before, [date], counts)
    result.since = since if len(before) < MAX_WEEKS else None
    result.left_out = tuple(
        (day, surroundings.special_dates[day])
        for day in candidates[::-1]
        if day in surroundings.special_dates and day > min(before)
    )


def _find_touched_spans_of_date(mark: ChangeMark, same_weekday: list[ChangeMark]) -> tuple[MinuteSpan, ...]:
    """The difference to the usual hours of that weekday on that date, without later changes of them."""
    row = mark.changes[0].row
    later = [other for other in same_weekday if other.day > row.date]
    day = setting_address.WEEKDAYS[row.date.weekday()]
    if later:
        first_later = min(later, key=lambda other: other.at)
        usual = next(change.before for change in first_later.changes if change.row.day == day)
    else:
        usual = OfficeHours.objects.filter(day=day).first()
    if usual is None:
        return ()
    return minute_spans.difference((usual.opens_at, usual.closes_at), (row.opens_at, row.closes_at))


# --- counting --------------------------------------------------------------------------------------------


def _count_calls(
    result: Comparison, dates: list[dt.date], period: Period, exact_dates: list[dt.date]
) -> CountsByDate:
    """Count the calls of the dates. A change of agents of one visible department is compared within that department."""
    is_of_agents = result.mark.kind == AGENT
    departments = {change.row.department for change in result.mark.changes} if is_of_agents else set()
    department = next(iter(departments)) if len(departments) == 1 else ""
    if result.visible_departments is not None and department not in result.visible_departments:
        department = ""
    counted = day_counts.count_days(
        dates,
        period,
        spans=result.spans,
        exact_dates=exact_dates,
        department=department,
        departments=result.visible_departments,
    )
    result.agent_department, result.period_days = counted.department, counted.period_days
    return counted.by_date


def _fill_sides(
    result: Comparison, before: list[dt.date], after: list[dt.date], counts: CountsByDate
) -> None:
    has_spans = bool(result.spans)
    result.before = _build_side(before, counts, has_spans=has_spans)
    result.after = _build_side(after, counts, has_spans=has_spans)
    result.significance = significance.assess(result.before.counts, result.after.counts)
    if has_spans:
        result.touched_significance = significance.assess(result.before.touched, result.after.touched)


def _build_side(days: list[dt.date], counts: CountsByDate, *, has_spans: bool) -> ComparisonSide:
    return ComparisonSide(
        tuple(days),
        tuple(counts[day].whole for day in days),
        tuple(counts[day].touched for day in days) if has_spans else (),
    )
