"""`python -m tests.bench.settings_saver`: saves as the pages do, by command, and reports the time of each commit.

Reads one JSON command a line, with its arguments: `{"do": "saves", "count": 50, "rate": 10}`. The answer is a line of
JSON with the address, value, commit time and duration of each save.
"""

import json
import os
import sys
import time
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")
django.setup()

# Imported after django.setup(), which loads the apps.
from django.db import transaction  # noqa: E402

from ivrportal.celery import prepare_to_publish  # noqa: E402
from settings_sync import setting_address  # noqa: E402
from settings_sync.delivery import service  # noqa: E402
from settings_sync.models import Agent, ProviderSetting  # noqa: E402

prepare_to_publish()  # as a web process does

OPPOSITE = {"AVAIL": "OFF", "OFF": "AVAIL"}


def main() -> None:
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(COMMANDS[command.pop("do")](**command)), flush=True)


def create_agents(agents: int) -> None:
    Agent.objects.bulk_create(
        Agent(name=f"Agent {number}", number=f"+91981234{number:04d}") for number in range(agents)
    )
    with transaction.atomic():
        service.reconcile_and_enqueue(
            [setting_address.agent_address(agent.number) for agent in Agent.objects.all()], trigger="bulk"
        )


def is_settled() -> bool:
    return not ProviderSetting.objects.pending().exists()


def save_agents(count: int, rate: float) -> list[dict[str, Any]]:
    """Save one agent after the other, each at its scheduled time, so that no save replaces another."""
    agents = list(Agent.objects.order_by("pk"))
    done, began = [], time.monotonic()
    for turn in range(count):
        time.sleep(max(0.0, began + turn / rate - time.monotonic()))
        done.append(_save(agents[turn % len(agents)]))
    return done


def _save(agent: Agent) -> dict[str, Any]:
    agent.availability = OPPOSITE[agent.availability]
    committed: list[float] = []
    address = setting_address.agent_address(agent.number)
    started = time.perf_counter()
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.time()))
        agent.save(update_fields=["availability"])
        service.reconcile_and_enqueue([address])
    took = time.perf_counter() - started
    return {"address": address, "value": agent.availability, "committed_at": committed[0], "took_s": took}


def switch_all() -> float:
    """Switch all agents in one transaction. Returns the time of the commit."""
    agents = list(Agent.objects.order_by("pk"))
    with transaction.atomic():
        for agent in agents:
            agent.availability = OPPOSITE[agent.availability]
        Agent.objects.bulk_update(agents, ["availability"])
        transaction.on_commit(lambda: committed.append(time.time()))
        committed: list[float] = []
        service.reconcile_and_enqueue(
            [setting_address.agent_address(agent.number) for agent in agents], trigger="bulk"
        )
    return committed[0]


COMMANDS = {"begin": create_agents, "is_settled": is_settled, "saves": save_agents, "bulk": switch_all}

if __name__ == "__main__":
    main()
