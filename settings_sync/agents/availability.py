"""Switch agents on and off, for the board, the pause form and the actions of the change list."""

import datetime as dt
from collections.abc import Iterable

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from simple_history.utils import bulk_update_with_history

from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from settings_sync import coverage, scheduler, setting_address
from settings_sync.delivery import service
from settings_sync.models import Agent, Circuit


class ConfirmationRequired(Exception):
    """The user must confirm the switch first; `lines` are the questions. Nothing was changed."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def switch(
    ids: Iterable[int],
    availability: str,
    *,
    request: HttpRequest,
    is_confirmed: bool,
    off_until: dt.datetime | None = None,
) -> list[Agent]:
    """Set the availability of these agents; return those that changed.

    Agents, history, provider settings and the audit log entry are committed together. Raises ConfirmationRequired if
    nobody would be left available, unless `is_confirmed`.
    """
    ids = list(ids)
    with transaction.atomic():
        Circuit.lock()
        if (
            availability == Agent.Availability.OFF
            and not is_confirmed
            and (lines := coverage.build_questions(ids))
        ):
            raise ConfirmationRequired(lines)
        now = timezone.now()
        changed = [
            agent
            for agent in Agent.objects.filter(pk__in=ids)
            if (agent.availability, agent.off_until) != (availability, off_until)
        ]
        before = {agent.pk: _format_availability(agent) for agent in changed}
        for agent in changed:
            agent.availability, agent.off_until = availability, off_until
            scheduler.acknowledge_past_edges(agent, now)
        fields = ["availability", "off_until", "shift_edge_at"]
        if changed:
            bulk_update_with_history(changed, Agent, fields, batch_size=500, default_user=request.user)
        addresses = [setting_address.agent_address(agent.number) for agent in changed]
        service.reconcile_and_enqueue(addresses, trigger="save" if len(ids) == 1 else "bulk")
        if changed:
            audit_log.record(
                Action.CHANGED,
                request=request,
                what=", ".join(agent.name for agent in changed),
                subject=audit_log.subject_of(changed[0]) if len(changed) == 1 else "",
                count=len(changed),
                changes={
                    f"agent {agent.pk} {agent.name}": [before[agent.pk], _format_availability(agent)]
                    for agent in changed
                },
            )
    return changed


def _format_availability(agent: Agent) -> str:
    if agent.off_until is None:
        return agent.availability
    return f"{agent.availability} until {timezone.localtime(agent.off_until):%Y-%m-%d %H:%M}"
