"""The filter of texts that strangers wrote; every template has it."""

from typing import Any

from django import template

from settings_sync import signs

register = template.Library()


@register.filter
def shown(value: Any) -> Any:
    """See `signs.shown`. What a template takes for safe is no stranger's, and stays."""
    return signs.shown(value) if isinstance(value, str) else value
