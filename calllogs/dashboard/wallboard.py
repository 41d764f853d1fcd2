"""The wall board's figures, read straight from the calls: ten queries, however many calls there are.

Whoever sees some departments has a board of their calls, missed callers and agents.
"""

import datetime as dt
from collections import Counter
from dataclasses import dataclass

from django.db.models import Avg, Count, Q
from django.utils import timezone

from calllogs.access.visibility import CallVisibility
from calllogs.callbacks import queries
from calllogs.calls import office_hours_sql
from calllogs.models import Alarm, CallLog, MissedCaller
from calllogs.statistics import aggregates
from settings_sync import schedule
from settings_sync.models import Agent
from settings_sync.schedule import CallerHears, DayPlan

LAST = 8
# The last calls of some departments are looked for no further back: they may be rare, and the board asks all day long.
LAST_OF_SOME = dt.timedelta(days=2)
MOST_NAMES = 40


@dataclass(frozen=True, slots=True)
class Team:
    """One department: who takes calls, and how many there are."""

    name: str
    available: int
    total: int
    names: list[str]


@dataclass(frozen=True, slots=True)
class Wall:
    calls: int
    answered: int
    missed: int
    talk_seconds: float | None  # average of the answered
    waiting: int
    waits_since: dt.datetime | None  # the longest waiting
    available: int
    agents: int
    teams: list[Team]
    names: dict[str, str]  # of agents, by number
    last: list[CallLog]
    alarms: list[Alarm]
    plan: DayPlan
    is_open: bool
    whose: str  # departments, if not all


def read(sight: CallVisibility, now: dt.datetime | None = None) -> Wall:
    now = now or timezone.now()
    local = timezone.localtime(now)
    today = sight.calls().filter(started_at__gte=office_hours_sql.midnight(local.date())).order_by()
    answered = Q(status=CallLog.Status.ANSWERED)
    counts = today.aggregate(
        calls=Count("pk"),
        answered=Count("pk", filter=answered),
        missed=Count("pk", filter=Q(status__in=[CallLog.Status.MISSED, CallLog.Status.DROPPED])),
        talk_seconds=Avg("talk_seconds", filter=answered),
    )
    longest = MissedCaller.objects.filter(sight.condition(), is_old=False).order_by("first_at", "pk")
    agents = list(
        Agent.objects.filter(sight.condition())
        .order_by("name", "id")
        .only("name", "number", "department", "availability")
    )
    teams = _teams(agents)
    calls = sight.calls()
    if sight.is_limited:
        calls = calls.filter(started_at__gte=now - LAST_OF_SOME)
    (plan,) = schedule.days(local.date(), 1)
    return Wall(
        **counts,
        waiting=queries.waiting_in(sight.departments),
        waits_since=longest.values_list("first_at", flat=True).first(),
        available=sum(team.available for team in teams),
        agents=sum(team.total for team in teams),
        teams=teams,
        names={agent.number: agent.name for agent in agents},
        last=list(
            calls.order_by("-started_at", "-id").only(
                "started_at", "caller", "status", "department", "agent_number", "talk_seconds"
            )[:LAST]
        ),
        alarms=[alarm for alarm in Alarm.objects.on() if not alarm.is_quiet(now)],
        plan=plan,
        is_open=schedule.answer_for(plan, local.time()).heard == CallerHears.OPEN,
        whose=aggregates.departments_words(sight.departments),
    )


def _teams(agents: list[Agent]) -> list[Team]:
    """Departments where nobody takes calls come first: they are what the board is looked at for."""
    total: Counter[str] = Counter()
    names: dict[str, list[str]] = {}
    for agent in agents:
        total[agent.department] += 1
        if agent.availability == Agent.Availability.AVAIL:
            names.setdefault(agent.department, []).append(agent.name)
    found = [
        Team(department, len(names.get(department, [])), count, names.get(department, [])[:MOST_NAMES])
        for department, count in total.items()
    ]
    return sorted(found, key=lambda team: (team.available > 0, not team.name, team.name))
