"""Whether a difference between two shares is more than chance. Plain Python; `words.RULE` says the rule to people.

Chance comes in two ways: how single calls fall, and how one day differs from another. What both could make in nineteen
of twenty comparisons is worked out; a difference counts only if it is greater than either.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, stdev

FEWEST = 30  # calls on a side; with fewer nothing is said
# Student's factor for nineteen of twenty, by degrees of freedom; beyond the table it hardly falls.
_FACTORS = (12.71, 4.31, 3.19, 2.78, 2.58, 2.45, 2.37, 2.31, 2.27, 2.23, 2.21, 2.18, 2.17, 2.15, 2.14)
_FACTOR = 1.96


class Verdict(StrEnum):
    TOO_FEW = "too few"
    ONE_DAY = "one day"  # of its kind on each side: nobody knows how such days differ
    MAY_BE_CHANCE = "may be chance"
    MORE = "more than chance"


@dataclass(frozen=True, slots=True)
class Count:
    """Of one day, or of one side."""

    calls: int = 0
    missed: int = 0

    @property
    def rate(self) -> float:
        return self.missed / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class Judged:
    """`margin`: what chance alone could make of the shares, 0 to 1; None where that cannot be said."""

    verdict: Verdict
    margin: float | None = None


def judge(before: Sequence[Count], after: Sequence[Count]) -> Judged:
    """Days before and after: as many on both sides, in pairs of like days; or one day after against several."""
    one, other = total(before), total(after)
    if min(one.calls, other.calls) < FEWEST:
        return Judged(Verdict.TOO_FEW)
    days = _between_days(before, after)
    if days is None:
        return Judged(Verdict.ONE_DAY)
    margin = max(_between_calls(one, other), days)
    is_more = abs(other.rate - one.rate) > margin
    return Judged(Verdict.MORE if is_more else Verdict.MAY_BE_CHANCE, margin)


def total(days: Sequence[Count]) -> Count:
    return Count(sum(day.calls for day in days), sum(day.missed for day in days))


def _between_calls(one: Count, other: Count) -> float:
    share = (one.missed + other.missed) / (one.calls + other.calls)
    return _FACTOR * math.sqrt(share * (1 - share) * (1 / one.calls + 1 / other.calls))


def _between_days(before: Sequence[Count], after: Sequence[Count]) -> float | None:
    if len(before) == len(after):
        pairs = [(one, other) for one, other in zip(before, after, strict=True) if one.calls and other.calls]
        differences = [other.rate - one.rate for one, other in pairs]
        if len(differences) < 2:
            return None
        return _factor(len(differences) - 1) * stdev(differences) / math.sqrt(len(differences))
    rates = [day.rate for day in before if day.calls]
    if len(rates) < 2:
        return None
    return _factor(len(rates) - 1) * stdev(rates, fmean(rates)) * math.sqrt(1 / len(rates) + 1 / len(after))


def _factor(freedom: int) -> float:
    return _FACTORS[freedom - 1] if freedom <= len(_FACTORS) else _FACTORS[-1] if freedom < 30 else 2.05
