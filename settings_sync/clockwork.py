"""What time changes by itself: pauses that end, shifts that begin and end, hours for one date only.

Asked by every sweep. It looks at what is due by now, not at what was scheduled then, so that a night without a beat is
made good by the first sweep after it.
"""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from settings_sync import desired, ledger
from settings_sync.models import Agent, Circuit, Shift


def turn(now: dt.datetime | None = None) -> list[int]:
    """Switch what is due; the ids of the settings that changed."""
    now = now or timezone.now()
    if not _may_be_due(now):
        return ledger.level(_week(), trigger="clock") if ledger.differences(_week()).told else []
    with transaction.atomic():
        Circuit.take_turn()
        switched = _end_pauses(now) | _pass_shift_edges(now)
        addresses = [desired.agent_address(number) for number in sorted(switched)]
        return ledger.level([*addresses, *_week()], trigger="clock")


def _week() -> list[str]:
    return [desired.hours_address(day) for day in desired.WEEKDAYS]


def _may_be_due(now: dt.datetime) -> bool:
    return Agent.objects.filter(off_until__lte=now).exists() or Shift.objects.exists()


def _end_pauses(now: dt.datetime) -> set[str]:
    """Agents whose pause is over come back, unless their shifts say that they are off at this moment."""
    ended = set()
    for agent in Agent.objects.filter(off_until__lte=now).prefetch_related("shifts"):
        shifts = list(agent.shifts.all())
        is_on = not shifts or is_in_shift(shifts, timezone.localtime(now))
        agent.off_until = None
        _switch(agent, is_on=is_on, why="the pause is over")
        ended.add(agent.number)
    return ended


def _pass_shift_edges(now: dt.datetime) -> set[str]:
    """At an edge of a shift the agent is switched; a change by hand holds until the next edge, a pause to its end."""
    passed = set()
    agents = (
        Agent.objects.filter(shifts__isnull=False, off_until__isnull=True)
        .distinct()
        .prefetch_related("shifts")
    )
    for agent in agents:
        shifts = list(agent.shifts.all())
        edge = last_edge(shifts, timezone.localtime(now))
        if agent.shift_edge_at and edge <= agent.shift_edge_at:
            continue
        is_new = agent.shift_edge_at is None  # shifts that were just made act from their next edge on
        agent.shift_edge_at = edge
        agent.save_without_historical_record(update_fields=["shift_edge_at"])  # type: ignore[attr-defined]
        if not is_new:
            _switch(agent, is_on=is_in_shift(shifts, timezone.localtime(now)), why="shift")
            passed.add(agent.number)
    return passed


def _switch(agent: Agent, *, is_on: bool, why: str) -> None:
    agent.availability = Agent.Availability.AVAIL if is_on else Agent.Availability.OFF
    agent._change_reason = why  # type: ignore[attr-defined]  # read by the history
    agent.save(update_fields=["availability", "off_until"])


def is_in_shift(shifts: list[Shift], local: dt.datetime) -> bool:
    return any(
        shift.day == local.weekday() and shift.starts_at <= local.time() < shift.ends_at for shift in shifts
    )


def last_edge(shifts: list[Shift], local: dt.datetime) -> dt.datetime:
    """The latest beginning or end of a shift at or before a local moment."""
    return max(edge for edge in _edges(shifts, local, range(-7, 1)) if edge <= local)


def next_edge(shifts: list[Shift], local: dt.datetime) -> dt.datetime:
    """The next beginning or end of a shift after a local moment."""
    return min(edge for edge in _edges(shifts, local, range(8)) if edge > local)


def _edges(shifts: list[Shift], local: dt.datetime, days: range) -> list[dt.datetime]:
    zone = local.tzinfo
    dates = [local.date() + dt.timedelta(days=ahead) for ahead in days]
    return [
        dt.datetime.combine(date, time, zone)
        for date in dates
        for shift in shifts
        if shift.day == date.weekday()
        for time in (shift.starts_at, shift.ends_at)
    ]
