"""Switching agents: the one place where the board, the pause and the list's actions do it."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone
from simple_history.utils import bulk_update_with_history

from settings_sync import clockwork, desired, intent
from settings_sync.admin import guard
from settings_sync.models import Agent, Circuit


class AskFirst(Exception):
    """A person has to be asked; `lines` say what. Nothing was changed."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def switch(
    ids: Iterable[int],
    availability: str,
    *,
    who: Any,
    is_sure: bool,
    off_until: dt.datetime | None = None,
) -> list[Agent]:
    """Make these agents stand so, whatever they stood like; those that changed.

    Save, history and intent are one commit. Raises AskFirst if it would leave nobody, unless the person is sure.
    """
    ids = list(ids)
    with transaction.atomic():
        Circuit.take_turn()
        if availability == Agent.Availability.OFF and not is_sure and (lines := guard.question(ids)):
            raise AskFirst(lines)
        now = timezone.now()
        changed = [
            agent
            for agent in Agent.objects.filter(pk__in=ids)
            if (agent.availability, agent.off_until) != (availability, off_until)
        ]
        for agent in changed:
            agent.availability, agent.off_until = availability, off_until
            clockwork.settle(agent, now)
        fields = ["availability", "off_until", "shift_edge_at"]
        if changed:
            bulk_update_with_history(changed, Agent, fields, batch_size=500, default_user=who)
        addresses = [desired.agent_address(agent.number) for agent in changed]
        intent.record(addresses, trigger="save" if len(ids) == 1 else "bulk")
    return changed
