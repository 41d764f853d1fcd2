"""The missed-call desk: who waits for a call back, the longest first.

`?show=` waiting (the default), old or done; `department`, `number`, `why`, `mine=1`, `q`; `after` and `before` page.
A request of htmx gets the desk alone; one that names the version that it shows already gets nothing.
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
from calllogs.callbacks.permissions import ACT, DESK, VIEW
from calllogs.callbacks.queries import CallbackFilter, Facet
from calllogs.calls import visible_filter
from calllogs.models.missed_caller import MissReason
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.common.phone import format_national

WAITING, OLD, DONE = "waiting", "old", "done"
SHOWN = {WAITING: gettext_lazy("Waiting"), OLD: gettext_lazy("Older"), DONE: gettext_lazy("Done")}
FILTERS = ("department", "number", "why", "mine", "q")
KEPT = ("show", *FILTERS, "after", "before")
READ_FIRST = 300  # new calls, before the page is drawn; a worker reads the rest
BUILD_AT_ONCE = 20_000  # calls; more are a worker's work
LONGEST_SEARCH = 40


@dataclass(frozen=True, slots=True)
class QueueParams:
    """What the address bar says, as far as it makes sense."""

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
        return any(getattr(self, name) for name in FILTERS)

    def wanted(self, request: HttpRequest) -> CallbackFilter:
        mine, sight = request.user.pk if self.mine else None, visibility_for(request.user)
        return CallbackFilter(self.show == OLD, self.department, self.number, self.why, self.q, mine, sight)

    def query(self, **changed: str) -> str:
        values = {name: getattr(self, name) for name in KEPT} | changed
        if values["show"] == WAITING:
            values["show"] = ""
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(slots=True)
class QueuePage:
    """What `desk_body.html` draws."""

    asked: QueueParams
    rows: list[Any] = field(default_factory=list)
    callers: list[str] = field(default_factory=list)
    facets: list[Facet] = field(default_factory=list)
    count: int | None = None
    older: str = ""
    newer: str = ""
    is_behind: bool = False
    is_new: bool = False


def urls(site: admin.AdminSite) -> list[URLPattern]:
    view = site.admin_view
    return [
        path("calllogs/missed/", view(require_safe(page)), name=DESK),
        path(
            "calllogs/missed/call/<int:pk>/",
            view(require_safe(caller_view.page)),
            name="calllogs_missed_caller",
        ),
        *action_views.urls(site, answer=answer),
    ]


def badge(user: Any, counted: int | None = None) -> Any:
    """How many wait, for the navigation; nothing if nobody does. Counted no further than is read at a glance.

    `counted`: of the whole office, if it is known; it is of no use to who is limited.
    """
    sight = visibility_for(user)
    count = queries.waiting(sight) if counted is None or sight.is_limited else counted
    # No plain text: the theme takes that for the name of a function.
    return count if count < queries.MOST_COUNTED else gettext_lazy("999+")


def page(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    asked = asked_of(request.GET)
    if request.headers.get("HX-Request"):
        return answer(request, asked)
    desk = read(request, asked)  # first, so that the navigation counts what it found
    _record(request, desk)
    context = {
        **admin.site.each_context(request),
        **_context(request, desk),
        "title": _("Missed callers"),
        "hidden": queries.hidden(visibility_for(request.user)) if asked.show == WAITING else 0,
        "hidden_most": queries.MOST_COUNTED,
    }
    return TemplateResponse(request, "calllogs/callbacks/queue.html", context)


def answer(
    request: HttpRequest, asked: QueueParams | str, *, said: str = "", undo: int | None = None
) -> HttpResponse:
    """The desk alone. What a person has just done is said in it."""
    asked = asked_of(QueryDict(asked)) if isinstance(asked, str) else asked
    desk = read(request, asked)
    if not said and "seen" not in request.GET:
        # A page that looks again every few seconds was recorded when it was opened; a deed leaves its own entry.
        _record(request, desk)
    context = _context(request, desk)
    headers = {"Cache-Control": "no-store"}
    if not said and request.GET.get("seen") == context["version"]:
        return HttpResponse(status=204, headers=headers)
    context |= {"said": said, "undo": undo}
    return TemplateResponse(request, "calllogs/callbacks/queue_body.html", context, headers=headers)


def read(request: HttpRequest, asked: QueueParams) -> QueuePage:
    """Five queries, and some more if there are new calls to read."""
    desk, sight = QueuePage(asked), visibility_for(request.user)
    _level(desk)
    now = timezone.now()
    if asked.show == DONE:
        found = queries.closings(sight, after=asked.after, before=asked.before)
        desk.callers = [entry.caller for entry in found.rows]
        calls = _calls_of(desk.callers, sight)
        desk.rows = [
            presentation.done(entry, calls.get(entry.caller), sight, now=now) for entry in found.rows
        ]
        ends = [str(entry.pk) for entry in found.rows]
    else:
        desk.facets = queries.facets(sight, is_old=asked.show == OLD)
        wanted = asked.wanted(request)
        desk.count = None if asked.problem else queries.counted(desk.facets, wanted)
        found = queries.Page([], False, False) if asked.problem else _callers(asked, wanted)
        desk.callers = [row.caller for row in found.rows]
        claims = actions.claims(desk.callers) if desk.callers else {}
        me = request.user.pk or 0
        desk.rows = [
            presentation.row(row, claims.get(row.caller), sight, me=me, now=now) for row in found.rows
        ]
        ends = [queries.place(row) for row in found.rows]
    if ends and found.has_before:
        desk.older = "?" + asked.query(before=ends[0], after="")
    if ends and found.has_after:
        desk.newer = "?" + asked.query(after=ends[-1], before="")
    return desk


def _record(request: HttpRequest, desk: QueuePage) -> None:
    asked = desk.asked
    filters = [str(getattr(asked, name)) for name in FILTERS if name != "mine" and getattr(asked, name)]
    audit_log.record(
        Action.SAW_LIST,
        request=request,
        what=", ".join([str(_("Missed callers")), str(SHOWN[asked.show]), *filters]),
        count=len(desk.rows),
        callers=desk.callers,
    )


def _callers(asked: QueueParams, wanted: CallbackFilter) -> queries.Page:
    found = queries.callers(wanted, after=asked.after, before=asked.before)
    if not found.rows and (asked.after or asked.before):
        return queries.callers(wanted)  # the page is gone, as those on it were called: the first one then
    return found


def _calls_of(callers: list[str], sight: CallVisibility) -> dict[str, int]:
    rows = sight.calls().filter(caller__in=set(callers)).order_by().values_list("caller")
    return dict(rows.annotate(newest=Max("pk")))


def _level(desk: QueuePage) -> None:
    """Read what came since, so that nobody waits for a worker; but not all, if it is much."""
    try:
        pending = refresh.pending()
        if pending is None:
            return
        if not pending.is_new:
            desk.is_behind = refresh.refresh(most=READ_FIRST)
        elif pending.calls > BUILD_AT_ONCE:
            desk.is_new = True
        else:
            refresh.rebuild()
            refresh.refresh()
    except OperationalError:  # the database is busy: the desk as it was a moment ago is better than none
        desk.is_behind = True


def asked_of(values: Any) -> QueueParams:
    """Filters that make no sense are as if they were not there, but for a search, which is answered in words."""
    given = {name: values.get(name, "").replace("\0", "").strip() for name in KEPT}
    if given["show"] not in SHOWN:
        given["show"] = WAITING
    if given["why"] not in MissReason.values:
        given["why"] = ""
    given["department"], given["number"] = given["department"][:100], given["number"][:40]
    problem = ""
    if given["q"] and (len(given["q"]) > LONGEST_SEARCH or sum(sign.isdigit() for sign in given["q"]) < 3):
        problem = _("Search for a telephone number: at least three digits of it.")
        given["q"] = given["q"][:LONGEST_SEARCH]
    return QueueParams(**given, problem=problem)


def _context(request: HttpRequest, desk: QueuePage) -> dict[str, Any]:
    asked, may_act = desk.asked, request.user.has_perm(ACT)
    shown = [desk.rows, desk.count, desk.older, desk.newer, desk.is_behind, desk.is_new, asked]
    return {
        "desk": desk,
        "asked": asked,
        "notice": visible_filter.search_words(asked.q)
        if asked.q and not visibility_for(request.user).sees_numbers
        else "",
        "version": hashlib.blake2b(repr(shown).encode(), digest_size=8).hexdigest(),
        "look": f"{reverse(f'admin:{DESK}')}?{asked.query()}",
        "back": asked.query(),
        "may_act": may_act,
        "drawn": presentation.render_rows(desk.rows, request, may_act=may_act, back=asked.query())
        if desk.rows and asked.show != DONE
        else "",
        "tabs": [
            (key, words, "?" + QueueParams(show=key).query(), key == asked.show)
            for key, words in SHOWN.items()
        ],
        "choices": _choices(desk),
        "days": settings.MISSED_DAYS,
    }


def _choices(desk: QueuePage) -> dict[str, list[tuple[str, str, int]]]:
    """What can be filtered by, with how many wait there."""
    asked = desk.asked
    found: dict[str, dict[str, int]] = {"department": {}, "number": {}, "why": {}}
    for facet in desk.facets:
        for name, value in (("department", facet.department), ("number", facet.number), ("why", facet.why)):
            if value:
                found[name][value] = found[name].get(value, 0) + facet.count
    for name, values in found.items():
        if chosen := getattr(asked, name):
            values.setdefault(chosen, 0)  # what is gone stays chosen, with nobody in it
    words: dict[str, Any] = {
        "department": str,
        "number": format_national,
        "why": lambda value: MissReason(value).label,
    }
    return {
        name: [(value, str(words[name](value)), count) for value, count in sorted(values.items())]
        for name, values in found.items()
    }
