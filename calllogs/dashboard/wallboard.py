"""The figures of the wall board, counted from the calls themselves. Ten queries, whatever the number of calls.

A department-limited user sees only the calls, missed callers and agents of these departments.
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

LAST_CALLS = 8
# For department-limited users, how far back the last calls are searched: they may be rare, and the board polls all day.
LAST_CALLS_WINDOW = dt.timedelta(days=2)
MAX_NAMES = 40


@dataclass(frozen=True, slots=True)
class TeamAvailability:
    """The agents of one department: how many are available, how many there are, and the names of the available ones."""

    name: str
    available: int
    total: int
    names: list[str]


@dataclass(frozen=True, slots=True)
class WallboardData:
    calls: int
    answered: int
    missed: int
    talk_seconds: float | None  # average over answered calls
    waiting: int
    waiting_since: dt.datetime | None  # of the caller who waits longest
    available: int
    agents: int
    teams: list[TeamAvailability]
    names: dict[str, str]  # of agents, by number
    last: list[CallLog]
    alarms: list[Alarm]
    plan: DayPlan
    is_open: bool
    departments_text: str  # empty for all departments


def load_wallboard(visibility: CallVisibility, now: dt.datetime | None = None) -> WallboardData:
    now = now or timezone.now()
    local = timezone.localtime(now)
    today = visibility.calls().filter(started_at__gte=office_hours_sql.midnight(local.date())).order_by()
    answered = Q(status=CallLog.Status.ANSWERED)
    counts = today.aggregate(
        calls=Count("pk"),
        answered=Count("pk", filter=answered),
        missed=Count("pk", filter=Q(status__in=[CallLog.Status.MISSED, CallLog.Status.DROPPED])),
        talk_seconds=Avg("talk_seconds", filter=answered),
    )
    longest = MissedCaller.objects.filter(visibility.condition(), is_old=False).order_by("first_at", "pk")
    agents = list(
        Agent.objects.filter(visibility.condition())
        .order_by("name", "id")
        .only("name", "number", "department", "availability")
    )
    teams = _build_teams(agents)
    calls = visibility.calls()
    if visibility.is_limited:
        calls = calls.filter(started_at__gte=now - LAST_CALLS_WINDOW)
    (plan,) = schedule.plan_days(local.date(), 1)
    return WallboardData(
        **counts,
        waiting=queries.count_waiting_in(visibility.departments),
        waiting_since=longest.values_list("first_at", flat=True).first(),
        available=sum(team.available for team in teams),
        agents=sum(team.total for team in teams),
        teams=teams,
        names={agent.number: agent.name for agent in agents},
        last=list(
            calls.order_by("-started_at", "-id").only(
                "started_at", "caller", "status", "department", "agent_number", "talk_seconds"
            )[:LAST_CALLS]
        ),
        alarms=[alarm for alarm in Alarm.objects.open() if not alarm.is_quiet(now)],
        plan=plan,
        is_open=schedule.answer_for(plan, local.time()).caller_hears == CallerHears.OPEN,
        departments_text=aggregates.departments_text(visibility.departments),
    )


def _build_teams(agents: list[Agent]) -> list[TeamAvailability]:
    """Teams by department. Departments without an available agent come first, because they need attention."""
    total: Counter[str] = Counter()
    names: dict[str, list[str]] = {}
    for agent in agents:
        total[agent.department] += 1
        if agent.availability == Agent.Availability.AVAIL:
            names.setdefault(agent.department, []).append(agent.name)
    teams = [
        TeamAvailability(
            department, len(names.get(department, [])), count, names.get(department, [])[:MAX_NAMES]
        )
        for department, count in total.items()
    ]
    return sorted(teams, key=lambda team: (team.available > 0, not team.name, team.name))
