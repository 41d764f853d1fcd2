"""Saves agents, holidays and office hours as the pages do: record and reconciliation in one transaction."""

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
# Changes records and returns their setting addresses. The second argument, from 0 to 1, selects the record.
RecordChange = Callable[[random.Random, float], list[str]]


def create_records(seed: int) -> None:
    with transaction.atomic():
        for number in NUMBERS[:AGENTS]:
            Agent.objects.create(name=f"Agent {number[-2:]}", number=number)
        for date in DATES:
            Holiday.objects.create(date=date)
        for day in setting_address.WEEKDAYS:
            OfficeHours.objects.create(day=day, opens_at=dt.time(9), closes_at=dt.time(18))
        service.reconcile_and_enqueue(
            [
                *map(setting_address.agent_address, NUMBERS[:AGENTS]),
                *map(setting_address.holiday_address, DATES),
                *map(setting_address.hours_address, setting_address.WEEKDAYS),
            ]
        )


def save_in_bursts(seed: str, count: int, seconds: float) -> None:
    """Save `count` times within `seconds`; a save that fails in the database is repeated.

    Saves come in bursts, so that an old request is often still in flight when the newest value is sent.
    """
    rng = random.Random(seed)
    events = sorted(
        (event for _ in range(count // BURST) for event in _build_burst(rng, seconds)), key=itemgetter(0)
    )
    began = time.monotonic()
    for moment, change, pick in events:
        time.sleep(max(0.0, began + moment - time.monotonic()))
        while not _try_save(change, rng, pick):
            time.sleep(0.2)


def _build_burst(rng: random.Random, seconds: float) -> list[tuple[float, RecordChange, float]]:
    change = rng.choices(
        [switch_agent, renumber_agent, toggle_holiday, change_one_day, change_week], [55, 6, 10, 25, 4]
    )[0]
    pick, moment = rng.random(), rng.uniform(0, seconds - BURST * 0.3)
    return [(moment := moment + rng.uniform(0.1, 0.5), change, pick) for _ in range(BURST)]


def _try_save(change: RecordChange, rng: random.Random, pick: float) -> bool:
    try:
        with transaction.atomic():
            service.reconcile_and_enqueue(change(rng, pick))
    except IntegrityError:
        return True  # the number is taken: a form would reject it
    except DatabaseError:
        close_old_connections()
        return False
    return True


def switch_agent(rng: random.Random, pick: float) -> list[str]:
    agent = _lock_agent(pick)
    agent.availability = "OFF" if agent.availability == "AVAIL" else "AVAIL"
    agent.save(update_fields=["availability"])
    return [setting_address.agent_address(agent.number)]


def renumber_agent(rng: random.Random, pick: float) -> list[str]:
    agent = _lock_agent(pick)
    before, agent.number = agent.number, rng.choice(NUMBERS)
    agent.save(update_fields=["number"])
    return [setting_address.agent_address(before), setting_address.agent_address(agent.number)]


def toggle_holiday(rng: random.Random, pick: float) -> list[str]:
    date = DATES[int(pick * len(DATES))]
    if not Holiday.objects.filter(date=date).delete()[0]:
        Holiday.objects.create(date=date)
    return [setting_address.holiday_address(date)]


def change_one_day(rng: random.Random, pick: float) -> list[str]:
    return _set_hours([setting_address.WEEKDAYS[int(pick * len(setting_address.WEEKDAYS))]], rng)


def change_week(rng: random.Random, pick: float) -> list[str]:
    return _set_hours(list(setting_address.WEEKDAYS), rng)


def _set_hours(days: list[str], rng: random.Random) -> list[str]:
    opens_at, closes_at = dt.time(rng.choice([8, 9])), dt.time(rng.choice([17, 18]))
    # In a fixed order, so that two concurrent saves of the week cannot deadlock.
    for day in sorted(days):
        OfficeHours.objects.filter(day=day).update(opens_at=opens_at, closes_at=closes_at)
    return [setting_address.hours_address(day) for day in days]


def _lock_agent(pick: float) -> Agent:
    """Locks the row, so that concurrent savers do not overwrite each other's change."""
    ids = sorted(Agent.objects.values_list("pk", flat=True))
    return Agent.objects.select_for_update().get(pk=ids[int(pick * len(ids))])
