"""Spans of a day in minutes from midnight: the hours that a change touched."""

import datetime as dt

from settings_sync.schedule import LAST_MINUTE

MINUTES_PER_DAY = 24 * 60
MinuteSpan = tuple[int, int]  # from, included; to, excluded
OpeningHours = tuple[dt.time, dt.time]


def span_of_hours(hours: OpeningHours) -> MinuteSpan:
    opens_at, closes_at = hours
    return _minute_of_day(opens_at), MINUTES_PER_DAY if closes_at == LAST_MINUTE else _minute_of_day(
        closes_at
    )


def difference(one: OpeningHours, other: OpeningHours) -> tuple[MinuteSpan, ...]:
    """The spans in which exactly one of them is open."""
    (start, end), (other_start, other_end) = span_of_hours(one), span_of_hours(other)
    if end <= other_start or other_end <= start:  # without overlap
        spans = [(start, end), (other_start, other_end)]
    else:
        spans = [
            (min(start, other_start), max(start, other_start)),
            (min(end, other_end), max(end, other_end)),
        ]
    return tuple(sorted(span for span in spans if span[0] < span[1]))


def whole_hours(span: MinuteSpan) -> range:
    """The hours of the day that lie completely within the span."""
    return range(-(-span[0] // 60), max(-(-span[0] // 60), span[1] // 60))


def widen_to_hours(span: MinuteSpan) -> MinuteSpan:
    """The smallest span of whole hours that contains the span."""
    return span[0] // 60 * 60, -(-span[1] // 60) * 60


def partial_hours(span: MinuteSpan) -> tuple[MinuteSpan, ...]:
    """The parts of the span outside its whole hours."""
    hours = whole_hours(span)
    if not hours:
        return (span,)
    parts = [(span[0], hours[0] * 60), (hours[-1] * 60 + 60, span[1])]
    return tuple((start, end) for start, end in parts if start < end)


def _minute_of_day(time: dt.time) -> int:
    return time.hour * 60 + time.minute
