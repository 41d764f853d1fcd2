"""Columns of the call list: their definitions, the user's selection and the cell texts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from calllogs.access.visibility import CallVisibility
from calllogs.formatting import format_duration
from calllogs.models import CallLog
from calllogs.models.call import STATUS_BADGE
from ivrportal.common.phone import format_national

PARAMETER, REMEMBER_PARAMETER = "column", "remember"
_SESSION_KEY = "call_columns"


def render_badge(status: str) -> str:
    colour, icon = STATUS_BADGE[status]
    label = CallLog.Status(status).label
    return render_to_string("components/badge.html", {"label": label, "colour": colour, "icon": icon})


@dataclass(frozen=True, slots=True)
class RowContext:
    """Data shared by all cells of one page: agent names by number, badges by status, the viewer's visibility."""

    agents: dict[str, str]
    badges: dict[str, str]
    visibility: CallVisibility


Cell = Callable[[CallLog, RowContext], str]


@dataclass(frozen=True, slots=True)
class ListColumn:
    name: str
    label: Any
    cell: Cell
    is_default: bool = True
    is_number: bool = False


def _format_agent(call: CallLog, context: RowContext) -> str:
    return context.agents.get(call.agent_number) or format_national(call.agent_number) or "–"


def _format_moment(value: Any) -> str:
    return date_format(localtime(value), "j M Y, H:i")


COLUMNS = [
    ListColumn(
        "started_at", _("Started at"), lambda call, _context: _format_moment(call.started_at), is_number=True
    ),
    ListColumn("status", _("Status"), lambda call, context: context.badges[call.status]),
    ListColumn(
        "caller",
        _("Caller"),
        lambda call, context: context.visibility.format_number(call.caller) or "–",
        is_number=True,
    ),
    ListColumn("agent", _("Agent"), _format_agent),
    ListColumn("department", _("Department"), lambda call, _context: call.department or "–"),
    ListColumn("talk", _("Talk"), lambda call, _context: format_duration(call.talk_seconds), is_number=True),
    ListColumn(
        "ivr", _("In the IVR"), lambda call, _context: format_duration(call.ivr_seconds), is_number=True
    ),
    ListColumn("circle", _("Circle"), lambda call, _context: call.circle or "–"),
    ListColumn(
        "number",
        _("Virtual number"),
        lambda call, _context: format_national(call.virtual_number) or "–",
        is_number=True,
    ),
    ListColumn(
        "recording", _("Recording"), lambda call, _context: str(_("Yes")) if call.recording_url else "–"
    ),
    ListColumn(
        "agent_number",
        _("Agent's number"),
        lambda call, _context: format_national(call.agent_number) or "–",
        is_default=False,
        is_number=True,
    ),
    ListColumn(
        "raw_status", _("Status as received"), lambda call, _context: call.raw_status or "–", is_default=False
    ),
    ListColumn(
        "received_at", _("Told at"), lambda call, _context: _format_moment(call.received_at), is_default=False
    ),
    ListColumn(
        "call_id",
        _("Call id"),
        lambda call, context: context.visibility.mask_call_id(call.call_id, call.caller),
        is_default=False,
    ),
]
DEFAULT_COLUMNS = tuple(column.name for column in COLUMNS if column.is_default)


def known_names(names: list[str]) -> tuple[str, ...]:
    """Filter out unknown names; return the rest in display order."""
    return tuple(column.name for column in COLUMNS if column.name in names)


def selected_columns(request: HttpRequest) -> tuple[str, ...]:
    """Return the columns in the URL, else those remembered in the session, else the default ones."""
    return (
        known_names(request.GET.getlist(PARAMETER))
        or known_names(request.session.get(_SESSION_KEY, []))
        or DEFAULT_COLUMNS
    )


def remember_columns(request: HttpRequest) -> None:
    request.session[_SESSION_KEY] = known_names(request.GET.getlist(PARAMETER))


def build_rows(
    calls: list[CallLog], names: tuple[str, ...], *, agents: dict[str, str], visibility: CallVisibility
) -> list[dict[str, Any]]:
    """Return `{"pk": …, "cells": [(column, text), …]}` for each call, masked for the viewer."""
    context = RowContext(
        agents, {status: render_badge(status) for status in CallLog.Status.values}, visibility
    )
    columns = [column for column in COLUMNS if column.name in names]
    return [
        {"pk": call.pk, "cells": [(column, column.cell(call, context)) for column in columns]}
        for call in calls
    ]
