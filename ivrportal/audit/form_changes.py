"""The old and new values of a form's changed fields, for the audit log."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Model
from django.forms import ModelChoiceField, ModelMultipleChoiceField
from django.forms.widgets import PasswordInput

from ivrportal.audit.audit_log import HIDDEN

Changes = dict[str, list[Any]]

# Values of these fields are never stored.
_SECRETS = {"password", "digest", "token", "secret", "key"}


def changes_of_form(form: Any, formsets: Iterable[Any] | None = None, *, is_new: bool = False) -> Changes:
    """`{field: [old, new]}` of a valid form and its inline formsets."""
    found = _changes_of_fields(form, is_new=is_new)
    for formset in formsets or ():
        found |= _changes_of_formset(formset)
    return found


def changes_of_deletion(records: list[Model]) -> Changes:
    """The field values of one deleted record; the names of several."""
    if len(records) != 1:
        return {f"{record._meta.verbose_name} {record.pk}": [str(record), None] for record in records}
    found: Changes = {}
    for field in records[0]._meta.concrete_fields:
        value = getattr(records[0], field.attname)
        if not (field.primary_key or value in (None, "")):
            found[field.name] = [HIDDEN if field.name in _SECRETS else value, None]
    return found


def _changes_of_fields(form: Any, *, is_new: bool) -> Changes:
    found: Changes = {}
    for name in form.changed_data:
        field = form.fields.get(name)  # None: password forms report their two fields under one name
        if field is None or name in _SECRETS or isinstance(field.widget, PasswordInput):
            found[name] = [None if is_new else HIDDEN, HIDDEN]
            continue
        old, new = form.initial.get(name), form.cleaned_data.get(name)
        pair = [None if is_new else _display_value(field, old), _display_value(field, new)]
        if pair[0] != pair[1]:
            found[name] = pair
    return found


def _display_value(field: Any, value: Any) -> Any:
    """The value as users know it, lists on one line. The old value of a ModelChoiceField is a primary key."""
    if value in (None, ""):
        return None
    if isinstance(field, ModelMultipleChoiceField):
        return ", ".join(sorted(str(record) for record in value)) or None
    if isinstance(field, ModelChoiceField) and not isinstance(value, Model):
        rows: Any = field.queryset
        return str(rows.model._default_manager.filter(pk=value).first() or value)
    if isinstance(value, list | tuple | set):
        return ", ".join(sorted(map(str, value)))
    return value


def _changes_of_formset(formset: Any) -> Changes:
    kind = str(formset.model._meta.verbose_name)
    found: Changes = {f"{kind} {record}": [None, "+"] for record in formset.new_objects}
    found |= {f"{kind} {record}": ["+", None] for record in formset.deleted_objects}
    changed = {id(record) for record, _fields in formset.changed_objects}
    for form in formset.initial_forms:
        if id(form.instance) in changed:
            for name, pair in _changes_of_fields(form, is_new=False).items():
                found[f"{kind} {form.instance.pk} {name}"] = pair
    return found
