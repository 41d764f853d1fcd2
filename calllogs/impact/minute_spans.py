"""Stretches of the day, in minutes from midnight: what a change of hours touched. Plain arithmetic."""

import datetime as dt

from settings_sync.schedule import LAST_MINUTE

DAY = 24 * 60
Span = tuple[int, int]  # from, included; to, excluded
Hours = tuple[dt.time, dt.time]


def of_hours(hours: Hours) -> Span:
    opens_at, closes_at = hours
    return _minute(opens_at), DAY if closes_at == LAST_MINUTE else _minute(closes_at)


def difference(one: Hours, other: Hours) -> tuple[Span, ...]:
    """When one of them is open and the other is closed."""
    (start, end), (begin, stop) = of_hours(one), of_hours(other)
    if end <= begin or stop <= start:  # apart, or end to end
        found = [(start, end), (begin, stop)]
    else:
        found = [(min(start, begin), max(start, begin)), (min(end, stop), max(end, stop))]
    return tuple(sorted(span for span in found if span[0] < span[1]))


def whole_hours(span: Span) -> range:
    """The hours of the day that lie wholly in it."""
    return range(-(-span[0] // 60), max(-(-span[0] // 60), span[1] // 60))


def widened(span: Span) -> Span:
    """To whole hours."""
    return span[0] // 60 * 60, -(-span[1] // 60) * 60


def edges(span: Span) -> tuple[Span, ...]:
    """What is left of it beside its whole hours."""
    hours = whole_hours(span)
    if not hours:
        return (span,)
    found = [(span[0], hours[0] * 60), (hours[-1] * 60 + 60, span[1])]
    return tuple((start, end) for start, end in found if start < end)


def _minute(time: dt.time) -> int:
    return time.hour * 60 + time.minute
