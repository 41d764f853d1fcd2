"""The columns of the call list: which there are, which a person wants, and what stands in their cells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from calllogs.access.visibility import CallVisibility
from calllogs.formatting import clock_text
from calllogs.models import CallLog
from calllogs.models.call import STATUS_LOOK
from ivrportal.common.phone import format_national

PARAMETER, REMEMBER = "column", "remember"
_SESSION = "call_columns"


def badge(status: str) -> str:
    colour, icon = STATUS_LOOK[status]
    words = CallLog.Status(status).label
    return render_to_string("components/badge.html", {"words": words, "colour": colour, "icon": icon})


@dataclass(frozen=True, slots=True)
class RowContext:
    """What the cells of one page share."""

    agents: dict[str, str]
    badges: dict[str, str]
    sight: CallVisibility


Cell = Callable[[CallLog, RowContext], str]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    label: Any
    cell: Cell
    is_usual: bool = True
    is_number: bool = False


def _agent(call: CallLog, drawing: RowContext) -> str:
    return drawing.agents.get(call.agent_number) or format_national(call.agent_number) or "–"


def _moment(value: Any) -> str:
    return date_format(localtime(value), "j M Y, H:i")


COLUMNS = [
    Column("started_at", _("Started at"), lambda call, _drawing: _moment(call.started_at), is_number=True),
    Column("status", _("Status"), lambda call, drawing: drawing.badges[call.status]),
    Column(
        "caller", _("Caller"), lambda call, drawing: drawing.sight.number(call.caller) or "–", is_number=True
    ),
    Column("agent", _("Agent"), _agent),
    Column("department", _("Department"), lambda call, _drawing: call.department or "–"),
    Column("talk", _("Talk"), lambda call, _drawing: clock_text(call.talk_seconds), is_number=True),
    Column("ivr", _("In the IVR"), lambda call, _drawing: clock_text(call.ivr_seconds), is_number=True),
    Column("circle", _("Circle"), lambda call, _drawing: call.circle or "–"),
    Column(
        "number",
        _("Virtual number"),
        lambda call, _drawing: format_national(call.virtual_number) or "–",
        is_number=True,
    ),
    Column("recording", _("Recording"), lambda call, _drawing: str(_("Yes")) if call.recording_url else "–"),
    Column(
        "agent_number",
        _("Agent's number"),
        lambda call, _drawing: format_national(call.agent_number) or "–",
        is_usual=False,
        is_number=True,
    ),
    Column(
        "raw_status", _("Status as received"), lambda call, _drawing: call.raw_status or "–", is_usual=False
    ),
    Column("received_at", _("Told at"), lambda call, _drawing: _moment(call.received_at), is_usual=False),
    Column(
        "call_id",
        _("Call id"),
        lambda call, drawing: drawing.sight.call_id(call.call_id, call.caller),
        is_usual=False,
    ),
]
USUAL = tuple(column.name for column in COLUMNS if column.is_usual)


def named(names: list[str]) -> tuple[str, ...]:
    """Those of the names that are columns, in the order of the list."""
    return tuple(column.name for column in COLUMNS if column.name in names)


def selected_columns(request: HttpRequest) -> tuple[str, ...]:
    """Those of the address, else the person's last choice, else the usual ones."""
    return named(request.GET.getlist(PARAMETER)) or named(request.session.get(_SESSION, [])) or USUAL


def remember(request: HttpRequest) -> None:
    request.session[_SESSION] = named(request.GET.getlist(PARAMETER))


def rows(
    calls: list[CallLog], names: tuple[str, ...], *, agents: dict[str, str], sight: CallVisibility
) -> list[dict[str, Any]]:
    """For each call its key, and label, text and look of each cell, as the person may see them."""
    drawing = RowContext(agents, {status: badge(status) for status in CallLog.Status.values}, sight)
    columns = [column for column in COLUMNS if column.name in names]
    return [
        {"pk": call.pk, "cells": [(column, column.cell(call, drawing)) for column in columns]}
        for call in calls
    ]
