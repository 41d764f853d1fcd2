"""Create a row of any model, for tests that run over all tables."""

import datetime as dt
import itertools
from typing import Any

from django.db import models
from django.utils import timezone

_numbers = itertools.count(1)


def make(model: type[models.Model], /, **values: Any) -> Any:
    """Insert a row with these values; other required fields get generated values."""
    row = model(**values)
    for field in model._meta.concrete_fields:
        is_given = field.name in values or field.attname in values or isinstance(field, models.AutoField)
        if is_given or field.null or (field.has_default() and not field.is_relation):
            continue
        may_be_empty = field.blank and isinstance(field, models.CharField | models.TextField)
        if may_be_empty or isinstance(field, models.CompositePrimaryKey):
            continue
        setattr(row, field.name, _value(field))
    models.Model.save_base(row, force_insert=True)
    return row


def _value(field: Any) -> Any:
    number = next(_numbers)
    if field.is_relation:
        known = None if field.unique else field.related_model._base_manager.first()
        return known or make(field.related_model)
    if field.choices:
        return field.flatchoices[0][0]
    if isinstance(field, models.DateTimeField):
        return timezone.now()
    kinds: list[tuple[type[models.Field], Any]] = [
        (models.DateField, dt.date(2026, 1, 1) + dt.timedelta(days=number)),
        (models.TimeField, dt.time(number // 60 % 24, number % 60)),  # a later field is a later time
        (models.DurationField, dt.timedelta(seconds=1)),
        (models.BooleanField, False),
        (models.GenericIPAddressField, "203.0.113.5"),
        (models.JSONField, {}),
        (models.IntegerField, number),
        (models.FloatField, 1.0),
    ]
    found = next((value for kind, value in kinds if isinstance(field, kind)), f"x{number}")
    return found[: field.max_length] if isinstance(found, str) and field.max_length else found
