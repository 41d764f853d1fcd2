"""The result of a comparison."""

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum

from calllogs.impact.change_marks import ChangeMark
from calllogs.impact.minute_spans import MinuteSpan
from calllogs.impact.significance import ComparedCount, Significance, sum_counts
from calllogs.statistics.queries import Departments


class ComparisonProblem(StrEnum):
    """Why there is nothing to compare."""

    NOT_THERE = "not there"  # the provider never had the change
    TAKEN_OFF = "taken off"  # a holiday that the provider's support removed
    CHANGED_AGAIN = "changed again"  # before a whole day had passed: `Comparison.changed_again_at`
    NOT_OVER = "not over"  # no whole day has passed since the change
    NO_CALLS_BEFORE = "no calls before"
    NO_CALLS_AFTER = "no calls after"
    NO_LIKE_DAYS = "no like days"  # both sides have calls, but no weekday in common


@dataclass(frozen=True, slots=True)
class ComparisonSide:
    """The compared days before or after a change.

    If both sides have the same number of days, days of the same index are of the same weekday. `touched` counts the
    calls in the touched hours of each day; it is empty if the change touches no particular hours.
    """

    days: tuple[dt.date, ...] = ()
    counts: tuple[ComparedCount, ...] = ()
    touched: tuple[ComparedCount, ...] = ()

    @property
    def total(self) -> ComparedCount:
        return sum_counts(self.counts)

    @property
    def touched_total(self) -> ComparedCount:
        return sum_counts(self.touched)


@dataclass(slots=True)
class Comparison:
    """`since` and `until` are days of other changes of the same setting, set only if they limit a side."""

    mark: ChangeMark
    problem: ComparisonProblem | None = None
    changed_again_at: dt.datetime | None = None
    changes_that_day: int = (
        1  # changes of the same setting on the mark's day; only their joint effect can be measured
    )
    weekdays: tuple[int, ...] = ()  # weekdays that the change is about; empty: all
    spans: tuple[MinuteSpan, ...] = ()  # the touched hours
    are_spans_widened: bool = False  # to whole hours
    agent_department: str = ""  # only its calls are compared; empty: all
    visible_departments: Departments = None  # None: all
    before: ComparisonSide = field(default_factory=ComparisonSide)
    after: ComparisonSide = field(default_factory=ComparisonSide)
    significance: Significance | None = None
    touched_significance: Significance | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    is_recent: bool = False  # the days after the change are limited by today
    left_out: tuple[tuple[dt.date, str], ...] = ()  # day, and HOLIDAY or OTHER
    period_days: list[tuple[dt.datetime, int, int]] | None = None  # start, calls, missed of the period's days
    has_only_holidays: bool = False  # all days of a side were holidays, so they are compared

    @property
    def weeks(self) -> int:
        """How often the most frequent weekday occurs on the side before the change."""
        weekdays = [day.weekday() for day in self.before.days]
        return max(map(weekdays.count, weekdays), default=0)
