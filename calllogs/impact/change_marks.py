"""The changes that callers could notice, as marks on the curve of calls.

A mark is placed at the moment from which callers met the change: when the provider confirmed it, but for a holiday or
hours of one date not before that date begins. If the provider's answer is unknown, the mark is placed where the change
was saved. A change that never reached the provider also has a mark, with the status NOT_THERE.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from django.db.models import Q
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from calllogs.calls.office_hours_sql import midnight
from calllogs.statistics.periods import Period
from settings_sync import setting_address
from settings_sync.history import change_log, delivery_status
from settings_sync.history.change_log import CHANGED, DELETED, TRACKED_MODELS, RecordChange
from settings_sync.history.delivery_status import ChangeDelivery, DeliveryStatus
from settings_sync.models import ChangeReason, OfficeHours, ProviderSetting

HOURS, HOLIDAY, OTHER, AGENT = "hours", "holiday", "other", "agent"
MARK_KINDS = (HOURS, HOLIDAY, OTHER, AGENT)
MAX_AGENT_SWITCHES = 60  # the delivery status of each is looked up
GROUP_WITHIN = dt.timedelta(minutes=2)  # equal changes of one user within this time form one mark
HISTORY_MARGIN = dt.timedelta(days=75)  # more than `compare.MAX_DISTANCE`
MAX_CONFIRMATION_DELAY = dt.timedelta(
    days=7
)  # a switch saved up to so long before the period may fall into it

FirstSentAt = dict[str, dt.datetime | None]  # by setting address; None: not sent yet


class MarkStatus(StrEnum):
    """What `ChangeMark.at` is."""

    IN_FORCE = "in force"  # when the provider confirmed the change
    SAVED = "saved"  # when the change was saved; when the provider had it is unknown
    NOT_THERE = "not there"  # when the change was saved; the provider did not have it, so no caller met it


@dataclass(frozen=True, slots=True)
class ChangeMark:
    """One change, or several equal changes that one user made within `GROUP_WITHIN`.

    `key` identifies the mark in a URL. `old_value` and `new_value` are texts such as `09:30–18:30` or `Available`.
    `delivery` is that of the first change.
    """

    key: str
    kind: str
    at: dt.datetime
    saved_at: dt.datetime
    status: MarkStatus
    title: str
    old_value: str
    new_value: str
    delivery: ChangeDelivery
    changes: tuple[RecordChange, ...]

    @property
    def day(self) -> dt.date:
        """The day of `at` in the portal's time zone."""
        return timezone.localdate(self.at, timezone.get_default_timezone())

    @property
    def date(self) -> dt.date | None:
        """The date that a holiday or hours of one date are for, None for a lasting change."""
        return self.changes[0].row.date if self.kind in (HOLIDAY, OTHER) else None

    @property
    def weekdays(self) -> tuple[int, ...]:
        """The weekdays, from Monday = 0, of a change of hours; empty for other kinds."""
        if self.kind != HOURS:
            return ()
        return tuple(sorted(setting_address.WEEKDAYS.index(change.row.day) for change in self.changes))


@dataclass(frozen=True, slots=True)
class ChangeMarks:
    """`marks`, oldest first. `is_truncated`: there are more switches of agents than `MAX_AGENT_SWITCHES`.

    `special_dates`: dates in or near the period with a holiday (HOLIDAY) or hours of their own (OTHER).
    """

    marks: tuple[ChangeMark, ...] = ()
    is_truncated: bool = False
    special_dates: Mapping[dt.date, str] = field(default_factory=dict)


def marks_within(loaded: ChangeMarks, period: Period) -> ChangeMarks:
    """Only the marks within the part of the period that has passed."""
    start, end = period.start, period.so_far().end
    return replace(loaded, marks=tuple(mark for mark in loaded.marks if start <= mark.at < end))


def load_marks(period: Period, *, kinds: Collection[str] = MARK_KINDS) -> ChangeMarks:
    """The marks of a period, and all changes of hours around it, which limit what may be compared.

    `kinds` are those that the user may see. Changes that callers cannot notice (of a name or note), switches by shifts
    and sample data are left out. At most six queries, whatever the length of the history.
    """
    start, end = period.start, period.end
    dates = Q(date__range=(period.first_day - HISTORY_MARGIN, period.last_day + HISTORY_MARGIN))
    switched = Q(history_date__gte=start - MAX_CONFIRMATION_DELAY, history_date__lt=end)
    switched &= Q(history_change_reason=None) | ~Q(history_change_reason=ChangeReason.SHIFT)
    switches = TRACKED_MODELS[AGENT].rows.filter(switched).order_by("-history_id").values("history_id")
    conditions = {
        HOURS: Q(history_date__gte=start - HISTORY_MARGIN, history_date__lt=end + HISTORY_MARGIN),
        HOLIDAY: dates,
        OTHER: dates,
        AGENT: Q(history_id__in=switches[: MAX_AGENT_SWITCHES + 1]),
    }
    by_kind = {kind: change_log.find_changes(TRACKED_MODELS[kind], conditions[kind]) for kind in kinds}
    is_truncated = len(by_kind.get(AGENT, [])) > MAX_AGENT_SWITCHES
    if is_truncated:
        del by_kind[AGENT][0]
    special_dates = {date: kind for kind in (OTHER, HOLIDAY) for date in _stored_dates(by_kind.get(kind, []))}
    noticeable = [
        change for changes in by_kind.values() for change in changes if _is_noticeable(change, period)
    ]
    return ChangeMarks(
        _build_marks(noticeable, period.now), is_truncated=is_truncated, special_dates=special_dates
    )


def _stored_dates(changes: list[RecordChange]) -> set[dt.date]:
    """The dates of the records that are not deleted, after all changes."""
    last = {change.row.id: change for change in changes}
    return {change.row.date for change in last.values() if change.row.history_type != DELETED}


def _is_noticeable(change: RecordChange, period: Period) -> bool:
    """Whether callers could meet the change; if it is for one date, also whether that date is in the period."""
    row, kind = change.row, change.kind.name
    if row.history_change_reason == ChangeReason.SAMPLE_DATA:
        return False
    if kind == AGENT and row.history_type == CHANGED and change.before is not None:
        return change.before.availability != row.availability
    if kind in (HOLIDAY, OTHER):
        is_in_period = period.first_day <= row.date <= period.last_day
        return is_in_period and row.history_type != DELETED and change.is_sent_to_provider
    return change.is_sent_to_provider


def _build_marks(changes: list[RecordChange], now: dt.datetime) -> tuple[ChangeMark, ...]:
    deliveries = delivery_status.delivery_statuses(changes, now=now)
    uncertain = [
        change
        for change, delivery in zip(changes, deliveries, strict=True)
        if delivery.status != DeliveryStatus.IN_FORCE or (change.kind.name == HOLIDAY and change.replaced_at)
    ]
    first_sent_at = _load_first_sent_at(uncertain)
    single = [
        _build_mark(change, delivery, first_sent_at)
        for change, delivery in zip(changes, deliveries, strict=True)
    ]
    marks = _group_marks(_keep_last_of_each_date(single))
    return tuple(sorted(marks, key=lambda mark: (mark.at, mark.saved_at, mark.key)))


def _load_first_sent_at(changes: Iterable[RecordChange]) -> FirstSentAt:
    """When each setting was first sent to the provider. Addresses without a setting are missing."""
    addresses = {change_log.provider_value(change)[0] for change in changes}
    if not addresses:
        return {}
    rows = ProviderSetting.objects.filter(address__in=addresses).order_by()
    return dict(rows.values_list("address", "first_sent_at"))


def _build_mark(change: RecordChange, delivery: ChangeDelivery, first_sent_at: FirstSentAt) -> ChangeMark:
    row = change.row
    is_in_force = delivery.at is not None and not _is_withdrawn_holiday(change, first_sent_at)
    at = delivery.at or row.history_date
    if change.kind.name in (HOLIDAY, OTHER):
        at = max(at, midnight(row.date))
    old_value, new_value = _format_values(change)
    return ChangeMark(
        key=f"{change.kind.name}-{row.history_id}",
        kind=change.kind.name,
        at=at,
        saved_at=row.history_date,
        status=MarkStatus.IN_FORCE if is_in_force else _status_if_not_in_force(change, first_sent_at),
        title=change_log.record_title(change.kind, row),
        old_value=old_value,
        new_value=new_value,
        delivery=delivery,
        changes=(change,),
    )


def _is_withdrawn_holiday(change: RecordChange, first_sent_at: FirstSentAt) -> bool:
    """Whether the provider's support removed the holiday. Its setting is deleted then."""
    is_replaced_holiday = change.kind.name == HOLIDAY and change.replaced_at is not None
    return is_replaced_holiday and change_log.provider_value(change)[0] not in first_sent_at


def _status_if_not_in_force(change: RecordChange, first_sent_at: FirstSentAt) -> MarkStatus:
    """NOT_THERE if the provider certainly never had the change, SAVED if that is unknown."""
    is_dated = change.kind.name in (HOLIDAY, OTHER)
    is_too_late = is_dated and change.row.history_date >= midnight(change.row.date + dt.timedelta(days=1))
    if is_too_late or _is_withdrawn_holiday(change, first_sent_at):
        return MarkStatus.NOT_THERE
    address = change_log.provider_value(change)[0]
    if address not in first_sent_at:
        return MarkStatus.SAVED
    sent_at, replaced_at = first_sent_at[address], change.replaced_at
    is_older_than_deliveries = replaced_at is not None and (sent_at is None or sent_at >= replaced_at)
    return MarkStatus.SAVED if is_older_than_deliveries else MarkStatus.NOT_THERE


def _format_values(change: RecordChange) -> tuple[str, str]:
    """The old and the new value; empty if unknown or none."""
    kind, row, before = change.kind.name, change.row, change.before
    if kind == AGENT:
        new_value = "" if row.history_type == DELETED else change_log.format_availability(row)
        return change_log.format_availability(before) if before is not None else "", new_value
    if kind == HOLIDAY:
        return "", _("Holiday")
    new_value = change_log.format_time_range(row.opens_at, row.closes_at)
    if before is None or before.history_type == DELETED:
        return "", new_value
    return change_log.format_time_range(before.opens_at, before.closes_at), new_value


def _keep_last_of_each_date(marks: list[ChangeMark]) -> list[ChangeMark]:
    """Per date, keep only the last change that the provider had, or else the last change."""
    last: dict[tuple[str, dt.date], ChangeMark] = {}
    for mark in sorted(marks, key=lambda mark: (mark.status != MarkStatus.NOT_THERE, mark.saved_at)):
        if mark.date:
            last[mark.kind, mark.date] = mark
    return [mark for mark in marks if not mark.date or last[mark.kind, mark.date] is mark]


# --- grouping --------------------------------------------------------------------------------------------


def _group_marks(single: list[ChangeMark]) -> list[ChangeMark]:
    """Merge equal changes of different records by one user within `GROUP_WITHIN`."""
    groups: list[list[ChangeMark]] = []
    newest: dict[tuple[object, ...], list[ChangeMark]] = {}
    for mark in sorted(single, key=lambda mark: mark.saved_at):
        row = mark.changes[0].row
        signature = (
            mark.kind,
            mark.date,
            mark.old_value,
            mark.new_value,
            mark.status,
            row.history_user_id,
            row.history_type,
        )
        group = newest.get(signature)
        if group is None or mark.saved_at - group[0].saved_at > GROUP_WITHIN or _has_record(group, row.id):
            group = newest[signature] = []
            groups.append(group)
        group.append(mark)
    return [_merge_marks(group) for group in groups]


def _has_record(group: list[ChangeMark], record_id: int) -> bool:
    return any(mark.changes[0].row.id == record_id for mark in group)


def _merge_marks(group: list[ChangeMark]) -> ChangeMark:
    """The merged mark is placed where the last of the changes came into force."""
    if len(group) == 1:
        return group[0]
    changes = tuple(mark.changes[0] for mark in group)
    return replace(
        group[0],
        at=max(mark.at for mark in group),
        title=_format_title(group[0].kind, changes),
        changes=changes,
    )


def _format_title(kind: str, changes: tuple[RecordChange, ...]) -> str:
    if kind == AGENT:
        names = sorted(change.row.name for change in changes)
        if len(names) > 3:
            return _("%(count)d agents") % {"count": len(names)}
        return str(get_text_list(names, _("and")))
    numbers = sorted(setting_address.WEEKDAYS.index(change.row.day) for change in changes)
    names = [str(OfficeHours.Day(setting_address.WEEKDAYS[number]).label) for number in numbers]
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return _("%(first)s to %(last)s") % {"first": names[0], "last": names[-1]}
    return str(get_text_list(names, _("and")))
