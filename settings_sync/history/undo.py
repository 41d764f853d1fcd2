"""Putting an old value back: the record as it was before a change, saved as a person would save it."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext as _

from settings_sync import coverage, scheduler, setting_address
from settings_sync.delivery import service
from settings_sync.history import change_log
from settings_sync.history.change_log import CHANGED, DELETED, KINDS, Change, TrackedModel
from settings_sync.models import Agent, ChangeReason, Circuit, Shift

# Changed together, they are put back together.
TOGETHER = {"availability": ("availability", "off_until"), "off_until": ("availability", "off_until")}
# Rows of a deletion that belong to one: an agent's shifts go in the same moment.
SAME_MOMENT = dt.timedelta(seconds=5)


@dataclass(slots=True)
class UndoPlan:
    """What putting back would do. With a `problem` it cannot be done; the text says why and what to do instead."""

    change: Change
    record: Any = None
    is_new: bool = False
    shifts: list[Shift] = field(default_factory=list)
    lines: list[tuple[str, str, str]] = field(default_factory=list)  # what, from, to
    addresses: set[str] = field(default_factory=set)
    problem: str = ""
    asks: list[str] = field(default_factory=list)


def is_offered(change: Change) -> bool:
    """Whether there is an old value at all, and it makes sense to have it again."""
    row = change.row
    if row.history_type == DELETED:
        return change.kind.name not in {"holiday", "other"} or row.date >= timezone.localdate()
    return row.history_type == CHANGED and change.before is not None and bool(change.differences)


def find(kind_name: str, history_id: int) -> Change | None:
    kind = KINDS.get(kind_name)
    found = change_log.read(kind, [history_id]) if kind else []
    return found[0] if found else None


def plan(change: Change) -> UndoPlan:
    found = UndoPlan(change)
    if not is_offered(change):
        found.problem = _("There is no old value that could be put back.")
    elif change.row.history_type == DELETED:
        _plan_return(found)
    else:
        _plan_change(found)
    if not found.problem:
        found.problem = _refusal(found)
    return found


def apply(found: UndoPlan) -> None:
    """Save, history and intent, in the caller's transaction."""
    record = found.record
    record._change_reason = ChangeReason.UNDO
    if found.change.kind.name == "agent" and not found.is_new:
        scheduler.acknowledge_past_edges(record, timezone.now())
    record.save(force_insert=found.is_new)
    for shift in found.shifts:
        shift._change_reason = ChangeReason.UNDO  # type: ignore[attr-defined]
        shift.save(force_insert=True)
    if found.change.kind.name == "shift":
        Agent.objects.filter(pk=record.agent_id).update(shift_edge_at=timezone.now())
    service.record(found.addresses)


def take_turn_and_plan(change: Change) -> UndoPlan:
    """The plan as it holds until the end of the transaction."""
    Circuit.take_turn()
    return plan(change)


def _plan_change(found: UndoPlan) -> None:
    kind, before, row = found.change.kind, found.change.before, found.change.row
    record = kind.model._default_manager.filter(pk=row.id).first()
    if record is None:
        found.problem = _("It was deleted since. Put the deletion back first; then this can be put back.")
        return
    now = change_log.facts(kind, record)
    found.addresses |= _addresses(kind, record)
    for name in _changed_fields(kind, before, row):
        setattr(record, name, getattr(before, name))
    found.record = record
    _settle_past_pause(kind, record)
    then = change_log.facts(kind, record)
    found.lines = [(what, now[what], words) for what, words in then.items() if now[what] != words]
    found.addresses |= _addresses(kind, record)
    if not found.lines:
        found.problem = _("It stands like this already; there is nothing to put back.")


def _plan_return(found: UndoPlan) -> None:
    kind, row = found.change.kind, found.change.row
    if kind.model._default_manager.filter(pk=row.id).exists():
        found.problem = _("It is there again already.")
        return
    found.record, found.is_new = _record(kind, row), True
    _settle_past_pause(kind, found.record)
    found.lines = [(what, "", words) for what, words in change_log.facts(kind, found.record).items()]
    found.addresses |= _addresses(kind, found.record)
    if kind.name == "agent":
        found.shifts = _shifts_of(row)


def _record(kind: TrackedModel, row: Any) -> Model:
    """The record with the id that it had, so that its history goes on."""
    names = [one.attname for one in kind.model._meta.concrete_fields if hasattr(row, one.attname)]
    return kind.model(**{name: getattr(row, name) for name in names})


def _shifts_of(row: Any) -> list[Shift]:
    kind = KINDS["shift"]
    near = (row.history_date - SAME_MOMENT, row.history_date + SAME_MOMENT)
    rows = kind.rows.filter(agent_id=row.id, history_type=DELETED, history_date__range=near)
    return [_record(kind, one) for one in rows]  # type: ignore[misc]


def _changed_fields(kind: TrackedModel, before: Any, row: Any) -> set[str]:
    names = [one.attname for one in kind.model._meta.concrete_fields if hasattr(row, one.attname)]
    changed = {name for name in names if getattr(before, name) != getattr(row, name)}
    return {other for name in changed for other in TOGETHER.get(name, (name,))}


def _settle_past_pause(kind: TrackedModel, record: Any) -> None:
    """A pause whose end has passed would end at once: then the agent is simply off."""
    if kind.name == "agent" and record.off_until and record.off_until <= timezone.now():
        record.off_until = None


def _addresses(kind: TrackedModel, record: Any) -> set[str]:
    if kind.name == "agent":
        return {setting_address.agent_address(record.number)}
    if kind.name == "holiday":
        return {setting_address.holiday_address(record.date)}
    if kind.name == "hours":
        return {setting_address.hours_address(record.day)}
    if kind.name == "other":
        return {setting_address.hours_address(setting_address.WEEKDAYS[record.date.weekday()])}
    return set()


def _refusal(found: UndoPlan) -> str:
    """What the record's own rules say against it, and the guard's question."""
    kind, record = found.change.kind, found.record
    if kind.name in {"holiday", "other"} and record.date < timezone.localdate():
        return _("That date has passed.")
    if kind.name == "shift":
        if not Agent.objects.filter(pk=record.agent_id).exists():
            return _("The agent was deleted since. Put the agent back first.")
        if _overlaps(record):
            return _("The agent has another shift at that time now.")
    try:
        record.full_clean(validate_unique=True)
    except ValidationError as problem:
        return " ".join(problem.messages)
    if kind.name == "agent" and not found.is_new and record.availability == Agent.Availability.OFF:
        found.asks = coverage.question([record.pk])
    return ""


def _overlaps(shift: Shift) -> bool:
    others = Shift.objects.filter(agent_id=shift.agent_id, day=shift.day).exclude(pk=shift.pk)
    return others.filter(starts_at__lt=shift.ends_at, ends_at__gt=shift.starts_at).exists()
