"""Changes that become due by the clock: ends of pauses, edges of shifts, hours for one date.

Called by every sweep, and every second by `sync_run --loop`. While nothing is due it runs a few queries, independent of
the number of agents. It applies everything due by now, so the first sweep after an outage catches up.
"""

import datetime as dt
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Count, Min
from django.utils import timezone
from simple_history.utils import bulk_update_with_history

from settings_sync import setting_address
from settings_sync.delivery import reconcile
from settings_sync.models import Agent, ChangeReason, Circuit, Shift
from settings_sync.schedule import LAST_MINUTE


def apply_due_changes(now: dt.datetime | None = None) -> list[int]:
    """Apply the due changes; return the ids of the settings that changed."""
    now = now or timezone.now()
    if not _is_anything_due(now):
        return []
    with transaction.atomic():
        Circuit.lock()
        switched = _end_pauses(now) | _apply_shift_edges(now)
        addresses = [setting_address.agent_address(number) for number in sorted(switched)]
        return reconcile.reconcile([*addresses, *_weekday_addresses()], trigger="clock")


def _weekday_addresses() -> list[str]:
    return [setting_address.hours_address(day) for day in setting_address.WEEKDAYS]


def _is_anything_due(now: dt.datetime) -> bool:
    return (
        Agent.objects.filter(off_until__lte=now).exists()
        or _is_edge_due(now)
        or bool(reconcile.find_differences(_weekday_addresses()).changed)
    )


def _is_edge_due(now: dt.datetime) -> bool:
    """Whether any agent has a past edge that was not applied; one query with one row per distinct shift."""
    shifts = (
        Shift.objects.filter(agent__off_until__isnull=True)
        .order_by()
        .values("day", "starts_at", "ends_at")
        .annotate(
            applied_until=Min("agent__shift_edge_at"), n=Count("id"), n_applied=Count("agent__shift_edge_at")
        )
    )
    for row in shifts:
        if row["n_applied"] < row["n"]:
            return True  # new shifts: no edge of their agent was applied yet
        shift = Shift(day=row["day"], starts_at=row["starts_at"], ends_at=row["ends_at"])
        if last_edge([shift], timezone.localtime(now)) > row["applied_until"]:
            return True
    return False


def _end_pauses(now: dt.datetime) -> set[str]:
    """Switch on the agents whose pause is over, unless they have shifts and none is now; return their numbers."""
    agents = list(Agent.objects.filter(off_until__lte=now).prefetch_related("shifts"))
    for agent in agents:
        shifts = list(agent.shifts.all())
        _set_availability(agent, is_on=not shifts or is_in_shift(shifts, timezone.localtime(now)))
        agent.off_until = None
        acknowledge_past_edges(agent, now)  # edges during the pause must not switch the agent a second time
    _save(agents, ["availability", "off_until", "shift_edge_at"], reason=ChangeReason.PAUSE_OVER)
    return {agent.number for agent in agents}


def _apply_shift_edges(now: dt.datetime) -> set[str]:
    """Switch agents at the edges of their shifts; return the numbers of those that changed.

    A manual change holds until the next edge, a pause until its end.
    """
    local = timezone.localtime(now)
    with_shifts = Agent.objects.filter(shifts__isnull=False, off_until__isnull=True).distinct()
    passed, switched = [], []
    for agent in with_shifts.prefetch_related("shifts"):
        shifts = list(agent.shifts.all())
        edge, before = last_edge(shifts, local), agent.shift_edge_at
        if before and edge <= before:
            continue
        agent.shift_edge_at = edge
        passed.append(agent)
        # New shifts act from their next edge on. An agent that already has the right availability is not saved.
        if before and _set_availability(agent, is_on=is_in_shift(shifts, local)):
            switched.append(agent)
    Agent.objects.bulk_update(passed, ["shift_edge_at"])
    _save(switched, ["availability"], reason=ChangeReason.SHIFT)
    return {agent.number for agent in switched}


def acknowledge_past_edges(agent: Agent, now: dt.datetime) -> None:
    """Mark all edges up to `now` as applied, so that only later ones act. Does not save."""
    # None means no shifts or new ones, which act from their next edge anyway.
    if agent.shift_edge_at is not None:
        agent.shift_edge_at = max(agent.shift_edge_at, now)


def _set_availability(agent: Agent, *, is_on: bool) -> bool:
    """Set the availability without saving; return whether it changed."""
    before = agent.availability
    agent.availability = Agent.Availability.AVAIL if is_on else Agent.Availability.OFF
    return agent.availability != before


def _save(agents: list[Agent], fields: list[str], *, reason: str) -> None:
    if agents:
        bulk_update_with_history(agents, Agent, fields, batch_size=500, default_change_reason=reason)


def is_in_shift(shifts: Iterable[Shift], local: dt.datetime) -> bool:
    """Whether a local time lies in one of the shifts of its date."""
    return any(
        starts <= local < ends
        for shift in shifts
        if shift.day == local.weekday()
        for starts, ends in [_shift_bounds(shift, local.date(), local.tzinfo)]
    )


def last_edge(shifts: Iterable[Shift], local: dt.datetime) -> dt.datetime:
    """Return the latest start or end of a shift at or before `local`, in UTC. Needs at least one shift."""
    return max(edge for edge in _edges(shifts, local, range(-7, 1)) if edge <= local)


def next_edge(shifts: Iterable[Shift], local: dt.datetime) -> dt.datetime:
    """Return the first start or end of a shift after `local`, in UTC. Needs at least one shift."""
    return min(edge for edge in _edges(shifts, local, range(8)) if edge > local)


def _edges(shifts: Iterable[Shift], local: dt.datetime, days: range) -> list[dt.datetime]:
    today = local.date()
    return [
        edge
        for shift in shifts
        for ahead in days
        if (today.weekday() + ahead) % 7 == shift.day
        for edge in _shift_bounds(shift, today + dt.timedelta(days=ahead), local.tzinfo)
    ]


def _shift_bounds(shift: Shift, date: dt.date, zone: dt.tzinfo | None) -> tuple[dt.datetime, dt.datetime]:
    """Return start and end of a shift on a date, in UTC: datetimes of one zone compare by wall clock, not by time.

    An end at 23:59 means midnight, so that the two halves of a night shift meet.
    """
    starts = dt.datetime.combine(date, shift.starts_at, zone)
    if shift.ends_at >= LAST_MINUTE:
        ends = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), zone)
    else:
        ends = dt.datetime.combine(date, shift.ends_at, zone)
    return starts.astimezone(dt.UTC), ends.astimezone(dt.UTC)
