"""What the board says about each agent, each department and all: in words, from a handful of queries."""

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
from settings_sync.delivery.account_status import Account
from settings_sync.models import Agent, ProviderSetting, Shift
from settings_sync.models.provider_setting import STATE_LOOK, State

ON_ITS_WAY = {State.WAITING, State.SENDING}


@dataclass(frozen=True, slots=True)
class Card:
    """One agent on the board. `version` changes when anything that is seen does."""

    pk: str
    name: str
    number: str
    department: str
    is_on: bool
    said: str
    by_itself: str
    state: str
    state_words: str
    state_colour: str
    state_icon: str
    state_link: str
    is_moving: bool
    link: str
    search: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Department:
    key: str
    name: str
    value: str  # the department as agents have it; empty for those who have none
    count: str
    is_empty: bool  # nobody is available
    cards: list[Card]


@dataclass(frozen=True, slots=True)
class Board:
    departments: list[Department]
    total: int
    available: int
    count: str
    alarm: coverage.Alarm
    account: Account

    def cards(self) -> list[Card]:
        return [card for department in self.departments for card in department.cards]


def read() -> Board:
    """The whole board as it stands; a fixed number of queries."""
    now = timezone.now()
    agents = list(Agent.objects.order_by("name", "id"))
    told = {
        row.address: row
        for row in ProviderSetting.objects.filter(kind=setting_address.AGENT).only(
            "id", "address", "desired", "confirmed", "state", "next_attempt_at", "last_reply"
        )
    }
    edges = _next_edges(now)
    account = accounts.read()
    base = reverse("admin:settings_sync_agent_change", args=[0])
    grouped: dict[str, list[Card]] = defaultdict(list)
    for agent in agents:
        setting = told.get(setting_address.agent_address(agent.number))
        grouped[agent.department].append(_card(agent, setting, edges, account=account, base=base))
    departments = [
        _department(name, grouped[name]) for name in sorted(grouped, key=lambda name: (not name, name))
    ]
    available = sum(card.is_on for cards in grouped.values() for card in cards)
    return Board(
        departments,
        len(agents),
        available,
        _count_words(available, len(agents)),
        coverage.alarm(agents, coverage.closing_time(now)),
        account,
    )


def _department(name: str, cards: list[Card]) -> Department:
    available = sum(card.is_on for card in cards)
    return Department(
        key=f"d{crc32(name.encode()):x}",
        name=name or _("No department"),
        value=name,
        count=_count_words(available, len(cards)),
        is_empty=available == 0,
        cards=cards,
    )


def _count_words(available: int, total: int) -> str:
    return ngettext("%(available)d of %(total)d available", "%(available)d of %(total)d available", total) % {
        "available": available,
        "total": total,
    }


def _card(
    agent: Agent,
    setting: ProviderSetting | None,
    edges: dict[int, str],
    *,
    account: Account,
    base: str,
) -> Card:
    state, words, colour, icon = _state(setting, account)
    number = format_national(agent.number)
    parts: dict[str, Any] = {
        "pk": str(agent.pk),
        "name": agent.name,
        "number": number,
        "department": agent.department,
        "is_on": agent.availability == Agent.Availability.AVAIL,
        "said": availability_label(agent),
        "by_itself": "" if agent.off_until else edges.get(agent.pk, ""),
        "state": state,
        "state_words": words,
        "state_colour": colour,
        "state_icon": icon,
        "state_link": f"{base[: -len('agent/0/change/')]}providersetting/{setting.pk}/change/"
        if setting
        else "",
        "is_moving": bool(setting and badges.is_moving(setting, account.shut)),
        "link": base.replace("/0/", f"/{agent.pk}/"),
        "search": f"{agent.name} {agent.department} {number} {national(agent.number)}".casefold(),
    }
    return Card(**parts, version=f"{crc32(repr(parts).encode()):x}")


def _state(setting: ProviderSetting | None, account: Account) -> tuple[str, str, str, str]:
    """What has been saved is on its way until the provider has confirmed it: one word for that on the board."""
    if setting is None:
        return "", _("Not sent"), "base", ""
    state = circuit.shown_state(setting, account.shut)
    words = str(State.SENDING.label) if state in ON_ITS_WAY else badges.state_label(setting, account.shut)
    return (state, words, *STATE_LOOK[State.SENDING if state in ON_ITS_WAY else state])


def availability_label(agent: Agent) -> str:
    if agent.availability == Agent.Availability.AVAIL:
        return _("Available")
    if agent.off_until is None:
        return _("Off")
    return _("Off until %(time)s") % {"time": moment_words(agent.off_until)}


def moment_words(moment: dt.datetime) -> str:
    """`15:00` today, `Tue 09:30` within the week, `8 Nov, 09:30` beyond."""
    local, today = timezone.localtime(moment), timezone.localdate()
    if local.date() == today:
        return time_format(local, "H:i")
    is_near = 0 < (local.date() - today).days < 7
    return date_format(local, "D H:i" if is_near else "j M, H:i")


def edge_words(edge: tuple[dt.datetime, bool] | None) -> str:
    if edge is None:
        return ""
    moment, is_on = edge
    words = _("Shift begins: on at %(time)s") if is_on else _("Shift ends: off at %(time)s")
    return words % {"time": moment_words(moment)}


def next_edge(shifts: list[Shift], now: dt.datetime) -> tuple[dt.datetime, bool] | None:
    """When the shifts switch next, and to what; None without shifts."""
    if not shifts:
        return None
    edge = scheduler.next_edge(shifts, timezone.localtime(now))
    return edge, scheduler.is_in_shift(shifts, timezone.localtime(edge))


def _next_edges(now: dt.datetime) -> dict[int, str]:
    """In words, by agent; agents that work alike are worked out once."""
    weeks: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    rows = Shift.objects.order_by("day", "starts_at").values_list("agent_id", "day", "starts_at", "ends_at")
    for agent_id, day, starts, ends in rows:
        weeks[agent_id].append((day, starts, ends))
    known: dict[tuple[Any, ...], str] = {}
    found = {}
    for agent_id, week in weeks.items():
        alike = tuple(week)
        if alike not in known:
            shifts = [Shift(day=one[0], starts_at=one[1], ends_at=one[2]) for one in alike]
            known[alike] = edge_words(next_edge(shifts, now))
        found[agent_id] = known[alike]
    return found


def html(cards: list[Card], *, may_switch: bool) -> str:
    """These cards drawn: for the page and for the live look alike."""
    words = {"choose": _("Choose"), "pause": _("Off until…"), "takes_calls": _("takes calls")}
    pause_url = reverse("admin:agent_pause")
    context = {"cards": cards, "may_switch": may_switch, "words": words, "pause_url": pause_url}
    return render_to_string("settings_sync/agents/board_cards.html", context)
