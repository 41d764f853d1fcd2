"""People who save agents, holidays and hours, as the screens do: record and intent in one transaction."""

import datetime as dt
import random
import time
from collections.abc import Callable

from django.db import DatabaseError, IntegrityError, close_old_connections, transaction

from settings_sync import desired, intent
from settings_sync.models import Agent, Holiday, OfficeHours

AGENTS, HOLIDAYS = 10, 3  # with the seven days of the week: twenty settings
NUMBERS = [f"+91981234{number:04d}" for number in range(20)]
DATES = [dt.date.today() + dt.timedelta(days=100 + day) for day in range(HOLIDAYS)]
Save = Callable[[random.Random], list[str]]  # changes records; the addresses that it touched


def begin(seed: int) -> None:
    with transaction.atomic():
        for number in NUMBERS[:AGENTS]:
            Agent.objects.create(name=f"Agent {number[-2:]}", number=number)
        for date in DATES:
            Holiday.objects.create(date=date)
        for day in desired.WEEKDAYS:
            OfficeHours.objects.create(day=day, opens_at=dt.time(9), closes_at=dt.time(18))
        intent.record(
            [
                *map(desired.agent_address, NUMBERS[:AGENTS]),
                *map(desired.holiday_address, DATES),
                *map(desired.hours_address, desired.WEEKDAYS),
            ]
        )


def save(luck: str, count: int, seconds: float) -> None:
    """That many saves, spread unevenly over so many seconds. One that the database refuses is made again."""
    chance = random.Random(luck)
    moments = sorted(chance.uniform(0, seconds) for _ in range(count))
    began = time.monotonic()
    for moment in moments:
        time.sleep(max(0.0, began + moment - time.monotonic()))
        change = chance.choices([switch, rename, holiday, hours, week], [50, 8, 12, 25, 5])[0]
        while not _saved(change, chance):
            time.sleep(0.2)


def _saved(change: Save, chance: random.Random) -> bool:
    try:
        with transaction.atomic():
            intent.record(change(chance))
    except IntegrityError:
        return True  # the number is somebody's: the form would say so
    except DatabaseError:
        close_old_connections()
        return False
    return True


def switch(chance: random.Random) -> list[str]:
    agent = _agent(chance)
    agent.availability = "OFF" if agent.availability == "AVAIL" else "AVAIL"
    agent.save(update_fields=["availability"])
    return [desired.agent_address(agent.number)]


def rename(chance: random.Random) -> list[str]:
    agent = _agent(chance)
    before, agent.number = agent.number, chance.choice(NUMBERS)
    agent.save(update_fields=["number"])
    return [desired.agent_address(before), desired.agent_address(agent.number)]


def holiday(chance: random.Random) -> list[str]:
    date = chance.choice(DATES)
    if not Holiday.objects.filter(date=date).delete()[0]:
        Holiday.objects.create(date=date)
    return [desired.holiday_address(date)]


def hours(chance: random.Random) -> list[str]:
    return _set_hours([chance.choice(desired.WEEKDAYS)], chance)


def week(chance: random.Random) -> list[str]:
    return _set_hours(list(desired.WEEKDAYS), chance)


def _set_hours(days: list[str], chance: random.Random) -> list[str]:
    opens_at, closes_at = dt.time(chance.choice([8, 9])), dt.time(chance.choice([17, 18]))
    # In one order, or two people who save the week at once would lock each other out.
    for day in sorted(days):
        OfficeHours.objects.filter(day=day).update(opens_at=opens_at, closes_at=closes_at)
    return [desired.hours_address(day) for day in days]


def _agent(chance: random.Random) -> Agent:
    """Taken for ourselves: two people who read the same row would otherwise write what neither of them saw."""
    ids = sorted(Agent.objects.values_list("pk", flat=True))
    return Agent.objects.select_for_update().get(pk=chance.choice(ids))
