"""A push, as a person may read it: without the recording's address, and without numbers that are hidden."""

from dataclasses import replace

from django.utils.translation import gettext as _

from calllogs.access import redaction
from calllogs.access.redaction import without_recording
from calllogs.access.visibility import CallVisibility
from calllogs.intake.push_fields import Field, caller_of, fields_of, unknown_parameters
from calllogs.models import Push

OF_THE_OFFICE = {"agent_number", "virtual_number"}


def fields(push: Push, sight: CallVisibility) -> list[Field]:
    """Field by field. A recording is played through the portal, where it is noted who listens."""
    callers = _callers(push)
    return [_shown(field, sight, callers) for field in fields_of(push)]


def raw(push: Push, sight: CallVisibility) -> str:
    shown = without_recording(push.raw_query)
    return (
        shown
        if sight.sees_numbers
        else redaction.in_query(shown, callers=_callers(push), known=_office(push))
    )


def unknown(push: Push, sight: CallVisibility) -> list[tuple[str, str]]:
    callers, office = _callers(push), _office(push)
    found = unknown_parameters(push)
    return [(sight.text(name, *callers), sight.text(value, *callers, known=office)) for name, value in found]


def _shown(field: Field, sight: CallVisibility, callers: list[str]) -> Field:
    if field.name == "recording_url" and not field.problem:
        words = _("a recording")
        received, value = words if field.received else "", words if field.value else ""
        return replace(field, received=received, value=value, meaning=value)
    if sight.sees_numbers or field.name in OF_THE_OFFICE:
        return field
    if field.name == "caller":
        received, value = sight.number(field.received), sight.number(callers[0] if callers else field.value)
        return replace(field, received=received, value=value, meaning=value if field.meaning else "")
    received, value, meaning = (
        sight.text(text, *callers) for text in (field.received, field.value, field.meaning)
    )
    return replace(field, received=received, value=value, meaning=meaning)


def _callers(push: Push) -> list[str]:
    """As the push tells it, and as the call has it."""
    return [caller for caller in (caller_of(push), push.call.caller if push.call else "") if caller]


def _office(push: Push) -> tuple[str, ...]:
    return (push.call.agent_number, push.call.virtual_number) if push.call else ()
