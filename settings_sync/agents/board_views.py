"""The views of the agents' board: page, poll, switch, pause.

A switch posts the wanted state instead of toggling, so two simultaneous requests have the same effect as one. With
`Accept: application/json` the response holds the changes for the page; otherwise it redirects to the board.
"""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from settings_sync import coverage
from settings_sync.agents import availability, pauses
from settings_sync.agents import board as agents_board
from settings_sync.agents.board import Board
from settings_sync.models import Agent

BOARD_URL_NAME = "admin:settings_sync_agent_changelist"
MAX_CARDS_PER_POLL = 100
PENDING_POLL_S, IDLE_POLL_S = 1.0, 15.0

OFF, ON = Agent.Availability.OFF, Agent.Availability.AVAIL


def board_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    board = agents_board.load_board()
    may_switch = model_admin.has_change_permission(request)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Agents"),
        "board": board,
        "departments": [
            (department, agents_board.render_cards(department.cards, may_switch=may_switch))
            for department in board.departments
        ],
        "may_switch": may_switch,
        "may_add": model_admin.has_add_permission(request),
        "q": request.GET.get("q", ""),
        "media": model_admin.media,
    }
    return TemplateResponse(request, "settings_sync/agents/board.html", context)


@require_GET
def poll(request: HttpRequest, model_admin: Any) -> JsonResponse:
    """`?ids=1,2`: the HTML of these cards, the versions of all cards, the header and the counts."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    wanted = request.GET.get("ids", "").split(",")[:MAX_CARDS_PER_POLL]
    return _board_update(
        request, model_admin, {int(text) for text in wanted if text.isascii() and text.isdigit()}
    )


@require_POST
def switch(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """`switch=12:OFF`, or `bulk=OFF` with `agents`, or `department=OFF:Sales`; `sure` once the user has confirmed."""
    _require_change_permission(request, model_admin)
    to, ids = _parse_switch(request)
    if to not in Agent.Availability.values or not ids:
        return _message_response(
            request, model_admin, _("Nobody was chosen. Tick the agents first."), messages.WARNING
        )
    return _switch(request, model_admin, ids, to)


@require_POST
def pause(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Ask for the end of a pause (`pause=12` or `agents`), or switch off until then (`until`, and `time` with it)."""
    _require_change_permission(request, model_admin)
    ids = _parse_ids(request.POST.getlist("pause") or request.POST.getlist("agents"))
    agents = list(Agent.objects.filter(pk__in=ids))
    if not agents:
        return _message_response(
            request, model_admin, _("Nobody was chosen. Tick the agents first."), messages.WARNING
        )
    now = timezone.now()
    error = ""
    if "until" in request.POST:
        try:
            until = pauses.parse_pause_end(request.POST["until"], request.POST.get("time", ""), now=now)
        except pauses.InvalidPauseEnd as invalid:
            error = str(invalid)
        else:
            return _switch(request, model_admin, [agent.pk for agent in agents], OFF, off_until=until)
    elif request.POST.get("asked"):
        error = _("Choose how long.")
    context = {
        "agents": agents,
        "names": _format_names(agents),
        "choices": pauses.pause_choices(now),
        "chosen": request.POST.get("until", ""),
        "time": request.POST.get("time", ""),
        "error": error,
        "action": request.path,
        "back": reverse(BOARD_URL_NAME),
    }
    return _question_response(
        request, model_admin, "settings_sync/agents/pause", context, title=_("Off for a while")
    )


def _switch(
    request: HttpRequest,
    model_admin: Any,
    ids: list[int],
    to: str,
    *,
    off_until: dt.datetime | None = None,
) -> HttpResponse:
    try:
        changed = availability.switch(
            ids, to, request=request, is_confirmed=coverage.is_confirmed(request), off_until=off_until
        )
    except availability.ConfirmationRequired as question:
        context = coverage.confirmation_context(request, question.lines, back=reverse(BOARD_URL_NAME))
        return _question_response(
            request,
            model_admin,
            "settings_sync/coverage/confirm",
            context,
            title=_("Switch off the last one?"),
        )
    return _message_response(
        request, model_admin, _success_message(changed, to, off_until), messages.SUCCESS, ids=set(ids)
    )


def _success_message(changed: list[Agent], to: str, off_until: dt.datetime | None) -> str:
    if not changed:
        return _("It was so already; nothing had to be changed.")
    names, n = _format_names(changed), len(changed)
    if to == ON:
        return ngettext("%(names)s is switched on.", "%(names)s are switched on.", n) % {"names": names}
    if off_until:
        time = agents_board.format_moment(off_until)
        text = ngettext(
            "%(names)s is off until %(time)s, and comes back by itself.",
            "%(names)s are off until %(time)s, and come back by themselves.",
            n,
        )
        return text % {"names": names, "time": time}
    return ngettext("%(names)s is switched off.", "%(names)s are switched off.", n) % {"names": names}


def _format_names(agents: list[Agent]) -> str:
    if len(agents) <= 3:
        return ", ".join(agent.name for agent in agents)
    return ngettext("%(n)d agent", "%(n)d agents", len(agents)) % {"n": len(agents)}


def _parse_switch(request: HttpRequest) -> tuple[str, list[int]]:
    if one := request.POST.get("switch"):
        number, _colon, to = one.partition(":")
        return to, _parse_ids([number])
    if whole := request.POST.get("department"):
        to, _colon, name = whole.partition(":")
        return to, list(Agent.objects.filter(department=name).values_list("pk", flat=True))
    return request.POST.get("bulk", ""), _parse_ids(request.POST.getlist("agents"))


def _parse_ids(texts: list[str]) -> list[int]:
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19]


def _require_change_permission(request: HttpRequest, model_admin: Any) -> None:
    if not model_admin.has_change_permission(request):
        raise PermissionDenied


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "") == "application/json"


def _question_response(
    request: HttpRequest, model_admin: Any, template: str, context: dict[str, Any], *, title: str
) -> HttpResponse:
    """Ask the user: the form alone for a JSON request, which shows it in a dialog, or a whole page."""
    if _wants_json(request):
        return JsonResponse(
            {"ask": render_to_string(f"{template}_form.html", context, request), "title": title}
        )
    opts = {"opts": model_admin.opts, "title": title}
    return TemplateResponse(
        request, f"{template}.html", {**model_admin.admin_site.each_context(request), **opts, **context}
    )


def _message_response(
    request: HttpRequest, model_admin: Any, message: str, level: int, *, ids: set[int] | None = None
) -> HttpResponse:
    if _wants_json(request):
        return _board_update(request, model_admin, ids or set(), message=message)
    messages.add_message(request, level, message)
    return redirect(BOARD_URL_NAME)


def _board_update(
    request: HttpRequest, model_admin: Any, ids: set[int], *, message: str = ""
) -> JsonResponse:
    board = agents_board.load_board()
    changed_cards = [card for card in board.cards() if int(card.pk) in ids]
    may_switch = model_admin.has_change_permission(request)
    return JsonResponse(
        {
            "cards": {
                card.pk: agents_board.render_cards([card], may_switch=may_switch) for card in changed_cards
            },
            "versions": {card.pk: card.version for card in board.cards()},
            "head": _render_head(board),
            "counts": {department.key: department.count for department in board.departments},
            "said": message,
            "again_s": PENDING_POLL_S if any(card.is_pending for card in board.cards()) else IDLE_POLL_S,
        },
        headers={"Cache-Control": "no-store"},
    )


def _render_head(board: Board) -> str:
    return render_to_string("settings_sync/agents/board_head.html", {"board": board})
