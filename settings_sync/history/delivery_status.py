"""Whether a change reached the provider: its address and value, matched with what was confirmed after it."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Case, Count, IntegerField, Min, Q, Value, When
from django.utils import timezone

from settings_sync import setting_address
from settings_sync.delivery.outcomes import Outcome
from settings_sync.history.change_log import DELETED, Change, provider_value
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
class Reached:
    fate: DeliveryStatus
    at: dt.datetime | None = None  # when it came into force


@dataclass(frozen=True, slots=True)
class _Window:
    """An attempt for this address and value that began in it answers for the change."""

    address: str
    value: str
    start: dt.datetime
    end: dt.datetime | None

    def condition(self) -> Q:
        addresses = [self.address]
        if setting_address.kind_of(self.address) == setting_address.HOURS:
            addresses.append(setting_address.DAILY)  # says the same for all days at once
        found = Q(address__in=addresses, value=self.value, started_at__gte=self.start)
        return found & Q(started_at__lt=self.end) if self.end else found


def delivery_statuses(changes: Iterable[Change], *, now: dt.datetime | None = None) -> list[Reached]:
    """In the order of the changes; at most two queries for all of them."""
    changes, now = list(changes), now or timezone.now()
    windows = {number: _window(change) for number, change in enumerate(changes) if _is_sent(change)}
    answers = _answers(windows)
    sent = _ever_sent([provider_value(change)[0] for change in changes if _is_deleted_holiday(change)])
    return [
        _of_deleted_holiday(change, sent)
        if _is_deleted_holiday(change)
        else _of_sent(change, answers.get(number), now)
        if number in windows
        else Reached(DeliveryStatus.NOTHING)
        for number, change in enumerate(changes)
    ]


def _is_deleted_holiday(change: Change) -> bool:
    return change.kind.name == "holiday" and change.row.history_type == DELETED


def _is_sent(change: Change) -> bool:
    return change.is_told and not _is_deleted_holiday(change)


def _window(change: Change) -> _Window:
    address, value = provider_value(change)
    start, end = change.row.history_date, change.replaced_at
    if change.kind.name == "other":
        first, last = _day(change)
        start, end = max(start, first), min(end or last, last)
    return _Window(address, value, start, end)


def _day(change: Change) -> tuple[dt.datetime, dt.datetime]:
    zone = timezone.get_default_timezone()
    first = dt.datetime.combine(change.row.date, dt.time(), zone)
    return first, dt.datetime.combine(change.row.date + dt.timedelta(days=1), dt.time(), zone)


def _answers(windows: dict[int, _Window]) -> dict[int, tuple[dt.datetime | None, int]]:
    """By the change's number: when it was first confirmed, and how often it was tried."""
    if not windows:
        return {}
    addresses = {window.address for window in windows.values()} | {setting_address.DAILY}
    which = Case(
        *[When(window.condition(), then=Value(number)) for number, window in windows.items()],
        output_field=IntegerField(),
    )
    rows = (
        Attempt.objects.filter(
            address__in=addresses, started_at__gte=min(window.start for window in windows.values())
        )
        .order_by()
        .annotate(change=which)
        .filter(change__isnull=False)
        .values("change")
        .annotate(at=Min("started_at", filter=Q(outcome=Outcome.CONFIRMED)), tried=Count("id"))
    )
    return {row["change"]: (row["at"], row["tried"]) for row in rows}


def _of_sent(change: Change, answer: tuple[dt.datetime | None, int] | None, now: dt.datetime) -> Reached:
    at, tried = answer or (None, 0)
    if at:
        return Reached(DeliveryStatus.IN_FORCE, at)
    if change.replaced_at:
        return Reached(DeliveryStatus.UNCONFIRMED if tried else DeliveryStatus.REPLACED)
    if change.kind.name == "other":
        first, last = _day(change)
        if now >= last:
            return Reached(DeliveryStatus.TOO_LATE)
        if now < first:
            return Reached(DeliveryStatus.LATER)
    if change.kind.name == "holiday" and change.row.date < timezone.localdate(now):
        return Reached(DeliveryStatus.TOO_LATE)
    return Reached(DeliveryStatus.NOT_YET)


def _ever_sent(addresses: list[str]) -> dict[str, str | None]:
    """Those that were ever sent, with the state of their setting now; None where the setting is gone."""
    if not addresses:
        return {}
    rows = Attempt.objects.filter(address__in=addresses).order_by().values_list("address", "setting__state")
    found: dict[str, str | None] = {}
    for address, state in rows.distinct():
        found[address] = state or found.get(address)
    return found


def _of_deleted_holiday(change: Change, sent: dict[str, str | None]) -> Reached:
    address = provider_value(change)[0]
    if address not in sent:
        return Reached(DeliveryStatus.NEVER_SENT)
    if change.replaced_at:
        return Reached(DeliveryStatus.REPLACED)
    return Reached(DeliveryStatus.STUCK if sent[address] == State.WITHDRAWN else DeliveryStatus.REMOVED)
