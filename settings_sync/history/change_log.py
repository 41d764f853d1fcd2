"""The history of agents, shifts, holidays and hours, read as one list; and whether each change reached the provider.

The list is put together from five tables: first the ids of a page in one query, then the rows of each kind with the
row before in one more, then the attempts that answer for them. However long the history is, a page costs the same.
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
ITSELF = "itself"  # the person of a change that nobody made


@dataclass(frozen=True, slots=True)
class TrackedModel:
    """`told`: the fields that decide what the provider hears; `same_place`: two records with it have one address."""

    name: str
    model: type[Model]
    label: str | Promise
    told: tuple[str, ...]
    same_place: str

    @property
    def rows(self) -> QuerySet:
        return self.model.history.order_by()  # type: ignore[attr-defined]


KINDS = {
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
    """Which changes to show: all that are not ruled out. `record` is a kind and an id; days are inclusive, local."""

    kinds: tuple[str, ...] = tuple(KINDS)
    person: str = ""  # a user's id, or ITSELF
    record: tuple[str, int] | None = None
    first: dt.date | None = None
    last: dt.date | None = None


@dataclass(slots=True)
class Change:
    """One change: `row` as the record was after it (before, for a deletion), `before` as it was until then."""

    kind: TrackedModel
    row: Any
    before: Any = None
    replaced_at: dt.datetime | None = None  # when the next change told the provider something else
    differences: list[tuple[str, str, str]] = field(default_factory=list)  # what, from, to

    @property
    def is_told(self) -> bool:
        """Whether it changed what the provider should know."""
        if self.kind.name == "shift" or (self.kind.name == "other" and self.row.history_type == DELETED):
            return False
        if self.row.history_type != CHANGED or self.before is None:
            return True
        return any(getattr(self.before, name) != getattr(self.row, name) for name in self.kind.told)


def page(wanted: ChangeFilter, *, start: int = 0, count: int = 50) -> tuple[list[Change], bool]:
    """The newest changes from the `start`-th on, and whether there are older ones."""
    parts = [_wanted_rows(KINDS[name], wanted) for name in wanted.kinds]
    parts = [
        part.values_list(Value(name), "history_id", "history_date")
        for name, part in zip(wanted.kinds, parts, strict=True)
    ]
    if not parts:
        return [], False
    newest = parts[0].union(*parts[1:], all=True).order_by("-history_date", "-history_id")
    found = list(newest[start : start + count + 1])
    by_id: dict[tuple[str, int], Change] = {}
    for name in wanted.kinds:
        ids = [history_id for kind, history_id, _date in found[:count] if kind == name]
        by_id |= {(name, change.row.history_id): change for change in read(KINDS[name], ids)}
    changes = [
        by_id[kind, history_id] for kind, history_id, _date in found[:count] if (kind, history_id) in by_id
    ]
    return changes, len(found) > count


def _wanted_rows(kind: TrackedModel, wanted: ChangeFilter) -> QuerySet:
    rows = kind.rows
    if wanted.record:
        name, record_id = wanted.record
        if kind.name == name:
            rows = rows.filter(id=record_id)
        elif kind.name == "shift" and name == "agent":
            rows = rows.filter(agent_id=record_id)
        else:
            rows = rows.none()
    if wanted.person == ITSELF:
        rows = rows.filter(history_user=None)
    elif wanted.person:
        rows = rows.filter(history_user_id=int(wanted.person))
    if wanted.first:
        rows = rows.filter(history_date__gte=_midnight(wanted.first))
    if wanted.last:
        rows = rows.filter(history_date__lt=_midnight(wanted.last + dt.timedelta(days=1)))
    return rows


def _midnight(date: dt.date) -> dt.datetime:
    return dt.datetime.combine(date, dt.time(), timezone.get_default_timezone())


def read(kind: TrackedModel, ids: Iterable[int]) -> list[Change]:
    """The changes with these ids in the kind's history, in one query with the rows before them."""
    ids = list(ids)
    return matching(kind, Q(history_id__in=ids)) if ids else []


def matching(kind: TrackedModel, wanted: Q) -> list[Change]:
    """The changes whose rows fit a condition, the oldest first, in one query with the rows before them."""
    before = kind.rows.filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id")).order_by(
        "-history_id"
    )
    befores = kind.rows.filter(wanted).values(before_id=Subquery(before.values("history_id")[:1]))
    rows = kind.rows.filter(wanted | Q(history_id__in=befores)).select_related("history_user")
    rows = rows.annotate(
        replaced_at=Subquery(_later(kind).values("history_date")[:1]),
        is_wanted=Case(When(wanted, then=True), default=False, output_field=BooleanField()),
    )
    if kind.name == "shift":
        rows = rows.annotate(agent_name=_agent_name())
    latest: dict[int, Any] = {}
    changes = []
    for row in rows.order_by("history_id"):
        if row.is_wanted:
            change = Change(kind, row, latest.get(row.id), row.replaced_at)
            change.differences = differences(change)
            changes.append(change)
        latest[row.id] = row
    return changes


def _later(kind: TrackedModel) -> QuerySet:
    """The first later row that told the provider something else for the same address."""
    same = Q(id=OuterRef("id"))
    if kind.same_place != "id":
        same |= Q(**{kind.same_place: OuterRef(kind.same_place)})
    other = Q(history_type__in=[ADDED, DELETED])
    for name in kind.told:
        other |= ~Q(**{name: OuterRef(name)})
    return kind.rows.filter(same & other, history_id__gt=OuterRef("history_id")).order_by("history_id")


def _agent_name() -> Coalesce:
    now = Agent.objects.filter(pk=OuterRef("agent_id")).order_by().values("name")[:1]
    then = KINDS["agent"].rows.filter(id=OuterRef("agent_id")).order_by("-history_id").values("name")[:1]
    return Coalesce(Subquery(now), Subquery(then), Value(""))


# --- in words --------------------------------------------------------------------------------------------
def facts(kind: TrackedModel, record: Any) -> dict[str, str]:
    """What a record, or a row of its history, says to a person: `{what: how it stands}`."""
    if kind.name == "agent":
        return {
            _("name"): record.name,
            _("mobile number"): format_national(record.number),
            _("department"): record.department or _("none"),
            _("availability"): availability_words(record),
        }
    if kind.name == "holiday":
        return {_("date"): date_format(record.date, "l, j F Y"), _("name"): record.name or _("none")}
    if kind.name == "shift":
        day = str(Shift.Day(record.day).label)
        return {_("shift"): f"{day} {span_words(record.starts_at, record.ends_at)}"}
    found = {_("hours"): span_words(record.opens_at, record.closes_at)}
    if kind.name == "other":
        found |= {_("date"): date_format(record.date, "l, j F Y"), _("why"): record.note or _("none")}
    return found


def availability_words(record: Any) -> str:
    if record.availability == Agent.Availability.AVAIL:
        return _("Available")
    if record.off_until:
        return _("Off until %(time)s") % {"time": moment_words(record.off_until)}
    return _("Off")


def span_words(start: dt.time, end: dt.time) -> str:
    return f"{time_format(start, 'H:i')}–{time_format(end, 'H:i')}"


def moment_words(moment: dt.datetime) -> str:
    return date_format(timezone.localtime(moment), "j M, H:i")


def differences(change: Change) -> list[tuple[str, str, str]]:
    """What changed, from what, to what. A change before which nothing is known shows how all stood after it."""
    after = facts(change.kind, change.row)
    if change.row.history_type == DELETED:
        return [(what, words, "") for what, words in after.items()]
    if change.before is None or change.row.history_type == ADDED:
        return [(what, "", words) for what, words in after.items()]
    before = facts(change.kind, change.before)
    return [(what, before[what], words) for what, words in after.items() if before[what] != words]


def title(kind: TrackedModel, record: Any) -> str:
    """What a person calls the record."""
    if kind.name == "agent":
        return record.name
    if kind.name == "shift":
        return getattr(record, "agent_name", "") or str(getattr(record, "agent", ""))
    if kind.name == "holiday":
        return record.name or date_format(record.date, "j F Y")
    if kind.name == "hours":
        return str(OfficeHours.Day(record.day).label)
    return date_format(record.date, "j F Y")


def provider_value(change: Change) -> tuple[str, str]:
    """Address and value that the provider should hear because of it; the value is empty for a deleted holiday."""
    row = change.row
    if change.kind.name == "agent":
        is_gone = row.history_type == DELETED
        return setting_address.agent_address(row.number), setting_address.OFF if is_gone else row.availability
    if change.kind.name == "holiday":
        is_gone = row.history_type == DELETED
        return setting_address.holiday_address(row.date), "" if is_gone else setting_address.CLOSED_ALL_DAY
    day = row.day if change.kind.name == "hours" else setting_address.WEEKDAYS[row.date.weekday()]
    return setting_address.hours_address(day), setting_address.interval(row.opens_at, row.closes_at)
