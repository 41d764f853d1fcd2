"""Every table that the database has, looked through for a number. A new table is looked through without being named.

Pushes that hold the number are deleted, rows that are made anew from the calls too; of everything else the number is
taken out of the texts, and the row stays.
"""

from collections import Counter
from datetime import datetime
from typing import Any

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import IntegrityError, models, transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from calllogs.intake import erased_callers
from calllogs.models import (
    CallbackClaim,
    CallbackEntry,
    CallLog,
    CallNote,
    CallTag,
    Erasure,
    Export,
    MissedCaller,
    MissedRecheck,
    Push,
    Rollup,
    invalidation,
)
from calllogs.models.export import scope_of
from calllogs.privacy.number_patterns import is_in, without
from ivrportal.audit.models import AuditEntry

AT_ONCE = 5000  # rows that one piece looks at
# The audit trail is only ever added to, and holds keyed digests; the erasure itself forgets its number at its end.
LEFT_ALONE: set[type[models.Model]] = {AuditEntry, Erasure}
# Made anew from the calls, or worth nothing without their number.
DELETED: set[type[models.Model]] = {Push, MissedCaller, MissedRecheck, CallbackClaim, Rollup}
# Texts that are no words: to change one would lock a person out.
KEPT_FIELDS = {(User, "username"), (User, "password")}
# When a row came, where a person who is erased may have come again since.
CAME_AT: dict[type[models.Model], str] = {Push: "received_at", CallLog: "received_at", CallbackEntry: "at"}
NEW_AGAIN: set[type[models.Model]] = {MissedCaller, MissedRecheck, CallbackClaim}
_COUNTED_AS: dict[type[models.Model], str] = {
    CallLog: "calls", Push: "pushes", CallNote: "notes", CallTag: "notes", CallbackEntry: "desk", MissedCaller: "desk",
    CallbackClaim: "desk", MissedRecheck: "", Rollup: "",
}  # fmt: skip


def all_tables() -> list[type[models.Model]]:
    """In one order, the ones that refer to others first."""
    found = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and model not in LEFT_ALONE and texts_of(model)
    ]
    return sorted(found, key=lambda model: (model is CallLog, model._meta.label))


def texts_of(model: type[models.Model]) -> list[str]:
    """The fields that can hold words, JSON among them."""
    kinds = (models.CharField, models.TextField, models.JSONField)
    return [
        field.attname
        for field in model._meta.concrete_fields
        if isinstance(field, kinds) and not field.is_relation and (model, field.name) not in KEPT_FIELDS
    ]


def look_through(
    model: type[models.Model], after: Any, *, number: str, pattern: str, asked_at: datetime
) -> tuple[Any, Counter[str]]:
    """Some rows of a table, from that key on: the key up to which it is done now (None: all), and what is gone.

    In the caller's transaction.
    """
    if model is Session:
        return None, _end_sessions(pattern)
    if isinstance(model._meta.pk, models.CompositePrimaryKey):
        every = model._base_manager.all()
        some = _with(every, model, number=number, pattern=pattern, asked_at=asked_at)
        return None, _gone(model, some.delete()[0])
    rows = model._base_manager.order_by("pk")
    rows = rows.filter(pk__gt=after) if after is not None else rows
    last = rows.values_list("pk", flat=True)[AT_ONCE - 1 : AT_ONCE].first()
    some = rows.filter(pk__lte=last) if last is not None else rows
    some = _with(some, model, number=number, pattern=pattern, asked_at=asked_at)
    if model in DELETED:
        return last, _gone(model, some.delete()[0])
    found = list(some.select_for_update())
    for row in found:
        _take_out(row, pattern)
    return last, _gone(model, len(found))


def _with(
    rows: models.QuerySet, model: type[models.Model], *, number: str, pattern: str, asked_at: datetime
) -> models.QuerySet:
    """Those that hold the number, in a text or in a JSON value."""
    if model in NEW_AGAIN and CallLog.objects.filter(caller=number).exists():
        return rows.none()  # the person has rung since, and is to be called back
    if model in CAME_AT:
        rows = rows.filter(Q((f"{CAME_AT[model]}__lte", asked_at)))
    if model is CallLog:
        rows = rows.exclude(caller=number)  # those are forgotten whole, by `people`
    wanted = Q()
    for name in texts_of(model):
        if isinstance(model._meta.get_field(name), models.JSONField):
            rows = rows.alias(**{f"{name}_words": Cast(name, TextField())})
            name = f"{name}_words"
        wanted |= Q((f"{name}__regex", pattern))
    return rows.filter(wanted)


def _take_out(row: models.Model, pattern: str) -> None:
    """Write the row without the number. One that becomes equal to another by this is of no use any more."""
    changes: dict[str, Any] = {}
    for name in texts_of(type(row)):
        value = getattr(row, name)
        new = _cleaned(value, pattern)
        if new != value:
            field: Any = row._meta.get_field(name)
            changes[name] = new[: field.max_length] if isinstance(new, str) and field.max_length else new
    if isinstance(row, CallLog):
        _note(row, changes)
    if isinstance(row, Export) and "query" in changes:
        changes["scope"] = scope_of(row.file_format, changes["query"])
    if isinstance(row, LogEntry) and changes.get("object_repr") == "":
        changes["object_repr"] = "–"
    same = type(row)._base_manager.filter(pk=row.pk)
    try:
        with transaction.atomic():
            same.update(**changes)
    except IntegrityError:
        same.delete()


def _note(call: CallLog, changes: dict[str, Any]) -> None:
    """A call of somebody else that names the number: as an agent's, in its id, in its recording's address."""
    if "recording_url" in changes:
        changes["recording_url"] = ""
    if "call_id" in changes:
        changes["call_id"] = erased_callers.id_of(call.call_id)
    invalidation.mark_stale(callers=[changes.get("caller", call.caller)], moments=[call.started_at])


def _cleaned(value: Any, pattern: str) -> Any:
    if isinstance(value, str):
        return without(value, pattern)
    if isinstance(value, dict):
        return {_cleaned(key, pattern): _cleaned(item, pattern) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item, pattern) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and is_in(str(value), pattern):
        return 0
    return value


def _end_sessions(pattern: str) -> Counter[str]:
    """A session is packed, so it is opened; whose holds the number signs in again."""
    ended = [
        session.pk
        for session in Session.objects.iterator(chunk_size=500)
        if is_in(str(session.get_decoded()), pattern)
    ]
    return Counter(other=Session.objects.filter(pk__in=ended).delete()[0])


def _gone(model: type[models.Model], count: int) -> Counter[str]:
    name = _COUNTED_AS.get(model, "other")
    return Counter({name: count}) if name and count else Counter()
