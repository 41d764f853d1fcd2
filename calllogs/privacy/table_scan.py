"""Searches every table of the database for a number. New tables are included automatically.

Pushes with the number are deleted, and so are rows that can be recomputed from the calls. In all other rows the number
is redacted in the texts and the row stays.
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
from calllogs.models.export import scope_digest
from calllogs.privacy.number_patterns import has_match, redact
from ivrportal.audit.models import AuditEntry

BATCH_SIZE = 5000  # rows that one piece searches
# The audit log is append-only and contains keyed digests. The erasure removes its own number at its end.
EXEMPT_MODELS: set[type[models.Model]] = {AuditEntry, Erasure}
# Recomputed from the calls, or useless without the number.
DELETED_MODELS: set[type[models.Model]] = {Push, MissedCaller, MissedRecheck, CallbackClaim, Rollup}
# Changing these would lock a user out.
EXEMPT_FIELDS = {(User, "username"), (User, "password")}
# The arrival time of tables where an erased caller may have new rows since; those are kept.
ARRIVAL_FIELDS: dict[type[models.Model], str] = {
    Push: "received_at",
    CallLog: "received_at",
    CallbackEntry: "at",
}
DERIVED_MODELS: set[type[models.Model]] = {MissedCaller, MissedRecheck, CallbackClaim}
_COUNT_NAMES: dict[type[models.Model], str] = {
    CallLog: "calls", Push: "pushes", CallNote: "notes", CallTag: "notes", CallbackEntry: "desk", MissedCaller: "desk",
    CallbackClaim: "desk", MissedRecheck: "", Rollup: "",
}  # fmt: skip


def list_models() -> list[type[models.Model]]:
    """The models to search in a stable order, CallLog last."""
    found = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and model not in EXEMPT_MODELS and text_fields(model)
    ]
    return sorted(found, key=lambda model: (model is CallLog, model._meta.label))


def text_fields(model: type[models.Model]) -> list[str]:
    """The names of the fields that can contain text, including JSON fields."""
    field_types = (models.CharField, models.TextField, models.JSONField)
    return [
        field.attname
        for field in model._meta.concrete_fields
        if isinstance(field, field_types)
        and not field.is_relation
        and (model, field.name) not in EXEMPT_FIELDS
    ]


def scan_batch(
    model: type[models.Model], after: Any, *, number: str, pattern: str, asked_at: datetime
) -> tuple[Any, Counter[str]]:
    """Searches one batch of rows after the key `after`. Returns the last key (None: complete) and the counts.

    Must run in a transaction.
    """
    if model is Session:
        return None, _end_sessions(pattern)
    if isinstance(model._meta.pk, models.CompositePrimaryKey):
        all_rows = model._base_manager.all()
        matching = _filter_matching(all_rows, model, number=number, pattern=pattern, asked_at=asked_at)
        return None, _count_removed(model, matching.delete()[0])
    rows = model._base_manager.order_by("pk")
    rows = rows.filter(pk__gt=after) if after is not None else rows
    last = rows.values_list("pk", flat=True)[BATCH_SIZE - 1 : BATCH_SIZE].first()
    matching = rows.filter(pk__lte=last) if last is not None else rows
    matching = _filter_matching(matching, model, number=number, pattern=pattern, asked_at=asked_at)
    if model in DELETED_MODELS:
        return last, _count_removed(model, matching.delete()[0])
    found = list(matching.select_for_update())
    for row in found:
        _redact_row(row, pattern)
    return last, _count_removed(model, len(found))


def _filter_matching(
    rows: models.QuerySet, model: type[models.Model], *, number: str, pattern: str, asked_at: datetime
) -> models.QuerySet:
    """The rows with the number in a text or in a JSON value."""
    if model in DERIVED_MODELS and CallLog.objects.filter(caller=number).exists():
        return rows.none()  # the caller has called since and must stay in the callback queue
    if model in ARRIVAL_FIELDS:
        rows = rows.filter(Q((f"{ARRIVAL_FIELDS[model]}__lte", asked_at)))
    if model is CallLog:
        rows = rows.exclude(caller=number)  # `anonymise` handles these
    condition = Q()
    for name in text_fields(model):
        if isinstance(model._meta.get_field(name), models.JSONField):
            rows = rows.alias(**{f"{name}_text": Cast(name, TextField())})
            name = f"{name}_text"
        condition |= Q((f"{name}__regex", pattern))
    return rows.filter(condition)


def _redact_row(row: models.Model, pattern: str) -> None:
    """Saves the row without the number. Deletes it if that makes it a duplicate of another row."""
    changes: dict[str, Any] = {}
    for name in text_fields(type(row)):
        value = getattr(row, name)
        new = _redact_value(value, pattern)
        if new != value:
            field: Any = row._meta.get_field(name)
            changes[name] = new[: field.max_length] if isinstance(new, str) and field.max_length else new
    if isinstance(row, CallLog):
        _redact_call(row, changes)
    if isinstance(row, Export) and "query" in changes:
        changes["scope"] = scope_digest(
            row.file_format, changes["query"], hides=row.hides, departments=row.departments
        )
    if isinstance(row, LogEntry) and changes.get("object_repr") == "":
        changes["object_repr"] = "–"
    stored = type(row)._base_manager.filter(pk=row.pk)
    try:
        with transaction.atomic():
            stored.update(**changes)
    except IntegrityError:
        stored.delete()


def _redact_call(call: CallLog, changes: dict[str, Any]) -> None:
    """A call of another caller with the number as its agent's, in its id, or in its recording URL."""
    if "recording_url" in changes:
        changes["recording_url"] = ""
    if "call_id" in changes:
        changes["call_id"] = erased_callers.erased_call_id(call.call_id)
    invalidation.mark_stale(callers=[changes.get("caller", call.caller)], moments=[call.started_at])


def _redact_value(value: Any, pattern: str) -> Any:
    if isinstance(value, str):
        return redact(value, pattern)
    if isinstance(value, dict):
        return {_redact_value(key, pattern): _redact_value(item, pattern) for key, item in value.items()}
    if isinstance(value, list):
        return [_redact_value(item, pattern) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and has_match(str(value), pattern):
        return 0
    return value


def _end_sessions(pattern: str) -> Counter[str]:
    """Session data is encoded, so each session is decoded. Users whose session has the number must log in again."""
    ended = [
        session.pk
        for session in Session.objects.iterator(chunk_size=500)
        if has_match(str(session.get_decoded()), pattern)
    ]
    return Counter(other=Session.objects.filter(pk__in=ended).delete()[0])


def _count_removed(model: type[models.Model], count: int) -> Counter[str]:
    name = _COUNT_NAMES.get(model, "other")
    return Counter({name: count}) if name and count else Counter()
