"""The filter `make_visible` for texts from outside. It is a template builtin."""

from typing import Any

from django import template

from ivrportal.common import invisible_characters

register = template.Library()


@register.filter
def make_visible(value: Any) -> Any:
    """See `ivrportal.common.invisible_characters`. A value that is not a string stays unchanged."""
    return invisible_characters.make_visible(value) if isinstance(value, str) else value
