"""Limits of a comparison: the nearest other changes of the same setting."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from calllogs.impact.change_marks import HISTORY_MARGIN, ChangeMark
from settings_sync.history.change_log import ADDED, DELETED, TRACKED_MODELS


@dataclass(frozen=True, slots=True)
class Bounds:
    """Only days after `since` and before `until` may be compared. None means no bound.

    `changed_again_at` is when the same setting was changed again later that day. `changes_that_day` counts its changes
    of that day up to and including this one. `first_mark`, for hours, is an earlier mark of that day, the first one.
    """

    since: dt.date | None = None
    until: dt.date | None = None
    changed_again_at: dt.datetime | None = None
    changes_that_day: int = 1
    first_mark: ChangeMark | None = None


def bounds_for_hours(mark: ChangeMark, hours_marks: Iterable[ChangeMark]) -> Bounds:
    """`hours_marks` are the changes of hours that callers met."""
    weekdays = set(mark.weekdays)
    same = [other for other in hours_marks if other.key != mark.key and weekdays & set(other.weekdays)]
    position = (mark.at, mark.saved_at, mark.key)
    earlier = [other for other in same if (other.at, other.saved_at, other.key) < position]
    later = [other for other in same if (other.at, other.saved_at, other.key) > position]
    that_day = [other for other in earlier if other.day == mark.day]
    return Bounds(
        since=max((other.day for other in earlier if other.day < mark.day), default=None),
        until=min((other.day for other in later if other.day > mark.day), default=None),
        changed_again_at=min((other.at for other in later if other.day == mark.day), default=None),
        changes_that_day=1 + len(that_day),
        first_mark=min(that_day, key=lambda other: other.at, default=None),
    )


def bounds_for_agents(mark: ChangeMark) -> Bounds:
    """Considers all switches of the agents, also by shifts and the end of a pause, which have no mark. One query."""
    own_history_ids = {change.row.history_id for change in mark.changes}
    agent_ids = [change.row.id for change in mark.changes]
    near = TRACKED_MODELS["agent"].rows.filter(
        id__in=agent_ids, history_date__range=(mark.saved_at - HISTORY_MARGIN, mark.saved_at + HISTORY_MARGIN)
    )
    rows = near.order_by("history_date", "history_id").values_list(
        "id", "history_id", "history_date", "history_type", "availability"
    )
    availabilities: dict[int, str] = {}
    earlier: list[dt.datetime] = []
    later: list[dt.datetime] = []
    last_own_id = max(own_history_ids)
    for agent_id, history_id, at, kind, availability in rows:
        is_switch = kind in (ADDED, DELETED) or availabilities.get(agent_id, availability) != availability
        availabilities[agent_id] = availability
        if is_switch and history_id not in own_history_ids:
            (later if history_id > last_own_id else earlier).append(at)
    zone = timezone.get_default_timezone()
    earlier_days = [timezone.localdate(at, zone) for at in earlier]
    later_days = [timezone.localdate(at, zone) for at in later]
    return Bounds(
        since=max((day for day in earlier_days if day < mark.day), default=None),
        until=min((day for day in later_days if day > mark.day), default=None),
        changed_again_at=min((at for at in later if timezone.localdate(at, zone) <= mark.day), default=None),
        changes_that_day=1 + sum(day == mark.day for day in earlier_days),
    )
