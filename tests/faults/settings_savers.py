"""People who save agents, holidays and hours, as the screens do: record and intent in one transaction."""

import datetime as dt
import random
import time
from collections.abc import Callable
from operator import itemgetter

from django.db import DatabaseError, IntegrityError, close_old_connections, transaction

from settings_sync import setting_address
from settings_sync.delivery import service
from settings_sync.models import Agent, Holiday, OfficeHours

AGENTS, HOLIDAYS = 10, 3  # with the seven days of the week: twenty settings
NUMBERS = [f"+91981234{number:04d}" for number in range(20)]
DATES = [dt.date.today() + dt.timedelta(days=100 + day) for day in range(HOLIDAYS)]
BURST = 5
# Changes records; gives the addresses that it touched. The second argument, from 0 to 1, picks what is changed.
Change = Callable[[random.Random, float], list[str]]


def begin(seed: int) -> None:
    with transaction.atomic():
        for number in NUMBERS[:AGENTS]:
            Agent.objects.create(name=f"Agent {number[-2:]}", number=number)
        for date in DATES:
            Holiday.objects.create(date=date)
        for day in setting_address.WEEKDAYS:
            OfficeHours.objects.create(day=day, opens_at=dt.time(9), closes_at=dt.time(18))
        service.record(
            [
                *map(setting_address.agent_address, NUMBERS[:AGENTS]),
                *map(setting_address.holiday_address, DATES),
                *map(setting_address.hours_address, setting_address.WEEKDAYS),
            ]
        )


def save(luck: str, count: int, seconds: float) -> None:
    """That many saves within so many seconds; one that the database refuses is made again.

    People save in bursts: on, no, off, on again. So an old request is often still on its way when the newest is told.
    """
    chance = random.Random(luck)
    events = sorted(
        (event for _ in range(count // BURST) for event in _burst(chance, seconds)), key=itemgetter(0)
    )
    began = time.monotonic()
    for moment, change, pick in events:
        time.sleep(max(0.0, began + moment - time.monotonic()))
        while not _saved(change, chance, pick):
            time.sleep(0.2)


def _burst(chance: random.Random, seconds: float) -> list[tuple[float, Change, float]]:
    change = chance.choices([switch, rename, holiday, hours, week], [55, 6, 10, 25, 4])[0]
    pick, moment = chance.random(), chance.uniform(0, seconds - BURST * 0.3)
    return [(moment := moment + chance.uniform(0.1, 0.5), change, pick) for _ in range(BURST)]


def _saved(change: Change, chance: random.Random, pick: float) -> bool:
    try:
        with transaction.atomic():
            service.record(change(chance, pick))
    except IntegrityError:
        return True  # the number is somebody's: the form would say so
    except DatabaseError:
        close_old_connections()
        return False
    return True


def switch(chance: random.Random, pick: float) -> list[str]:
    agent = _agent(pick)
    agent.availability = "OFF" if agent.availability == "AVAIL" else "AVAIL"
    agent.save(update_fields=["availability"])
    return [setting_address.agent_address(agent.number)]


def rename(chance: random.Random, pick: float) -> list[str]:
    agent = _agent(pick)
    before, agent.number = agent.number, chance.choice(NUMBERS)
    agent.save(update_fields=["number"])
    return [setting_address.agent_address(before), setting_address.agent_address(agent.number)]


def holiday(chance: random.Random, pick: float) -> list[str]:
    date = DATES[int(pick * len(DATES))]
    if not Holiday.objects.filter(date=date).delete()[0]:
        Holiday.objects.create(date=date)
    return [setting_address.holiday_address(date)]


def hours(chance: random.Random, pick: float) -> list[str]:
    return _set_hours([setting_address.WEEKDAYS[int(pick * len(setting_address.WEEKDAYS))]], chance)


def week(chance: random.Random, pick: float) -> list[str]:
    return _set_hours(list(setting_address.WEEKDAYS), chance)


def _set_hours(days: list[str], chance: random.Random) -> list[str]:
    opens_at, closes_at = dt.time(chance.choice([8, 9])), dt.time(chance.choice([17, 18]))
    # In one order, or two people who save the week at once would lock each other out.
    for day in sorted(days):
        OfficeHours.objects.filter(day=day).update(opens_at=opens_at, closes_at=closes_at)
    return [setting_address.hours_address(day) for day in days]


def _agent(pick: float) -> Agent:
    """Taken for ourselves: two people who read the same row would otherwise write what neither of them saw."""
    ids = sorted(Agent.objects.values_list("pk", flat=True))
    return Agent.objects.select_for_update().get(pk=ids[int(pick * len(ids))])
