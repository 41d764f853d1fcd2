"""A push as a user may see it: without the recording's URL and with hidden numbers masked."""

from dataclasses import replace

from django.utils.translation import gettext as _

from calllogs.access import redaction
from calllogs.access.redaction import hide_recording_url
from calllogs.access.visibility import CallVisibility
from calllogs.intake.push_fields import PushField, build_push_fields, find_caller, find_unknown_parameters
from calllogs.models import Push

OFFICE_FIELDS = {"agent_number", "virtual_number"}


def redact_fields(push: Push, visibility: CallVisibility) -> list[PushField]:
    """The fields of a push without the recording's URL: the portal plays recordings itself and logs who listens."""
    callers = _known_callers(push)
    return [_redact_field(field, visibility, callers) for field in build_push_fields(push)]


def redact_raw_query(push: Push, visibility: CallVisibility) -> str:
    raw_query = hide_recording_url(push.raw_query)
    return (
        raw_query
        if visibility.sees_numbers
        else redaction.redact_query(raw_query, callers=_known_callers(push), known=_office_numbers(push))
    )


def redact_unknown_parameters(push: Push, visibility: CallVisibility) -> list[tuple[str, str]]:
    callers, office = _known_callers(push), _office_numbers(push)
    found = find_unknown_parameters(push)
    return [
        (visibility.mask_text(name, *callers), visibility.mask_text(value, *callers, known=office))
        for name, value in found
    ]


def _redact_field(field: PushField, visibility: CallVisibility, callers: list[str]) -> PushField:
    if field.name == "recording_url" and not field.problem:
        label = _("a recording")
        received, value = label if field.received else "", label if field.value else ""
        return replace(field, received=received, value=value, meaning=value)
    if visibility.sees_numbers or field.name in OFFICE_FIELDS:
        return field
    if field.name == "caller":
        received, value = (
            visibility.format_number(field.received),
            visibility.format_number(callers[0] if callers else field.value),
        )
        return replace(field, received=received, value=value, meaning=value if field.meaning else "")
    received, value, meaning = (
        visibility.mask_text(text, *callers) for text in (field.received, field.value, field.meaning)
    )
    return replace(field, received=received, value=value, meaning=meaning)


def _known_callers(push: Push) -> list[str]:
    """The caller's number in the push and in its call."""
    return [caller for caller in (find_caller(push), push.call.caller if push.call else "") if caller]


def _office_numbers(push: Push) -> tuple[str, ...]:
    return (push.call.agent_number, push.call.virtual_number) if push.call else ()
