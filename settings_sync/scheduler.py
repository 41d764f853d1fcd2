"""What time changes by itself: pauses that end, shifts that begin and end, hours for one date only.

Asked by every sweep, and every second by `sync_run --loop`: while nothing is due it costs a few queries, however many
agents there are. It looks at what is due by now, not at what was scheduled then, so that a night without a beat is made
good by the first sweep after it.
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
    """Switch what is due; the ids of the settings that changed."""
    now = now or timezone.now()
    if not _is_due(now):
        return []
    with transaction.atomic():
        Circuit.take_turn()
        switched = _end_pauses(now) | _pass_shift_edges(now)
        addresses = [setting_address.agent_address(number) for number in sorted(switched)]
        return reconcile.reconcile([*addresses, *_week()], trigger="clock")


def _week() -> list[str]:
    return [setting_address.hours_address(day) for day in setting_address.WEEKDAYS]


def _is_due(now: dt.datetime) -> bool:
    return (
        Agent.objects.filter(off_until__lte=now).exists()
        or _is_edge_due(now)
        or bool(reconcile.differences(_week()).told)
    )


def _is_edge_due(now: dt.datetime) -> bool:
    """Whether any agent has an edge behind it that was not acted on; one query, a row for each different shift."""
    shifts = (
        Shift.objects.filter(agent__off_until__isnull=True)
        .order_by()
        .values("day", "starts_at", "ends_at")
        .annotate(settled_at=Min("agent__shift_edge_at"), n=Count("id"), known=Count("agent__shift_edge_at"))
    )
    for row in shifts:
        if row["known"] < row["n"]:
            return True  # shifts that were just made: their agent has not been looked at
        shift = Shift(day=row["day"], starts_at=row["starts_at"], ends_at=row["ends_at"])
        if last_edge([shift], timezone.localtime(now)) > row["settled_at"]:
            return True
    return False


def _end_pauses(now: dt.datetime) -> set[str]:
    """Agents whose pause is over come back, unless their shifts say that they are off at this moment."""
    agents = list(Agent.objects.filter(off_until__lte=now).prefetch_related("shifts"))
    for agent in agents:
        shifts = list(agent.shifts.all())
        _set(agent, is_on=not shifts or is_in_shift(shifts, timezone.localtime(now)))
        agent.off_until = None
        acknowledge_past_edges(
            agent, now
        )  # what the shifts wanted meanwhile is done with it: one switch, one line in the history
    _save(agents, ["availability", "off_until", "shift_edge_at"], why=ChangeReason.PAUSE_OVER)
    return {agent.number for agent in agents}


def _pass_shift_edges(now: dt.datetime) -> set[str]:
    """At an edge of a shift the agent is switched; a change by hand holds until the next edge, a pause to its end."""
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
        # Shifts that were just made act from their next edge on; an agent that stands right already is left alone.
        if before and _set(agent, is_on=is_in_shift(shifts, local)):
            switched.append(agent)
    Agent.objects.bulk_update(passed, ["shift_edge_at"])
    _save(switched, ["availability"], why=ChangeReason.SHIFT)
    return {agent.number for agent in switched}


def acknowledge_past_edges(agent: Agent, now: dt.datetime) -> None:
    """The agent stands as wanted at this moment, so that only later edges of shifts act. Does not save."""
    if (
        agent.shift_edge_at is not None
    ):  # else the shifts, if any, were just made, and act from their next edge anyway
        agent.shift_edge_at = max(agent.shift_edge_at, now)


def _set(agent: Agent, *, is_on: bool) -> bool:
    """Whether that changes the agent."""
    before = agent.availability
    agent.availability = Agent.Availability.AVAIL if is_on else Agent.Availability.OFF
    return agent.availability != before


def _save(agents: list[Agent], fields: list[str], *, why: str) -> None:
    if agents:
        bulk_update_with_history(agents, Agent, fields, batch_size=500, default_change_reason=why)


def is_in_shift(shifts: Iterable[Shift], local: dt.datetime) -> bool:
    """Whether a local moment lies in one of the shifts of its date."""
    return any(
        starts <= local < ends
        for shift in shifts
        if shift.day == local.weekday()
        for starts, ends in [_span(shift, local.date(), local.tzinfo)]
    )


def last_edge(shifts: Iterable[Shift], local: dt.datetime) -> dt.datetime:
    """The latest beginning or end of a shift at or before a local moment, in UTC. At least one shift is given."""
    return max(edge for edge in _edges(shifts, local, range(-7, 1)) if edge <= local)


def next_edge(shifts: Iterable[Shift], local: dt.datetime) -> dt.datetime:
    """The next beginning or end of a shift after a local moment, in UTC. At least one shift is given."""
    return min(edge for edge in _edges(shifts, local, range(8)) if edge > local)


def _edges(shifts: Iterable[Shift], local: dt.datetime, days: range) -> list[dt.datetime]:
    today = local.date()
    return [
        edge
        for shift in shifts
        for ahead in days
        if (today.weekday() + ahead) % 7 == shift.day
        for edge in _span(shift, today + dt.timedelta(days=ahead), local.tzinfo)
    ]


def _span(shift: Shift, date: dt.date, zone: dt.tzinfo | None) -> tuple[dt.datetime, dt.datetime]:
    """Beginning and end of a shift on a date, in UTC: two moments of one zone compare by their clocks, not by time.

    The last minute of a day stands for midnight, so that a night's two halves meet.
    """
    starts = dt.datetime.combine(date, shift.starts_at, zone)
    if shift.ends_at >= LAST_MINUTE:
        ends = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), zone)
    else:
        ends = dt.datetime.combine(date, shift.ends_at, zone)
    return starts.astimezone(dt.UTC), ends.astimezone(dt.UTC)
