"""The filter of texts that strangers wrote; every template has it."""

from typing import Any

from django import template

from ivrportal.common import invisible_characters

register = template.Library()


@register.filter
def shown(value: Any) -> Any:
    """See `signs.shown`. What a template takes for safe is no stranger's, and stays."""
    return invisible_characters.shown(value) if isinstance(value, str) else value
