"""The largest office for which page performance is guaranteed."""

import datetime as dt

from django.utils import timezone

from settings_sync.delivery import reconcile
from settings_sync.models import Agent, Holiday, OfficeHours, Shift

AGENTS, HOLIDAYS, DEPARTMENTS = 500, 400, 8


def large_office() -> None:
    """Create 500 agents with shifts in 8 departments, 400 holidays and the office hours, with provider settings."""
    agents = Agent.objects.bulk_create(
        Agent(name=f"Agent {n}", number=f"+9198123{45000 + n}", department=f"Department {n % DEPARTMENTS}")
        for n in range(AGENTS)
    )
    Shift.objects.bulk_create(
        Shift(agent=agent, day=day, starts_at=dt.time(9, n % 30), ends_at=dt.time(18))
        for n, agent in enumerate(agents)
        for day in range(5)
    )
    OfficeHours.objects.bulk_create(
        OfficeHours(day=day, opens_at=dt.time(9), closes_at=dt.time(18)) for day in OfficeHours.Day.values
    )
    Holiday.objects.bulk_create(
        Holiday(date=timezone.localdate() + dt.timedelta(days=30 + n), name=f"Holiday {n}")
        for n in range(HOLIDAYS)
    )
    reconcile.repair()
