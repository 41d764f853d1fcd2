"""The rows that hold what the provider should know, brought level with our records.

Level-triggered: it looks at what is, not at what happened, so that it can be called at any time, any number
of times, by saves and by the sweep alike.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from ivrportal.common.database_clock import database_now
from settings_sync import setting_address
from settings_sync.models import Agent, Circuit, Holiday, OfficeHours, OtherHours, ProviderSetting
from settings_sync.models.provider_setting import State


@dataclass(frozen=True, slots=True)
class Differences:
    """What levelling would change: `told` by address, and addresses that nothing is wanted for any more."""

    told: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)


def differences(addresses: Iterable[str] | None = None) -> Differences:
    """How far the rows of these addresses (all, if None) are from the records. Reads only."""
    addresses = _with_the_week(addresses)
    wanted, rows = _wanted(addresses), _rows(addresses)
    today = timezone.localdate()
    told: dict[str, str] = {}
    gone: list[str] = []
    for address in sorted(set(wanted) | set(rows)):
        value, row = wanted.get(address), rows.get(address)
        if _is_past(address, today):
            if row and row.first_sent_at is None:
                gone.append(address)  # a past date is not sent any more
        elif value is None and setting_address.kind_of(address) == setting_address.AGENT:
            # A number that no agent has any more must not ring.
            if row and row.desired != setting_address.OFF:
                told[address] = setting_address.OFF
        elif value is None:
            if row and row.state != State.WITHDRAWN:
                gone.append(address)
        elif row is None or row.desired != value or row.state == State.WITHDRAWN:
            told[address] = value
    return Differences(told, gone)


def reconcile(addresses: Iterable[str] | None = None, *, trigger: str) -> list[int]:
    """Bring the rows of these addresses (all, if None) level with the records; ids of those that changed.

    Call it inside the transaction that changed the records.
    """
    Circuit.take_turn()
    found = differences(addresses)
    now = database_now()
    by_value: dict[str, list[str]] = defaultdict(list)
    for address, value in found.told.items():
        by_value[value].append(address)
    for value, changed in by_value.items():
        _want(value, changed, trigger=trigger, now=now)
    _withdraw(found.gone, now)
    changed_rows = ProviderSetting.objects.filter(address__in=found.told).order_by("id")
    return list(changed_rows.values_list("id", flat=True))


def repair() -> list[int]:
    """Level everything; what had to be mended was changed behind our back, and is counted."""
    with transaction.atomic():
        changed = reconcile(trigger="sweep")
        if changed:
            Circuit.objects.filter(pk=Circuit.ONLY).update(repaired=F("repaired") + len(changed))
    return changed


def resend_all() -> int:
    """Have every setting sent again, whatever was confirmed; how many."""
    again = ProviderSetting.objects.not_past().exclude(state=State.WITHDRAWN).exclude(desired="")
    now = database_now()
    return again.update(
        generation=F("generation") + 1, next_attempt_at=now, state=State.WAITING, trigger="resend"
    )


def _wanted(addresses: Iterable[str] | None) -> setting_address.Desired:
    agents, holidays, hours = Agent.objects.all(), Holiday.objects.all(), OfficeHours.objects.all()
    if addresses is not None:
        names: dict[str, list[str]] = defaultdict(list)
        for address in addresses:
            names[setting_address.kind_of(address)].append(address.partition(":")[2])
        numbers = [name if name.startswith("+") else f"+91{name}" for name in names[setting_address.AGENT]]
        agents = agents.filter(number__in=numbers)
        holidays = holidays.filter(date__in=names[setting_address.HOLIDAY])
        hours = hours.filter(day__in=names[setting_address.HOURS])
    wanted: setting_address.Desired = {}
    for agent in agents:
        wanted |= setting_address.of_agent(agent)
    for holiday in holidays:
        wanted |= setting_address.of_holiday(holiday)
    for day in hours:
        wanted |= setting_address.of_hours(day)
    for other in OtherHours.objects.filter(date=timezone.localdate()):
        # Laid over the weekday's usual hours on that date; from the next day on the usual ones are wanted again.
        wanted |= {
            address: value
            for address, value in setting_address.of_other_hours(other).items()
            if address in wanted
        }
    if settings.IVR_SEND_DAILY:
        wanted |= setting_address.of_week(wanted)
    return wanted


def _with_the_week(addresses: Iterable[str] | None) -> list[str] | None:
    """One day's hours decide about `Daily`, and `Daily` about none of them: then the whole week is looked at."""
    if addresses is None:
        return None
    addresses = list(addresses)
    if any(setting_address.kind_of(address) == setting_address.HOURS for address in addresses):
        addresses += [setting_address.DAILY, *map(setting_address.hours_address, setting_address.WEEKDAYS)]
    return addresses


def _rows(addresses: Iterable[str] | None) -> dict[str, ProviderSetting]:
    rows = ProviderSetting.objects.all()
    if addresses is not None:
        rows = rows.filter(address__in=list(addresses))
    return {row.address: row for row in rows}


def _want(value: str, addresses: list[str], *, trigger: str, now: dt.datetime) -> None:
    existing = set(_rows(addresses))
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
                kind=setting_address.kind_of(address),
                lane=setting_address.lane_of(address),
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
    if setting_address.DAILY in addresses:
        _drop_daily(now)
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


def _drop_daily(now: dt.datetime) -> None:
    """`Daily` is no setting of its own: it is forgotten, and what it may still do is settled day by day."""
    daily = ProviderSetting.objects.filter(address=setting_address.DAILY)
    if daily.filter(Q(lease_token__isnull=False) | Q(reassert_after__isnull=False)).exists():
        mark_week_unconfirmed(now + dt.timedelta(seconds=settings.IVR_LEASE_S))
    # While its request is in flight the row stays, withdrawn, so that the lane stays taken.
    daily.filter(lease_token=None).delete()


def forget_dropped_daily() -> None:
    """Once nothing of it is in flight any more."""
    ProviderSetting.objects.filter(address=setting_address.DAILY, desired="", lease_token=None).delete()


def mark_week_unconfirmed(until: dt.datetime) -> None:
    """A request for all days may act until `until` and the settle window after it: assert each day once more then."""
    after = until + dt.timedelta(seconds=settings.IVR_SETTLE_S)
    days = ProviderSetting.objects.filter(kind=setting_address.HOURS).exclude(address=setting_address.DAILY)
    days.filter(state=State.IN_FORCE).update(state=State.UNSURE)
    days.exclude(state=State.WITHDRAWN).update(
        reassert_after=after, next_attempt_at=Coalesce("next_attempt_at", Value(after))
    )


def forget_retired() -> int:
    """Drop the settings of numbers that no agent has any more, once the provider has confirmed them off; how many."""
    with transaction.atomic():
        Circuit.take_turn()
        kept = [
            setting_address.agent_address(number) for number in Agent.objects.values_list("number", flat=True)
        ]
        retired = ProviderSetting.objects.filter(
            kind=setting_address.AGENT,
            state=State.IN_FORCE,
            confirmed=setting_address.OFF,
            reassert_after=None,
        ).exclude(address__in=kept)
        return retired.delete()[1].get("settings_sync.ProviderSetting", 0)


def _is_past(address: str, today: dt.date) -> bool:
    return (
        setting_address.kind_of(address) == setting_address.HOLIDAY
        and setting_address.holiday_date(address) < today
    )
