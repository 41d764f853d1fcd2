"""The content of the agents' board: one card per agent, grouped by department, in a fixed number of queries."""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ivrportal.common.phone import format_national, national
from settings_sync import coverage, scheduler, setting_address
from settings_sync.delivery import account_status as accounts
from settings_sync.delivery import badges, circuit
from settings_sync.delivery.account_status import AccountStatus
from settings_sync.models import Agent, ProviderSetting, Shift
from settings_sync.models.provider_setting import STATE_STYLES, State

PENDING_STATES = {State.WAITING, State.SENDING}


@dataclass(frozen=True, slots=True)
class AgentCard:
    """One agent on the board. `version` changes with any other field."""

    pk: str
    name: str
    number: str
    department: str
    is_on: bool
    availability_label: str
    next_switch: str
    state: str
    state_label: str
    state_colour: str
    state_icon: str
    state_link: str
    is_pending: bool
    link: str
    search: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class BoardDepartment:
    key: str
    name: str
    value: str  # `Agent.department`; empty for agents without one
    count: str
    is_empty: bool  # nobody is available
    cards: list[AgentCard]


@dataclass(frozen=True, slots=True)
class Board:
    departments: list[BoardDepartment]
    total: int
    available: int
    count: str
    alarm: coverage.CoverageAlarm
    account: AccountStatus

    def cards(self) -> list[AgentCard]:
        return [card for department in self.departments for card in department.cards]


def load_board() -> Board:
    """Load all agents with their provider settings and shifts in a fixed number of queries."""
    now = timezone.now()
    agents = list(Agent.objects.order_by("name", "id"))
    settings = {
        row.address: row
        for row in ProviderSetting.objects.filter(kind=setting_address.AGENT).only(
            "id", "address", "desired", "confirmed", "state", "next_attempt_at", "last_reply"
        )
    }
    next_switches = _next_shift_edges(now)
    account = accounts.load()
    base = reverse("admin:settings_sync_agent_change", args=[0])
    grouped: dict[str, list[AgentCard]] = defaultdict(list)
    for agent in agents:
        setting = settings.get(setting_address.agent_address(agent.number))
        grouped[agent.department].append(
            _build_card(agent, setting, next_switches, account=account, base=base)
        )
    departments = [
        _build_department(name, grouped[name]) for name in sorted(grouped, key=lambda name: (not name, name))
    ]
    available = sum(card.is_on for cards in grouped.values() for card in cards)
    return Board(
        departments,
        len(agents),
        available,
        _format_count(available, len(agents)),
        coverage.find_alarm(agents, coverage.closing_time(now)),
        account,
    )


def _build_department(name: str, cards: list[AgentCard]) -> BoardDepartment:
    available = sum(card.is_on for card in cards)
    return BoardDepartment(
        key=f"d{crc32(name.encode()):x}",
        name=name or _("No department"),
        value=name,
        count=_format_count(available, len(cards)),
        is_empty=available == 0,
        cards=cards,
    )


def _format_count(available: int, total: int) -> str:
    return ngettext("%(available)d of %(total)d available", "%(available)d of %(total)d available", total) % {
        "available": available,
        "total": total,
    }


def _build_card(
    agent: Agent,
    setting: ProviderSetting | None,
    next_switches: dict[int, str],
    *,
    account: AccountStatus,
    base: str,
) -> AgentCard:
    state, label, colour, icon = _state_badge(setting, account)
    number = format_national(agent.number)
    parts: dict[str, Any] = {
        "pk": str(agent.pk),
        "name": agent.name,
        "number": number,
        "department": agent.department,
        "is_on": agent.availability == Agent.Availability.AVAIL,
        "availability_label": availability_label(agent),
        "next_switch": "" if agent.off_until else next_switches.get(agent.pk, ""),
        "state": state,
        "state_label": label,
        "state_colour": colour,
        "state_icon": icon,
        "state_link": f"{base[: -len('agent/0/change/')]}providersetting/{setting.pk}/change/"
        if setting
        else "",
        "is_pending": bool(setting and badges.should_poll(setting, account.closed_reason)),
        "link": base.replace("/0/", f"/{agent.pk}/"),
        "search": f"{agent.name} {agent.department} {number} {national(agent.number)}".casefold(),
    }
    return AgentCard(**parts, version=f"{crc32(repr(parts).encode()):x}")


def _state_badge(setting: ProviderSetting | None, account: AccountStatus) -> tuple[str, str, str, str]:
    """(state, label, colour, icon). The board shows waiting and sending as one state."""
    if setting is None:
        return "", _("Not sent"), "base", ""
    state = circuit.displayed_state(setting, account.closed_reason)
    label = (
        str(State.SENDING.label)
        if state in PENDING_STATES
        else badges.state_label(setting, account.closed_reason)
    )
    return (state, label, *STATE_STYLES[State.SENDING if state in PENDING_STATES else state])


def availability_label(agent: Agent) -> str:
    if agent.availability == Agent.Availability.AVAIL:
        return _("Available")
    if agent.off_until is None:
        return _("Off")
    return _("Off until %(time)s") % {"time": format_moment(agent.off_until)}


def format_moment(moment: dt.datetime) -> str:
    """`15:00` today, `Tue 09:30` within the week, `8 Nov, 09:30` beyond."""
    local, today = timezone.localtime(moment), timezone.localdate()
    if local.date() == today:
        return time_format(local, "H:i")
    is_near = 0 < (local.date() - today).days < 7
    return date_format(local, "D H:i" if is_near else "j M, H:i")


def format_shift_edge(edge: tuple[dt.datetime, bool] | None) -> str:
    if edge is None:
        return ""
    moment, is_on = edge
    text = _("Shift begins: on at %(time)s") if is_on else _("Shift ends: off at %(time)s")
    return text % {"time": format_moment(moment)}


def next_shift_edge(shifts: list[Shift], now: dt.datetime) -> tuple[dt.datetime, bool] | None:
    """The next start or end of a shift, and whether the agent is on after it; None without shifts."""
    if not shifts:
        return None
    edge = scheduler.next_edge(shifts, timezone.localtime(now))
    return edge, scheduler.is_in_shift(shifts, timezone.localtime(edge))


def _next_shift_edges(now: dt.datetime) -> dict[int, str]:
    """The next shift edge as text, by agent id. Equal weeks are computed once."""
    weeks: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    rows = Shift.objects.order_by("day", "starts_at").values_list("agent_id", "day", "starts_at", "ends_at")
    for agent_id, day, starts, ends in rows:
        weeks[agent_id].append((day, starts, ends))
    text_by_week: dict[tuple[Any, ...], str] = {}
    found = {}
    for agent_id, week in weeks.items():
        week_key = tuple(week)
        if week_key not in text_by_week:
            shifts = [Shift(day=one[0], starts_at=one[1], ends_at=one[2]) for one in week_key]
            text_by_week[week_key] = format_shift_edge(next_shift_edge(shifts, now))
        found[agent_id] = text_by_week[week_key]
    return found


def render_cards(cards: list[AgentCard], *, may_switch: bool) -> str:
    """Render cards, for the page and for the poll view."""
    labels = {"choose": _("Choose"), "pause": _("Off until…"), "takes_calls": _("takes calls")}
    pause_url = reverse("admin:agent_pause")
    context = {"cards": cards, "may_switch": may_switch, "labels": labels, "pause_url": pause_url}
    return render_to_string("settings_sync/agents/board_cards.html", context)
