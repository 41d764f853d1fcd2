"""How far a comparison may reach: to the nearest other changes of the same thing."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from calllogs.impact.change_marks import AROUND, Mark
from settings_sync.history.change_log import ADDED, DELETED, KINDS


@dataclass(frozen=True, slots=True)
class Bounds:
    """Only days after `since` and before `until` may be compared; None is no bound.

    `again`: when the same thing was changed again later that day. `together`: how often it was changed that day, up
    to this change; and `first`, for hours, the mark of the first of these.
    """

    since: dt.date | None = None
    until: dt.date | None = None
    again: dt.datetime | None = None
    together: int = 1
    first: Mark | None = None


def of_hours(mark: Mark, hours: Iterable[Mark]) -> Bounds:
    """`hours`: the changes of hours that callers met."""
    weekdays = set(mark.weekdays)
    same = [other for other in hours if other.key != mark.key and weekdays & set(other.weekdays)]
    place = (mark.at, mark.saved_at, mark.key)
    earlier = [other for other in same if (other.at, other.saved_at, other.key) < place]
    later = [other for other in same if (other.at, other.saved_at, other.key) > place]
    that_day = [other for other in earlier if other.day == mark.day]
    return Bounds(
        since=max((other.day for other in earlier if other.day < mark.day), default=None),
        until=min((other.day for other in later if other.day > mark.day), default=None),
        again=min((other.at for other in later if other.day == mark.day), default=None),
        together=1 + len(that_day),
        first=min(that_day, key=lambda other: other.at, default=None),
    )


def of_agents(mark: Mark) -> Bounds:
    """In one query: an agent's switches by shifts and by the end of a pause count as well, though they have no mark."""
    own = {change.row.history_id for change in mark.changes}
    ids = [change.row.id for change in mark.changes]
    near = KINDS["agent"].rows.filter(
        id__in=ids, history_date__range=(mark.saved_at - AROUND, mark.saved_at + AROUND)
    )
    rows = near.order_by("history_date", "history_id").values_list(
        "id", "history_id", "history_date", "history_type", "availability"
    )
    was: dict[int, str] = {}
    before: list[dt.datetime] = []
    later: list[dt.datetime] = []
    last = max(own)
    for agent, history_id, at, kind, availability in rows:
        is_switch = kind in (ADDED, DELETED) or (agent in was and was[agent] != availability)
        was[agent] = availability
        if is_switch and history_id not in own:
            (later if history_id > last else before).append(at)
    zone = timezone.get_default_timezone()
    days_before = [timezone.localdate(at, zone) for at in before]
    again = [at for at in later if timezone.localdate(at, zone) <= mark.day]
    days_later = [timezone.localdate(at, zone) for at in later]
    return Bounds(
        since=max((day for day in days_before if day < mark.day), default=None),
        until=min((day for day in days_later if day > mark.day), default=None),
        again=min(again, default=None),
        together=1 + sum(day == mark.day for day in days_before),
    )
