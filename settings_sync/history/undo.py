"""Undo a change: restore the record as it was before, through an ordinary save."""

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
from settings_sync.history.change_log import CHANGED, DELETED, TRACKED_MODELS, RecordChange, TrackedModel
from settings_sync.models import Agent, ChangeReason, Circuit, Shift

# Fields that are restored together.
UNDONE_TOGETHER = {"availability": ("availability", "off_until"), "off_until": ("availability", "off_until")}
# An agent's shifts are deleted with it; their history rows lie within this distance.
DELETION_WINDOW = dt.timedelta(seconds=5)


@dataclass(slots=True)
class UndoPlan:
    """The effect of an undo. A non-empty `problem` says why it is impossible and what to do instead."""

    change: RecordChange
    record: Any = None
    is_new: bool = False
    shifts: list[Shift] = field(default_factory=list)
    differences: list[tuple[str, str, str]] = field(default_factory=list)  # (field, current, restored)
    addresses: set[str] = field(default_factory=set)
    problem: str = ""
    questions: list[str] = field(default_factory=list)


def is_undoable(change: RecordChange) -> bool:
    """Whether there is an old value that can still take effect."""
    row = change.row
    if row.history_type == DELETED:
        return change.kind.name not in {"holiday", "other"} or row.date >= timezone.localdate()
    return row.history_type == CHANGED and change.before is not None and bool(change.differences)


def find_change(kind_name: str, history_id: int) -> RecordChange | None:
    kind = TRACKED_MODELS.get(kind_name)
    found = change_log.load_changes(kind, [history_id]) if kind else []
    return found[0] if found else None


def build_plan(change: RecordChange) -> UndoPlan:
    plan = UndoPlan(change)
    if not is_undoable(change):
        plan.problem = _("There is no old value that could be put back.")
    elif change.row.history_type == DELETED:
        _plan_restore(plan)
    else:
        _plan_revert(plan)
    if not plan.problem:
        plan.problem = _find_problem(plan)
    return plan


def apply(plan: UndoPlan) -> None:
    """Save the record and reconcile its settings. Must run in a transaction."""
    record = plan.record
    record._change_reason = ChangeReason.UNDO
    if plan.change.kind.name == "agent" and not plan.is_new:
        scheduler.acknowledge_past_edges(record, timezone.now())
    record.save(force_insert=plan.is_new)
    for shift in plan.shifts:
        shift._change_reason = ChangeReason.UNDO  # type: ignore[attr-defined]
        shift.save(force_insert=True)
    if plan.change.kind.name == "shift":
        Agent.objects.filter(pk=record.agent_id).update(shift_edge_at=timezone.now())
    service.reconcile_and_enqueue(plan.addresses)


def lock_and_build_plan(change: RecordChange) -> UndoPlan:
    """Build the plan under the lock, so that it stays valid until the end of the transaction."""
    Circuit.lock()
    return build_plan(change)


def _plan_revert(plan: UndoPlan) -> None:
    kind, before, row = plan.change.kind, plan.change.before, plan.change.row
    record = kind.model._default_manager.filter(pk=row.id).first()
    if record is None:
        plan.problem = _("It was deleted since. Put the deletion back first; then this can be put back.")
        return
    now = change_log.describe_record(kind, record)
    plan.addresses |= _addresses(kind, record)
    for name in _changed_fields(kind, before, row):
        setattr(record, name, getattr(before, name))
    plan.record = record
    _clear_past_pause(kind, record)
    restored = change_log.describe_record(kind, record)
    plan.differences = [
        (label, now[label], value) for label, value in restored.items() if now[label] != value
    ]
    plan.addresses |= _addresses(kind, record)
    if not plan.differences:
        plan.problem = _("It stands like this already; there is nothing to put back.")


def _plan_restore(plan: UndoPlan) -> None:
    kind, row = plan.change.kind, plan.change.row
    if kind.model._default_manager.filter(pk=row.id).exists():
        plan.problem = _("It is there again already.")
        return
    plan.record, plan.is_new = _rebuild_record(kind, row), True
    _clear_past_pause(kind, plan.record)
    plan.differences = [
        (label, "", value) for label, value in change_log.describe_record(kind, plan.record).items()
    ]
    plan.addresses |= _addresses(kind, plan.record)
    if kind.name == "agent":
        plan.shifts = _deleted_shifts(row)


def _rebuild_record(kind: TrackedModel, row: Any) -> Model:
    """The record with its former id, so that its history continues."""
    names = [one.attname for one in kind.model._meta.concrete_fields if hasattr(row, one.attname)]
    return kind.model(**{name: getattr(row, name) for name in names})


def _deleted_shifts(row: Any) -> list[Shift]:
    kind = TRACKED_MODELS["shift"]
    period = (row.history_date - DELETION_WINDOW, row.history_date + DELETION_WINDOW)
    rows = kind.rows.filter(agent_id=row.id, history_type=DELETED, history_date__range=period)
    return [_rebuild_record(kind, one) for one in rows]  # type: ignore[misc]


def _changed_fields(kind: TrackedModel, before: Any, row: Any) -> set[str]:
    names = [one.attname for one in kind.model._meta.concrete_fields if hasattr(row, one.attname)]
    changed = {name for name in names if getattr(before, name) != getattr(row, name)}
    return {other for name in changed for other in UNDONE_TOGETHER.get(name, (name,))}


def _clear_past_pause(kind: TrackedModel, record: Any) -> None:
    """Clear a pause whose end has passed, so that the agent stays off instead of being switched on at once."""
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


def _find_problem(plan: UndoPlan) -> str:
    """Validate the record; return the problem, or "". Also sets the coverage questions."""
    kind, record = plan.change.kind, plan.record
    if kind.name in {"holiday", "other"} and record.date < timezone.localdate():
        return _("That date has passed.")
    if kind.name == "shift":
        if not Agent.objects.filter(pk=record.agent_id).exists():
            return _("The agent was deleted since. Put the agent back first.")
        if _overlaps(record):
            return _("The agent has another shift at that time now.")
    try:
        record.full_clean(validate_unique=True)
    except ValidationError as error:
        return " ".join(error.messages)
    if kind.name == "agent" and not plan.is_new and record.availability == Agent.Availability.OFF:
        plan.questions = coverage.build_questions([record.pk])
    return ""


def _overlaps(shift: Shift) -> bool:
    others = Shift.objects.filter(agent_id=shift.agent_id, day=shift.day).exclude(pk=shift.pk)
    return others.filter(starts_at__lt=shift.ends_at, ends_at__gt=shift.starts_at).exists()
