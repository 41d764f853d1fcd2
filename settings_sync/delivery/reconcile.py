"""Reconciles the `ProviderSetting` rows with the office's records.

It compares current states and not events, so saves and the periodic reconcile can call it at any time and any number of
times.
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
    """What reconciling would change: new desired values by address, and addresses whose record is gone."""

    changed: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)


def find_differences(addresses: Iterable[str] | None = None) -> Differences:
    """Compare the rows of these addresses (all if None) with the records. Reads only."""
    addresses = _include_whole_week(addresses)
    desired, rows = _desired_values(addresses), _settings_by_address(addresses)
    today = timezone.localdate()
    changed: dict[str, str] = {}
    removed: list[str] = []
    for address in sorted(set(desired) | set(rows)):
        value, row = desired.get(address), rows.get(address)
        if _is_past(address, today):
            if row and row.first_sent_at is None:
                removed.append(address)  # a past date is never sent
        elif value is None and setting_address.kind_of(address) == setting_address.AGENT:
            # A number that no longer belongs to an agent must not get calls.
            if row and row.desired != setting_address.OFF:
                changed[address] = setting_address.OFF
        elif value is None:
            if row and row.state != State.WITHDRAWN:
                removed.append(address)
        elif row is None or row.desired != value or row.state == State.WITHDRAWN:
            changed[address] = value
    return Differences(changed, removed)


def reconcile(addresses: Iterable[str] | None = None, *, trigger: str) -> list[int]:
    """Reconcile the rows of these addresses (all if None) with the records; return the ids of changed rows.

    Call it inside the transaction that changed the records.
    """
    Circuit.lock()
    differences = find_differences(addresses)
    now = database_now()
    by_value: dict[str, list[str]] = defaultdict(list)
    for address, value in differences.changed.items():
        by_value[value].append(address)
    for value, addresses_of_value in by_value.items():
        _set_desired(value, addresses_of_value, trigger=trigger, now=now)
    _withdraw(differences.removed, now)
    changed_rows = ProviderSetting.objects.filter(address__in=differences.changed).order_by("id")
    return list(changed_rows.values_list("id", flat=True))


def repair() -> list[int]:
    """Reconcile all rows. Changes found here bypassed `delivery.service`; they are counted in `Circuit.repaired`."""
    with transaction.atomic():
        changed = reconcile(trigger="sweep")
        if changed:
            Circuit.objects.filter(pk=Circuit.ONLY).update(repaired=F("repaired") + len(changed))
    return changed


def resend_all() -> int:
    """Mark every setting to be sent again, whatever was confirmed; return how many."""
    rows = ProviderSetting.objects.not_past().exclude(state=State.WITHDRAWN).exclude(desired="")
    now = database_now()
    return rows.update(
        generation=F("generation") + 1, next_attempt_at=now, state=State.WAITING, trigger="resend"
    )


def _desired_values(addresses: Iterable[str] | None) -> setting_address.DesiredValues:
    agents, holidays, hours = Agent.objects.all(), Holiday.objects.all(), OfficeHours.objects.all()
    if addresses is not None:
        names: dict[str, list[str]] = defaultdict(list)
        for address in addresses:
            names[setting_address.kind_of(address)].append(address.partition(":")[2])
        numbers = [name if name.startswith("+") else f"+91{name}" for name in names[setting_address.AGENT]]
        agents = agents.filter(number__in=numbers)
        holidays = holidays.filter(date__in=names[setting_address.HOLIDAY])
        hours = hours.filter(day__in=names[setting_address.HOURS])
    desired: setting_address.DesiredValues = {}
    for agent in agents:
        desired |= setting_address.desired_for_agent(agent)
    for holiday in holidays:
        desired |= setting_address.desired_for_holiday(holiday)
    for day in hours:
        desired |= setting_address.desired_for_hours(day)
    for override in OtherHours.objects.filter(date=timezone.localdate()):
        # Today's override replaces the weekday's usual hours; from tomorrow on the usual hours are desired again.
        desired |= {
            address: value
            for address, value in setting_address.desired_for_override(override).items()
            if address in desired
        }
    if settings.IVR_SEND_DAILY:
        desired |= setting_address.desired_for_daily(desired)
    return desired


def _include_whole_week(addresses: Iterable[str] | None) -> list[str] | None:
    """Add all weekdays and `Daily` if any address is one of office hours: `Daily` depends on all seven days."""
    if addresses is None:
        return None
    addresses = list(addresses)
    if any(setting_address.kind_of(address) == setting_address.HOURS for address in addresses):
        addresses += [setting_address.DAILY, *map(setting_address.hours_address, setting_address.WEEKDAYS)]
    return addresses


def _settings_by_address(addresses: Iterable[str] | None) -> dict[str, ProviderSetting]:
    rows = ProviderSetting.objects.all()
    if addresses is not None:
        rows = rows.filter(address__in=list(addresses))
    return {row.address: row for row in rows}


def _set_desired(value: str, addresses: list[str], *, trigger: str, now: dt.datetime) -> None:
    existing = set(_settings_by_address(addresses))
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
    """Delete rows that were never sent and mark the others as withdrawn: the API has no call that removes them."""
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
    """Delete `Daily`. If one of its requests may still act, every weekday is sent again later."""
    daily = ProviderSetting.objects.filter(address=setting_address.DAILY)
    if daily.filter(Q(lease_token__isnull=False) | Q(reassert_after__isnull=False)).exists():
        mark_week_unconfirmed(now + dt.timedelta(seconds=settings.IVR_LEASE_S))
    # While a request is in flight the row stays as withdrawn, so that its lane stays occupied.
    daily.filter(lease_token=None).delete()


def delete_dropped_daily() -> None:
    """Delete a withdrawn `Daily` row that has no request in flight."""
    ProviderSetting.objects.filter(address=setting_address.DAILY, desired="", lease_token=None).delete()


def mark_week_unconfirmed(until: dt.datetime) -> None:
    """Send each weekday again after `until` plus the settle window: until then a `Daily` request may still act."""
    after = until + dt.timedelta(seconds=settings.IVR_SETTLE_S)
    days = ProviderSetting.objects.filter(kind=setting_address.HOURS).exclude(address=setting_address.DAILY)
    days.filter(state=State.IN_FORCE).update(state=State.UNSURE)
    days.exclude(state=State.WITHDRAWN).update(
        reassert_after=after, next_attempt_at=Coalesce("next_attempt_at", Value(after))
    )


def delete_retired_agents() -> int:
    """Delete settings of numbers without an agent once the provider has confirmed them as off; return how many."""
    with transaction.atomic():
        Circuit.lock()
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
