"""The calls before a change and after it, like with like.

A change that lasts is compared on the same weekdays: up to four of each before it and as many after it, the nearest
that there are. No side reaches beyond another change of the same thing, into today, or onto the day of the change
itself; holidays and dates with hours of their own are left out. A holiday, or hours for one date, is compared with
the same weekday of the weeks before.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.utils import timezone

from calllogs.impact import bounds, day_counts, minute_spans, significance
from calllogs.impact.change_marks import AGENT, HOURS, OTHER, Mark, Marks, Standing
from calllogs.impact.day_counts import DayCount
from calllogs.impact.minute_spans import Span
from calllogs.impact.significance import Count, Judged
from calllogs.statistics.periods import Period
from calllogs.statistics.queries import Departments
from settings_sync import setting_address
from settings_sync.models import OfficeHours

MOST_WEEKS = 4
MOST_EXACT = 16  # days of which parts of hours are counted from the calls; of more, whole hours
REACH = dt.timedelta(
    weeks=8
)  # so that a few holidays do not shorten the four weeks; less than `history.AROUND`
DAY = dt.timedelta(days=1)
ALL_DAYS = tuple(range(7))
Counts = dict[dt.date, DayCount]


class Problem(StrEnum):
    """Why there is nothing to compare."""

    NOT_THERE = "not there"  # the provider never had it
    TAKEN_OFF = "taken off"  # a holiday that the provider's support took off again
    CHANGED_AGAIN = "changed again"  # later that day: `Comparison.again`
    NOT_OVER = "not over"  # no whole day after it yet
    NO_CALLS_BEFORE = "no calls before"
    NO_CALLS_AFTER = "no calls after"
    NO_LIKE_DAYS = "no like days"  # calls on both sides, but on no weekday that both have


@dataclass(frozen=True, slots=True)
class Side:
    """Two sides go in pairs: the first day of one is like the first of the other. `touched` is empty or as long."""

    days: tuple[dt.date, ...] = ()
    counts: tuple[Count, ...] = ()
    touched: tuple[Count, ...] = ()

    @property
    def whole(self) -> Count:
        return significance.total(self.counts)

    @property
    def in_touched(self) -> Count:
        return significance.total(self.touched)


@dataclass(slots=True)
class Comparison:
    """`since` and `until` are the days of other changes of the same thing, where these are what ends a side."""

    mark: Mark
    problem: Problem | None = None
    again: dt.datetime | None = None
    together: int = 1  # changes of the same thing on that day, which cannot be told apart
    weekdays: tuple[int, ...] = ()  # those of the thing, where it is not about all of them
    spans: tuple[Span, ...] = ()
    is_widened: bool = False  # the spans, to whole hours
    department: str = ""
    among: Departments = None  # those whose calls count at all, if not all
    before: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)
    judged: Judged | None = None
    judged_touched: Judged | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    is_young: bool = False  # the days after it are not more, because there are no more yet
    left_out: tuple[tuple[dt.date, str], ...] = ()  # day, and HOLIDAY or OTHER
    days: list[tuple[dt.datetime, int, int]] | None = None  # all calls of the period by the day, if counted
    are_holidays: bool = False  # all days of a side were holidays: that was the usual thing then

    @property
    def weeks(self) -> int:
        """How many of each weekday there are on a side, at most."""
        kinds = [day.weekday() for day in self.before.days]
        return max(map(kinds.count, kinds), default=0)


def compare(mark: Mark, around: Marks, period: Period, *, among: Departments = None) -> Comparison:
    """`around`: what `history.read` found for the period in which the mark is. At most three queries.

    `among`: departments beside which no call counts; None is all calls.
    """
    found = Comparison(mark, among=among)
    if mark.standing == Standing.NOT_THERE:
        found.problem = Problem.TAKEN_OFF if mark.fate.at else Problem.NOT_THERE
        return found
    asked = _Asked(
        timezone.localdate(period.now, timezone.get_default_timezone()),
        period,
        [other for other in around.found if other.kind == HOURS and other.standing != Standing.NOT_THERE],
        around.special,
    )
    if mark.date:
        _of_date(found, mark.date, asked)
    else:
        _lasting(found, asked)
    return found


@dataclass(frozen=True, slots=True)
class _Asked:
    today: dt.date
    period: Period
    hours: list[Mark]
    special: Mapping[dt.date, str]


# --- a change that lasts ---------------------------------------------------------------------------------


def _lasting(found: Comparison, asked: _Asked) -> None:
    mark, weekdays = found.mark, found.mark.weekdays or ALL_DAYS
    reach = bounds.of_hours(mark, asked.hours) if mark.kind == HOURS else bounds.of_agents(mark)
    found.again, found.together, found.weekdays = reach.again, reach.together, mark.weekdays
    if reach.again:
        found.problem = Problem.CHANGED_AGAIN
        return
    before = _dates(max(mark.day - REACH, (reach.since or dt.date.min) + DAY), mark.day - DAY, weekdays)[::-1]
    ends = min(reach.until or dt.date.max, asked.today, mark.day + REACH)
    after = _dates(mark.day + DAY, ends - DAY, weekdays)
    if not after:
        found.problem = Problem.NOT_OVER if ends == asked.today else Problem.CHANGED_AGAIN
        found.again = _at_day(reach.until) if reach.until else None
        return
    before, after = _usual(found, before, asked.special), _usual(found, after, asked.special)
    found.spans = _touched(mark, reach.first or mark)
    likely = [date for pair in _pairs(before, after) for date in pair]
    if len(likely) > MOST_EXACT:
        wide = tuple(map(minute_spans.widened, found.spans))
        found.spans, found.is_widened = wide, wide != found.spans
    told = _counted(found, [*before, *after], asked.period, likely)
    before, after = (
        [date for date in before if told[date].whole.calls],
        [date for date in after if told[date].whole.calls],
    )
    pairs = _pairs(before, after)
    if not pairs:
        if before and after:
            found.problem = Problem.NO_LIKE_DAYS
        else:
            found.problem = Problem.NO_CALLS_AFTER if before else Problem.NO_CALLS_BEFORE
        found.since, found.until = reach.since, reach.until
        return
    if missing := [date for pair in pairs for date in pair if date not in likely]:
        day_counts.add_parts(told, found.spans, missing, among=found.among)
    _judge(found, [one for one, _other in pairs], [other for _one, other in pairs], told)
    if found.weeks < MOST_WEEKS:
        is_short_before = len(before) <= len(after)
        found.since = reach.since if is_short_before else None
        found.until = None if is_short_before else reach.until
        found.is_young = not is_short_before and reach.until is None
    compared = {*found.before.days, *found.after.days}
    found.left_out = tuple(
        (date, asked.special[date])
        for date in _dates(min(compared), max(compared), weekdays)
        if date in asked.special and date not in compared and date != mark.day
    )


def _dates(first: dt.date, last: dt.date, weekdays: Sequence[int]) -> list[dt.date]:
    days = [first + DAY * ahead for ahead in range((last - first).days + 1)]
    return [day for day in days if day.weekday() in weekdays]


def _usual(found: Comparison, side: list[dt.date], special: Mapping[dt.date, str]) -> list[dt.date]:
    """Without the holidays and dates with their own hours; unless nothing else is left, as on closed weekdays."""
    usual = [date for date in side if date not in special]
    if usual or not side:
        return usual
    found.are_holidays = True
    return side


def _pairs(before: list[dt.date], after: list[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """The nearest days of each weekday, as many before as after, at most four."""
    found: list[tuple[dt.date, dt.date]] = []
    for weekday in ALL_DAYS:
        sides = (
            [date for date in side if date.weekday() == weekday][:MOST_WEEKS] for side in (before, after)
        )
        found += zip(*sides, strict=False)
    return found


def _touched(mark: Mark, first: Mark) -> tuple[Span, ...]:
    """When it made open what was closed, or the other way round; empty where that differs from weekday to weekday."""
    if mark.kind != HOURS:
        return ()
    found = set()
    was = {change.row.day: change.before for change in first.changes}
    for change in mark.changes:
        before = was.get(change.row.day, change.before)
        if before is None:
            return ()
        now = (change.row.opens_at, change.row.closes_at)
        found.add(minute_spans.difference((before.opens_at, before.closes_at), now))
    return found.pop() if len(found) == 1 else ()


# --- a date ----------------------------------------------------------------------------------------------


def _of_date(found: Comparison, date: dt.date, asked: _Asked) -> None:
    if date >= asked.today:
        found.problem = Problem.NOT_OVER
        return
    found.weekdays = (date.weekday(),)
    same = [other for other in asked.hours if date.weekday() in other.weekdays]
    since = max((other.day for other in same if other.day <= date), default=None)
    candidates = _dates(max(date - REACH, (since or dt.date.min) + DAY), date - DAY, found.weekdays)[::-1]
    before = [day for day in candidates if day not in asked.special]
    if found.mark.kind == OTHER:
        found.spans = _touched_on(found.mark, same)
    told = _counted(found, [*before, date], asked.period, [*before, date])
    before = [day for day in before if told[day].whole.calls][:MOST_WEEKS]
    if not before or not told[date].whole.calls:
        found.problem = Problem.NO_CALLS_AFTER if before else Problem.NO_CALLS_BEFORE
        found.since = since
        return
    _judge(found, before, [date], told)
    found.since = since if len(before) < MOST_WEEKS else None
    found.left_out = tuple(
        (day, asked.special[day]) for day in candidates[::-1] if day in asked.special and day > min(before)
    )


def _touched_on(mark: Mark, same: list[Mark]) -> tuple[Span, ...]:
    """Against the usual hours of that weekday as they were then: no later change of them is counted."""
    row = mark.changes[0].row
    later = [other for other in same if other.day > row.date]
    day = setting_address.WEEKDAYS[row.date.weekday()]
    if later:
        first = min(later, key=lambda other: other.at)
        usual = next(change.before for change in first.changes if change.row.day == day)
    else:
        usual = OfficeHours.objects.filter(day=day).first()
    if usual is None:
        return ()
    return minute_spans.difference((usual.opens_at, usual.closes_at), (row.opens_at, row.closes_at))


# --- both ------------------------------------------------------------------------------------------------


def _counted(found: Comparison, dates: list[dt.date], period: Period, exact: list[dt.date]) -> Counts:
    """An agent's change concerns the calls of the agent's department, if calls carry it and it is among those seen."""
    departments = {change.row.department for change in found.mark.changes} if found.mark.kind == AGENT else ()
    department = next(iter(departments)) if len(departments) == 1 else ""
    if found.among is not None and department not in found.among:
        department = ""
    told = day_counts.read(
        dates, period, spans=found.spans, exact=exact, department=department, among=found.among
    )
    found.department, found.days = told.department, told.days
    return told.dates


def _judge(found: Comparison, before: list[dt.date], after: list[dt.date], told: Counts) -> None:
    found.before, found.after = _side(before, told, found.spans), _side(after, told, found.spans)
    found.judged = significance.judge(found.before.counts, found.after.counts)
    if found.spans:
        found.judged_touched = significance.judge(found.before.touched, found.after.touched)


def _side(days: list[dt.date], told: Counts, touched: Sequence[Span]) -> Side:
    return Side(
        tuple(days),
        tuple(told[day].whole for day in days),
        tuple(told[day].touched for day in days) if touched else (),
    )


def _at_day(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), timezone.get_default_timezone())
