"""Tests whether a difference between two shares is more than chance. `summary_text.RULE` explains the rule to users.

There are two sources of chance: the single calls, and the differences between days. For both, the margin that chance
exceeds in only one of twenty comparisons is computed. A difference counts only if it is greater than both margins.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, stdev

MIN_CALLS = 30  # on each side; with fewer, there is no verdict
# Student's t for 95 %, two-sided, by degrees of freedom from 1. For more degrees it hardly falls.
_STUDENT_FACTORS = (12.71, 4.31, 3.19, 2.78, 2.58, 2.45, 2.37, 2.31, 2.27, 2.23, 2.21, 2.18, 2.17, 2.15, 2.14)
_NORMAL_FACTOR = 1.96


class Verdict(StrEnum):
    TOO_FEW = "too few"
    ONE_DAY = "one day"  # too few days to know how much days differ
    MAY_BE_CHANCE = "may be chance"
    MORE = "more than chance"


@dataclass(frozen=True, slots=True)
class ComparedCount:
    """Calls and missed calls of a day or of a side."""

    calls: int = 0
    missed: int = 0

    @property
    def rate(self) -> float:
        return self.missed / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class Significance:
    """`margin`: the difference of shares (0 to 1) that chance can make; None if it cannot be computed."""

    verdict: Verdict
    margin: float | None = None


def assess(before: Sequence[ComparedCount], after: Sequence[ComparedCount]) -> Significance:
    """Compare the days before and after: pairs of like days, or several days before and one after."""
    total_before, total_after = sum_counts(before), sum_counts(after)
    if min(total_before.calls, total_after.calls) < MIN_CALLS:
        return Significance(Verdict.TOO_FEW)
    margin_between_days = _margin_between_days(before, after)
    if margin_between_days is None:
        return Significance(Verdict.ONE_DAY)
    margin = max(_margin_between_calls(total_before, total_after), margin_between_days)
    is_more = abs(total_after.rate - total_before.rate) > margin
    return Significance(Verdict.MORE if is_more else Verdict.MAY_BE_CHANCE, margin)


def sum_counts(days: Sequence[ComparedCount]) -> ComparedCount:
    return ComparedCount(sum(day.calls for day in days), sum(day.missed for day in days))


def _margin_between_calls(one: ComparedCount, other: ComparedCount) -> float:
    share = (one.missed + other.missed) / (one.calls + other.calls)
    return _NORMAL_FACTOR * math.sqrt(share * (1 - share) * (1 / one.calls + 1 / other.calls))


def _margin_between_days(before: Sequence[ComparedCount], after: Sequence[ComparedCount]) -> float | None:
    if len(before) == len(after):
        pairs = [(one, other) for one, other in zip(before, after, strict=True) if one.calls and other.calls]
        differences = [other.rate - one.rate for one, other in pairs]
        if len(differences) < 2:
            return None
        return _student_factor(len(differences) - 1) * stdev(differences) / math.sqrt(len(differences))
    rates = [day.rate for day in before if day.calls]
    if len(rates) < 2:
        return None
    return (
        _student_factor(len(rates) - 1)
        * stdev(rates, fmean(rates))
        * math.sqrt(1 / len(rates) + 1 / len(after))
    )


def _student_factor(freedom: int) -> float:
    return (
        _STUDENT_FACTORS[freedom - 1]
        if freedom <= len(_STUDENT_FACTORS)
        else _STUDENT_FACTORS[-1]
        if freedom < 30
        else 2.05
    )
