"""The delivery status of changes, from the attempts for their address and value that followed them."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Case, Count, IntegerField, Min, Q, Value, When
from django.utils import timezone

from settings_sync import setting_address
from settings_sync.delivery.outcomes import Outcome
from settings_sync.history.change_log import DELETED, RecordChange, provider_value
from settings_sync.models import Attempt
from settings_sync.models.provider_setting import State


class DeliveryStatus(StrEnum):
    IN_FORCE = "in force"
    NOT_YET = "not yet"
    REPLACED = "replaced before it was sent"
    UNCONFIRMED = "replaced before it was confirmed"
    LATER = "on its date"
    TOO_LATE = "its date passed"
    STUCK = "could not be taken back"
    REMOVED = "removed by the provider's support"
    NEVER_SENT = "was never sent"
    NOTHING = "nothing to tell"


@dataclass(frozen=True, slots=True)
class ChangeDelivery:
    status: DeliveryStatus
    at: dt.datetime | None = None  # when it came into force


@dataclass(frozen=True, slots=True)
class _AttemptWindow:
    """Attempts for this address and value that started in [start, end) belong to the change."""

    address: str
    value: str
    start: dt.datetime
    end: dt.datetime | None

    def condition(self) -> Q:
        addresses = [self.address]
        if setting_address.kind_of(self.address) == setting_address.HOURS:
            addresses.append(setting_address.DAILY)  # sends the same hours for all days
        found = Q(address__in=addresses, value=self.value, started_at__gte=self.start)
        return found & Q(started_at__lt=self.end) if self.end else found


def delivery_statuses(
    changes: Iterable[RecordChange], *, now: dt.datetime | None = None
) -> list[ChangeDelivery]:
    """The delivery of each change, in the order given, in at most two queries."""
    changes, now = list(changes), now or timezone.now()
    windows = {number: _attempt_window(change) for number, change in enumerate(changes) if _is_sent(change)}
    results = _attempt_results(windows)
    sent_states = _sent_setting_states(
        [provider_value(change)[0] for change in changes if _is_deleted_holiday(change)]
    )
    return [
        _deleted_holiday_status(change, sent_states)
        if _is_deleted_holiday(change)
        else _sent_change_status(change, results.get(number), now)
        if number in windows
        else ChangeDelivery(DeliveryStatus.NOTHING)
        for number, change in enumerate(changes)
    ]


def _is_deleted_holiday(change: RecordChange) -> bool:
    return change.kind.name == "holiday" and change.row.history_type == DELETED


def _is_sent(change: RecordChange) -> bool:
    return change.is_sent_to_provider and not _is_deleted_holiday(change)


def _attempt_window(change: RecordChange) -> _AttemptWindow:
    address, value = provider_value(change)
    start, end = change.row.history_date, change.replaced_at
    if change.kind.name == "other":
        first, last = _day_bounds(change)
        start, end = max(start, first), min(end or last, last)
    return _AttemptWindow(address, value, start, end)


def _day_bounds(change: RecordChange) -> tuple[dt.datetime, dt.datetime]:
    zone = timezone.get_default_timezone()
    first = dt.datetime.combine(change.row.date, dt.time(), zone)
    return first, dt.datetime.combine(change.row.date + dt.timedelta(days=1), dt.time(), zone)


def _attempt_results(windows: dict[int, _AttemptWindow]) -> dict[int, tuple[dt.datetime | None, int]]:
    """`{index of the change: (first confirmed start, number of attempts)}`."""
    if not windows:
        return {}
    addresses = {window.address for window in windows.values()} | {setting_address.DAILY}
    change_index = Case(
        *[When(window.condition(), then=Value(number)) for number, window in windows.items()],
        output_field=IntegerField(),
    )
    rows = (
        Attempt.objects.filter(
            address__in=addresses, started_at__gte=min(window.start for window in windows.values())
        )
        .order_by()
        .annotate(change=change_index)
        .filter(change__isnull=False)
        .values("change")
        .annotate(at=Min("started_at", filter=Q(outcome=Outcome.CONFIRMED)), attempts=Count("id"))
    )
    return {row["change"]: (row["at"], row["attempts"]) for row in rows}


def _sent_change_status(
    change: RecordChange, result: tuple[dt.datetime | None, int] | None, now: dt.datetime
) -> ChangeDelivery:
    at, attempts = result or (None, 0)
    if at:
        return ChangeDelivery(DeliveryStatus.IN_FORCE, at)
    if change.replaced_at:
        return ChangeDelivery(DeliveryStatus.UNCONFIRMED if attempts else DeliveryStatus.REPLACED)
    if change.kind.name == "other":
        first, last = _day_bounds(change)
        if now >= last:
            return ChangeDelivery(DeliveryStatus.TOO_LATE)
        if now < first:
            return ChangeDelivery(DeliveryStatus.LATER)
    if change.kind.name == "holiday" and change.row.date < timezone.localdate(now):
        return ChangeDelivery(DeliveryStatus.TOO_LATE)
    return ChangeDelivery(DeliveryStatus.NOT_YET)


def _sent_setting_states(addresses: list[str]) -> dict[str, str | None]:
    """`{address: current state}` of the addresses that were ever sent; None if the setting was deleted."""
    if not addresses:
        return {}
    rows = Attempt.objects.filter(address__in=addresses).order_by().values_list("address", "setting__state")
    found: dict[str, str | None] = {}
    for address, state in rows.distinct():
        found[address] = state or found.get(address)
    return found


def _deleted_holiday_status(change: RecordChange, sent_states: dict[str, str | None]) -> ChangeDelivery:
    address = provider_value(change)[0]
    if address not in sent_states:
        return ChangeDelivery(DeliveryStatus.NEVER_SENT)
    if change.replaced_at:
        return ChangeDelivery(DeliveryStatus.REPLACED)
    return ChangeDelivery(
        DeliveryStatus.STUCK if sent_states[address] == State.WITHDRAWN else DeliveryStatus.REMOVED
    )
