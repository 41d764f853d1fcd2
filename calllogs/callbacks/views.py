"""The pages of the callback queue: callers who wait for a callback, longest waiting first.

Query parameters: `show` is waiting (the default), old or done; `department`, `number`, `why`, `mine=1` and `q` filter;
`after` and `before` are page cursors. A request from htmx gets only the queue; if its `seen` is the current version, it
gets status 204.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from calllogs.access.visibility import CallVisibility, visibility_for
from calllogs.callbacks import action_views, actions, caller_view, presentation, queries, refresh
from calllogs.callbacks.permissions import CHANGE, QUEUE_URL_NAME, VIEW
from calllogs.callbacks.queries import CallbackFilter, FacetCount
from calllogs.calls import visible_filter
from calllogs.models.missed_caller import MissReason
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.common.phone import format_national

WAITING, OLD, DONE = "waiting", "old", "done"
TAB_LABELS = {WAITING: gettext_lazy("Waiting"), OLD: gettext_lazy("Older"), DONE: gettext_lazy("Done")}
FILTER_PARAMS = ("department", "number", "why", "mine", "q")
QUERY_PARAMS = ("show", *FILTER_PARAMS, "after", "before")
REFRESH_LIMIT = 300  # new calls processed before rendering; a worker processes the rest
REBUILD_LIMIT = 20_000  # calls; with more, a worker builds the rows
MAX_SEARCH_LENGTH = 40


@dataclass(frozen=True, slots=True)
class QueueParams:
    """The valid query parameters. `problem` is a text about an invalid search."""

    show: str = WAITING
    department: str = ""
    number: str = ""
    why: str = ""
    mine: str = ""
    q: str = ""
    after: str = ""
    before: str = ""
    problem: str = ""

    @property
    def is_filtered(self) -> bool:
        return any(getattr(self, name) for name in FILTER_PARAMS)

    def to_filter(self, request: HttpRequest) -> CallbackFilter:
        mine, visibility = request.user.pk if self.mine else None, visibility_for(request.user)
        return CallbackFilter(
            self.show == OLD, self.department, self.number, self.why, self.q, mine, visibility
        )

    def query(self, **changed: str) -> str:
        values = {name: getattr(self, name) for name in QUERY_PARAMS} | changed
        if values["show"] == WAITING:
            values["show"] = ""
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(slots=True)
class QueuePage:
    """Data of `queue_body.html`.

    `count` is None if it is not known. `is_behind`: the rows do not include the latest calls yet. `is_new`: the rows
    were never built.
    """

    params: QueueParams
    rows: list[Any] = field(default_factory=list)
    callers: list[str] = field(default_factory=list)
    facets: list[FacetCount] = field(default_factory=list)
    count: int | None = None
    previous_url: str = ""
    next_url: str = ""
    is_behind: bool = False
    is_new: bool = False


def get_urls(site: admin.AdminSite) -> list[URLPattern]:
    view = site.admin_view
    return [
        path("calllogs/missed/", view(require_safe(queue_page)), name=QUEUE_URL_NAME),
        path(
            "calllogs/missed/call/<int:pk>/",
            view(require_safe(caller_view.caller_page)),
            name="calllogs_missed_caller",
        ),
        *action_views.get_urls(site, render_queue=render_queue),
    ]


def waiting_badge(user: Any, counted: int | None = None) -> Any:
    """The number of waiting callers for the navigation, "999+" above the limit.

    `counted`: the number for all departments if the caller of this function knows it; not used for department-limited
    users.
    """
    visibility = visibility_for(user)
    count = queries.count_waiting(visibility) if counted is None or visibility.is_limited else counted
    # A lazy string, because the theme takes a plain string for the name of a function.
    return count if count < queries.COUNT_LIMIT else gettext_lazy("999+")


def queue_page(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    params = parse_params(request.GET)
    if request.headers.get("HX-Request"):
        return render_queue(request, params)
    queue = load_queue(
        request, params
    )  # before each_context, so that the navigation counts the refreshed rows
    _record_view(request, queue)
    context = {
        **admin.site.each_context(request),
        **_build_context(request, queue),
        "title": _("Missed callers"),
        "hidden": queries.count_hidden_calls(visibility_for(request.user)) if params.show == WAITING else 0,
        "hidden_limit": queries.COUNT_LIMIT,
    }
    return TemplateResponse(request, "calllogs/callbacks/queue.html", context)


def render_queue(
    request: HttpRequest, params: QueueParams | str, *, message: str = "", undo: int | None = None
) -> HttpResponse:
    """The queue without the page around it. `message` reports the user's last action; `undo` is the entry to reopen."""
    params = parse_params(QueryDict(params)) if isinstance(params, str) else params
    queue = load_queue(request, params)
    if not message and "seen" not in request.GET:
        # Polling is not recorded again after the page was opened. An action has its own audit entry.
        _record_view(request, queue)
    context = _build_context(request, queue)
    headers = {"Cache-Control": "no-store"}
    if not message and request.GET.get("seen") == context["version"]:
        return HttpResponse(status=204, headers=headers)
    context |= {"message": message, "undo": undo}
    return TemplateResponse(request, "calllogs/callbacks/queue_body.html", context, headers=headers)


def load_queue(request: HttpRequest, params: QueueParams) -> QueuePage:
    """Refresh the rows and load one page. Five queries, more if there are new calls to process."""
    queue, visibility = QueuePage(params), visibility_for(request.user)
    _refresh_rows(queue)
    now = timezone.now()
    if params.show == DONE:
        found = queries.load_closings(visibility, after=params.after, before=params.before)
        queue.callers = [entry.caller for entry in found.rows]
        calls = _latest_calls(queue.callers, visibility)
        queue.rows = [
            presentation.build_closing_row(entry, calls.get(entry.caller), visibility, now=now)
            for entry in found.rows
        ]
        cursors = [str(entry.pk) for entry in found.rows]
    else:
        queue.facets = queries.load_facets(visibility, is_old=params.show == OLD)
        criteria = params.to_filter(request)
        queue.count = None if params.problem else queries.count_matching(queue.facets, criteria)
        found = queries.CallbackPage([], False, False) if params.problem else _load_callers(params, criteria)
        queue.callers = [row.caller for row in found.rows]
        claims = actions.load_active_claims(queue.callers) if queue.callers else {}
        me = request.user.pk or 0
        queue.rows = [
            presentation.build_caller_row(row, claims.get(row.caller), visibility, me=me, now=now)
            for row in found.rows
        ]
        cursors = [queries.build_cursor(row) for row in found.rows]
    if cursors and found.has_before:
        queue.previous_url = "?" + params.query(before=cursors[0], after="")
    if cursors and found.has_after:
        queue.next_url = "?" + params.query(after=cursors[-1], before="")
    return queue


def _record_view(request: HttpRequest, queue: QueuePage) -> None:
    params = queue.params
    filters = [
        str(getattr(params, name)) for name in FILTER_PARAMS if name != "mine" and getattr(params, name)
    ]
    audit_log.record(
        Action.SAW_LIST,
        request=request,
        what=", ".join([str(_("Missed callers")), str(TAB_LABELS[params.show]), *filters]),
        count=len(queue.rows),
        callers=queue.callers,
    )


def _load_callers(params: QueueParams, criteria: CallbackFilter) -> queries.CallbackPage:
    found = queries.load_callers(criteria, after=params.after, before=params.before)
    if not found.rows and (params.after or params.before):
        return queries.load_callers(criteria)  # every caller on that page was closed: show the first page
    return found


def _latest_calls(callers: list[str], visibility: CallVisibility) -> dict[str, int]:
    rows = visibility.calls().filter(caller__in=set(callers)).order_by().values_list("caller")
    return dict(rows.annotate(newest=Max("pk")))


def _refresh_rows(queue: QueuePage) -> None:
    """Process new calls before rendering, up to a limit, so that the page need not wait for a worker."""
    try:
        pending = refresh.load_pending()
        if pending is None:
            return
        if not pending.is_new:
            queue.is_behind = refresh.refresh(most=REFRESH_LIMIT)
        elif pending.calls > REBUILD_LIMIT:
            queue.is_new = True
        else:
            refresh.rebuild()
            refresh.refresh()
    except OperationalError:  # the database is busy: show the stored rows
        queue.is_behind = True


def parse_params(query: Any) -> QueueParams:
    """Read the query parameters. Invalid filters are ignored; an invalid search sets `problem`."""
    values = {name: query.get(name, "").replace("\0", "").strip() for name in QUERY_PARAMS}
    if values["show"] not in TAB_LABELS:
        values["show"] = WAITING
    if values["why"] not in MissReason.values:
        values["why"] = ""
    values["department"], values["number"] = values["department"][:100], values["number"][:40]
    problem = ""
    digits = sum(character.isdigit() for character in values["q"])
    if values["q"] and (len(values["q"]) > MAX_SEARCH_LENGTH or digits < 3):
        problem = _("Search for a telephone number: at least three digits of it.")
        values["q"] = values["q"][:MAX_SEARCH_LENGTH]
    return QueueParams(**values, problem=problem)


def _build_context(request: HttpRequest, queue: QueuePage) -> dict[str, Any]:
    params, may_act = queue.params, request.user.has_perm(CHANGE)
    state = [
        queue.rows,
        queue.count,
        queue.previous_url,
        queue.next_url,
        queue.is_behind,
        queue.is_new,
        params,
    ]
    return {
        "queue": queue,
        "params": params,
        "notice": visible_filter.masked_search_notice(params.q)
        if params.q and not visibility_for(request.user).sees_numbers
        else "",
        "version": hashlib.blake2b(repr(state).encode(), digest_size=8).hexdigest(),
        "poll_url": f"{reverse(f'admin:{QUEUE_URL_NAME}')}?{params.query()}",
        "back": params.query(),
        "may_act": may_act,
        "rows_html": presentation.render_rows(queue.rows, request, may_act=may_act, back=params.query())
        if queue.rows and params.show != DONE
        else "",
        "tabs": [
            (key, label, "?" + QueueParams(show=key).query(), key == params.show)
            for key, label in TAB_LABELS.items()
        ],
        "choices": _build_filter_choices(queue),
        "days": settings.MISSED_DAYS,
    }


def _build_filter_choices(queue: QueuePage) -> dict[str, list[tuple[str, str, int]]]:
    """The choices of each filter as (value, label, number of callers)."""
    params = queue.params
    counts: dict[str, dict[str, int]] = {"department": {}, "number": {}, "why": {}}
    for facet in queue.facets:
        for name, value in (("department", facet.department), ("number", facet.number), ("why", facet.why)):
            if value:
                counts[name][value] = counts[name].get(value, 0) + facet.count
    for name, values in counts.items():
        if chosen := getattr(params, name):
            values.setdefault(chosen, 0)  # keep the current choice even if no caller matches it any more
    formatters: dict[str, Any] = {
        "department": str,
        "number": format_national,
        "why": lambda value: MissReason(value).label,
    }
    return {
        name: [(value, str(formatters[name](value)), count) for value, count in sorted(values.items())]
        for name, values in counts.items()
    }
