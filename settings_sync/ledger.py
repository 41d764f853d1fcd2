"""The rows that hold what the provider should know, brought level with our records.

Level-triggered: it looks at what is, not at what happened, so that it can be called at any time, any number
of times, by saves and by the sweep alike.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from settings_sync import desired
from settings_sync.clock import database_now
from settings_sync.models import Agent, Circuit, Holiday, OfficeHours, ProviderSetting
from settings_sync.models.provider import State


def level(addresses: Iterable[str] | None = None, *, trigger: str) -> list[int]:
    """Bring the rows of these addresses (all, if None) level with the records; ids of those that changed.

    Call it inside the transaction that changed the records.
    """
    Circuit.take_turn()
    wanted = _wanted(addresses)
    rows = _rows(addresses)
    today = timezone.localdate()
    by_value: dict[str, list[str]] = defaultdict(list)
    missing: list[str] = []
    for address in sorted(set(wanted) | set(rows)):
        value, row = wanted.get(address), rows.get(address)
        if _is_past(address, today):
            if row and row.first_sent_at is None:
                missing.append(address)  # a past date is not sent any more
        elif value is None and desired.kind_of(address) == desired.AGENT:
            # A number that no agent has any more must not ring.
            if row and row.desired != desired.OFF:
                by_value[desired.OFF].append(address)
        elif value is None:
            if row and row.state != State.WITHDRAWN:
                missing.append(address)
        elif row is None or row.desired != value or row.state == State.WITHDRAWN:
            by_value[value].append(address)
    now = database_now()
    for value, changed in by_value.items():
        _want(value, changed, set(rows), trigger=trigger, now=now)
    _withdraw(missing, now)
    touched = [address for changed in by_value.values() for address in changed]
    return list(
        ProviderSetting.objects.filter(address__in=touched).order_by("id").values_list("id", flat=True)
    )


def repair() -> list[int]:
    """Level everything; what had to be mended was changed behind our back, and is counted."""
    with transaction.atomic():
        changed = level(trigger="sweep")
        if changed:
            Circuit.objects.filter(pk=Circuit.ONLY).update(repaired=F("repaired") + len(changed))
    return changed


def assert_everything() -> int:
    """Have every setting sent again, whatever was confirmed; how many."""
    again = ProviderSetting.objects.exclude(state=State.WITHDRAWN).exclude(desired="")
    past = [
        row.pk for row in again.filter(kind=desired.HOLIDAY) if _is_past(row.address, timezone.localdate())
    ]
    now = database_now()
    return again.exclude(pk__in=past).update(
        generation=F("generation") + 1, next_attempt_at=now, state=State.WAITING, trigger="resend"
    )


def _wanted(addresses: Iterable[str] | None) -> desired.Desired:
    agents, holidays, hours = Agent.objects.all(), Holiday.objects.all(), OfficeHours.objects.all()
    if addresses is not None:
        names: dict[str, list[str]] = defaultdict(list)
        for address in addresses:
            names[desired.kind_of(address)].append(address.partition(":")[2])
        numbers = [name if name.startswith("+") else f"+91{name}" for name in names[desired.AGENT]]
        agents = agents.filter(number__in=numbers)
        holidays = holidays.filter(date__in=names[desired.HOLIDAY])
        hours = hours.filter(day__in=names[desired.HOURS])
    wanted: desired.Desired = {}
    for agent in agents:
        wanted |= desired.of_agent(agent)
    for holiday in holidays:
        wanted |= desired.of_holiday(holiday)
    for day in hours:
        wanted |= desired.of_hours(day)
    return wanted


def _rows(addresses: Iterable[str] | None) -> dict[str, ProviderSetting]:
    rows = ProviderSetting.objects.all()
    if addresses is not None:
        rows = rows.filter(address__in=list(addresses))
    return {row.address: row for row in rows}


def _want(value: str, addresses: list[str], existing: set[str], *, trigger: str, now: dt.datetime) -> None:
    ProviderSetting.objects.filter(address__in=addresses).update(
        desired=value,
        generation=F("generation") + 1,
        state=State.WAITING,
        changed_at=now,
        next_attempt_at=now,
        trigger=trigger,
    )
    ProviderSetting.objects.bulk_create(
        [
            ProviderSetting(
                address=address,
                kind=desired.kind_of(address),
                lane=desired.lane_of(address),
                desired=value,
                changed_at=now,
                next_attempt_at=now,
                trigger=trigger,
            )
            for address in addresses
            if address not in existing
        ]
    )


def _withdraw(addresses: list[str], now: dt.datetime) -> None:
    """What was never sent is simply gone; what was sent cannot be taken back by any call, and says so."""
    if not addresses:
        return
    rows = ProviderSetting.objects.filter(address__in=addresses)
    rows.filter(first_sent_at__isnull=True).delete()
    rows.exclude(state=State.WITHDRAWN).update(
        desired="",
        generation=F("generation") + 1,
        state=State.WITHDRAWN,
        changed_at=now,
        next_attempt_at=None,
        reassert_after=None,
    )


def _is_past(address: str, today: dt.date) -> bool:
    return desired.kind_of(address) == desired.HOLIDAY and desired.holiday_date(address) < today
