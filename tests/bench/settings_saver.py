"""`python -m tests.bench.settings_saver`: saves as the screens do it, by command, and says when each was committed.

One command a line as JSON, its arguments beside its name: `{"do": "saves", "count": 50, "rate": 10}`. The answer, a
line of JSON, lists for each save its address, its value, when it was committed and how long it took.
"""

import json
import os
import sys
import time
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")
django.setup()

# After set-up, because these need the applications.
from django.db import transaction  # noqa: E402

from ivrportal.celery import prepare_to_publish  # noqa: E402
from settings_sync import setting_address  # noqa: E402
from settings_sync.delivery import service  # noqa: E402
from settings_sync.models import Agent, ProviderSetting  # noqa: E402

prepare_to_publish()  # as a web process does

OTHER = {"AVAIL": "OFF", "OFF": "AVAIL"}


def main() -> None:
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(DO[command.pop("do")](**command)), flush=True)


def begin(agents: int) -> None:
    Agent.objects.bulk_create(
        Agent(name=f"Agent {number}", number=f"+91981234{number:04d}") for number in range(agents)
    )
    with transaction.atomic():
        service.record(
            [setting_address.agent_address(agent.number) for agent in Agent.objects.all()], trigger="bulk"
        )


def is_settled() -> bool:
    return not ProviderSetting.objects.moving().exists()


def saves(count: int, rate: float) -> list[dict[str, Any]]:
    """One agent after the other, so that no save overtakes another; each at its moment."""
    agents = list(Agent.objects.order_by("pk"))
    done, began = [], time.monotonic()
    for turn in range(count):
        time.sleep(max(0.0, began + turn / rate - time.monotonic()))
        done.append(_save(agents[turn % len(agents)]))
    return done


def _save(agent: Agent) -> dict[str, Any]:
    agent.availability = OTHER[agent.availability]
    committed: list[float] = []
    address = setting_address.agent_address(agent.number)
    started = time.perf_counter()
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.time()))
        agent.save(update_fields=["availability"])
        service.record([address])
    took = time.perf_counter() - started
    return {"address": address, "value": agent.availability, "committed_at": committed[0], "took_s": took}


def bulk() -> float:
    """All agents switched by one action; when it was committed."""
    agents = list(Agent.objects.order_by("pk"))
    with transaction.atomic():
        for agent in agents:
            agent.availability = OTHER[agent.availability]
        Agent.objects.bulk_update(agents, ["availability"])
        transaction.on_commit(lambda: committed.append(time.time()))
        committed: list[float] = []
        service.record([setting_address.agent_address(agent.number) for agent in agents], trigger="bulk")
    return committed[0]


DO = {"begin": begin, "is_settled": is_settled, "saves": saves, "bulk": bulk}

if __name__ == "__main__":
    main()
