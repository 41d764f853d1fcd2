"""The history of agents, shifts, holidays and hours as one list.

A page is loaded from five history tables: one query for its ids, then one per kind for its rows with their previous
rows. The number of queries does not depend on the length of the history.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import BooleanField, Case, Model, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ivrportal.common.phone import format_national
from settings_sync import setting_address
from settings_sync.models import Agent, Holiday, OfficeHours, OtherHours, Shift

ADDED, CHANGED, DELETED = "+", "~", "-"
AUTOMATIC = "itself"  # value of the `person` filter for changes without a user


@dataclass(frozen=True, slots=True)
class TrackedModel:
    """`provider_fields` decide the value sent to the provider; records with equal `address_field` share an address."""

    name: str
    model: type[Model]
    label: str | Promise
    provider_fields: tuple[str, ...]
    address_field: str

    @property
    def rows(self) -> QuerySet:
        return self.model.history.order_by()  # type: ignore[attr-defined]


TRACKED_MODELS = {
    kind.name: kind
    for kind in (
        TrackedModel("agent", Agent, gettext_lazy("Agent"), ("availability", "number"), "number"),
        TrackedModel("shift", Shift, gettext_lazy("Shift"), ("day", "starts_at", "ends_at"), "id"),
        TrackedModel("holiday", Holiday, gettext_lazy("Holiday"), ("date",), "date"),
        TrackedModel("hours", OfficeHours, gettext_lazy("Office hours"), ("opens_at", "closes_at"), "day"),
        TrackedModel(
            "other", OtherHours, gettext_lazy("Hours for one date"), ("date", "opens_at", "closes_at"), "date"
        ),
    )
}


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """The filters of the history page. `record` is (kind, id); days are local and inclusive."""

    kinds: tuple[str, ...] = tuple(TRACKED_MODELS)
    person: str = ""  # a user id, or AUTOMATIC
    record: tuple[str, int] | None = None
    first: dt.date | None = None
    last: dt.date | None = None


@dataclass(slots=True)
class RecordChange:
    """One history row. `row` is the record after the change (of a deletion: before it), `before` the previous row."""

    kind: TrackedModel
    row: Any
    before: Any = None
    replaced_at: dt.datetime | None = None  # when a later change gave the address another value
    differences: list[tuple[str, str, str]] = field(default_factory=list)  # (field, old, new)

    @property
    def is_sent_to_provider(self) -> bool:
        """Whether the change affects the provider's settings directly. Shifts act through the agent."""
        if self.kind.name == "shift" or (self.kind.name == "other" and self.row.history_type == DELETED):
            return False
        if self.row.history_type != CHANGED or self.before is None:
            return True
        return any(
            getattr(self.before, name) != getattr(self.row, name) for name in self.kind.provider_fields
        )


def load_page(
    change_filter: ChangeFilter, *, start: int = 0, count: int = 50
) -> tuple[list[RecordChange], bool]:
    """`count` changes from offset `start`, newest first, and whether there are older ones."""
    querysets = [_filter_rows(TRACKED_MODELS[name], change_filter) for name in change_filter.kinds]
    querysets = [
        part.values_list(Value(name), "history_id", "history_date")
        for name, part in zip(change_filter.kinds, querysets, strict=True)
    ]
    if not querysets:
        return [], False
    newest = querysets[0].union(*querysets[1:], all=True).order_by("-history_date", "-history_id")
    found = list(newest[start : start + count + 1])
    by_id: dict[tuple[str, int], RecordChange] = {}
    for name in change_filter.kinds:
        ids = [history_id for kind, history_id, _date in found[:count] if kind == name]
        by_id |= {(name, change.row.history_id): change for change in load_changes(TRACKED_MODELS[name], ids)}
    changes = [
        by_id[kind, history_id] for kind, history_id, _date in found[:count] if (kind, history_id) in by_id
    ]
    return changes, len(found) > count


def _filter_rows(kind: TrackedModel, change_filter: ChangeFilter) -> QuerySet:
    rows = kind.rows
    if change_filter.record:
        name, record_id = change_filter.record
        if kind.name == name:
            rows = rows.filter(id=record_id)
        elif kind.name == "shift" and name == "agent":
            rows = rows.filter(agent_id=record_id)
        else:
            rows = rows.none()
    if change_filter.person == AUTOMATIC:
        rows = rows.filter(history_user=None)
    elif change_filter.person:
        rows = rows.filter(history_user_id=int(change_filter.person))
    if change_filter.first:
        rows = rows.filter(history_date__gte=_midnight(change_filter.first))
    if change_filter.last:
        rows = rows.filter(history_date__lt=_midnight(change_filter.last + dt.timedelta(days=1)))
    return rows


def _midnight(date: dt.date) -> dt.datetime:
    return dt.datetime.combine(date, dt.time(), timezone.get_default_timezone())


def load_changes(kind: TrackedModel, ids: Iterable[int]) -> list[RecordChange]:
    """The changes with these history ids, in one query."""
    ids = list(ids)
    return find_changes(kind, Q(history_id__in=ids)) if ids else []


def find_changes(kind: TrackedModel, condition: Q) -> list[RecordChange]:
    """The changes whose history rows match a condition, oldest first, in one query."""
    before = kind.rows.filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id")).order_by(
        "-history_id"
    )
    previous_ids = kind.rows.filter(condition).values(before_id=Subquery(before.values("history_id")[:1]))
    rows = kind.rows.filter(condition | Q(history_id__in=previous_ids)).select_related("history_user")
    rows = rows.annotate(
        replaced_at=Subquery(_superseding_rows(kind).values("history_date")[:1]),
        is_match=Case(When(condition, then=True), default=False, output_field=BooleanField()),
    )
    if kind.name == "shift":
        rows = rows.annotate(agent_name=_agent_name_expression())
    latest: dict[int, Any] = {}
    changes = []
    for row in rows.order_by("history_id"):
        if row.is_match:
            change = RecordChange(kind, row, latest.get(row.id), row.replaced_at)
            change.differences = find_differences(change)
            changes.append(change)
        latest[row.id] = row
    return changes


def _superseding_rows(kind: TrackedModel) -> QuerySet:
    """The first later row of the same address that changed the value for the provider."""
    same = Q(id=OuterRef("id"))
    if kind.address_field != "id":
        same |= Q(**{kind.address_field: OuterRef(kind.address_field)})
    other = Q(history_type__in=[ADDED, DELETED])
    for name in kind.provider_fields:
        other |= ~Q(**{name: OuterRef(name)})
    return kind.rows.filter(same & other, history_id__gt=OuterRef("history_id")).order_by("history_id")


def _agent_name_expression() -> Coalesce:
    now = Agent.objects.filter(pk=OuterRef("agent_id")).order_by().values("name")[:1]
    last = (
        TRACKED_MODELS["agent"]
        .rows.filter(id=OuterRef("agent_id"))
        .order_by("-history_id")
        .values("name")[:1]
    )
    return Coalesce(Subquery(now), Subquery(last), Value(""))


# --- display --------------------------------------------------------------------------------------------
def describe_record(kind: TrackedModel, record: Any) -> dict[str, str]:
    """The displayed fields of a record or a history row: `{label: value}`."""
    if kind.name == "agent":
        return {
            _("name"): record.name,
            _("mobile number"): format_national(record.number),
            _("department"): record.department or _("none"),
            _("availability"): format_availability(record),
        }
    if kind.name == "holiday":
        return {_("date"): date_format(record.date, "l, j F Y"), _("name"): record.name or _("none")}
    if kind.name == "shift":
        day = str(Shift.Day(record.day).label)
        return {_("shift"): f"{day} {format_time_range(record.starts_at, record.ends_at)}"}
    found = {_("hours"): format_time_range(record.opens_at, record.closes_at)}
    if kind.name == "other":
        found |= {_("date"): date_format(record.date, "l, j F Y"), _("why"): record.note or _("none")}
    return found


def format_availability(record: Any) -> str:
    if record.availability == Agent.Availability.AVAIL:
        return _("Available")
    if record.off_until:
        return _("Off until %(time)s") % {"time": format_moment(record.off_until)}
    return _("Off")


def format_time_range(start: dt.time, end: dt.time) -> str:
    return f"{time_format(start, 'H:i')}–{time_format(end, 'H:i')}"


def format_moment(moment: dt.datetime) -> str:
    return date_format(timezone.localtime(moment), "j M, H:i")


def find_differences(change: RecordChange) -> list[tuple[str, str, str]]:
    """(label, old, new) of each changed field. Without a known previous row all fields are listed as new."""
    after = describe_record(change.kind, change.row)
    if change.row.history_type == DELETED:
        return [(label, value, "") for label, value in after.items()]
    if change.before is None or change.row.history_type == ADDED:
        return [(label, "", value) for label, value in after.items()]
    before = describe_record(change.kind, change.before)
    return [(label, before[label], value) for label, value in after.items() if before[label] != value]


def record_title(kind: TrackedModel, record: Any) -> str:
    """The display name of a record or a history row."""
    if kind.name == "agent":
        return record.name
    if kind.name == "shift":
        return getattr(record, "agent_name", "") or str(getattr(record, "agent", ""))
    if kind.name == "holiday":
        return record.name or date_format(record.date, "j F Y")
    if kind.name == "hours":
        return str(OfficeHours.Day(record.day).label)
    return date_format(record.date, "j F Y")


def provider_value(change: RecordChange) -> tuple[str, str]:
    """(address, value) for the provider after the change; the value is empty for a deleted holiday."""
    row = change.row
    if change.kind.name == "agent":
        is_deleted = row.history_type == DELETED
        value = setting_address.OFF if is_deleted else row.availability
        return setting_address.agent_address(row.number), value
    if change.kind.name == "holiday":
        is_deleted = row.history_type == DELETED
        return setting_address.holiday_address(row.date), "" if is_deleted else setting_address.CLOSED_ALL_DAY
    day = row.day if change.kind.name == "hours" else setting_address.WEEKDAYS[row.date.weekday()]
    return setting_address.hours_address(day), setting_address.format_interval(row.opens_at, row.closes_at)
