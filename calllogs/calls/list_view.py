"""The call list: filters, chosen columns, saved views, and pages that are quick at millions of calls.

Everything that is shown stands in the address, so that it can be sent to a colleague.
"""

from typing import Any
from urllib.parse import parse_qsl

from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from calllogs.access.visibility import visibility_for
from calllogs.calls import columns as list_columns
from calllogs.calls import filter_choices, pagination, saved_views, visible_filter
from calllogs.calls.count_estimates import Count
from calllogs.calls.filters import PERIODS, CallFilter, from_query
from calllogs.calls.pagination import Page, PageCursor
from calllogs.formatting import clock_text
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.common.query_timeout import retry_if_cancelled
from settings_sync.models import Agent

PLACE = "page"
LIST = "admin:calllogs_calllog_changelist"
_Pairs = list[tuple[str, str]]


class CallList:
    """The list of CallLogAdmin, in the place of Django's own."""

    def changelist_view(
        self: Any, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        wanted = from_query(request.GET)
        if list_columns.REMEMBER in request.GET:
            list_columns.remember(request)
            return redirect(address(wanted, column_pairs(request)))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Calls"),
            "is_fullwidth": "1",
            "media": self.media,
            **retry_if_cancelled(lambda: _context(request, wanted)),
            **(extra_context or {}),
        }
        seen = context["seen"]
        audit_log.record(
            Action.SAW_LIST,
            request=request,
            what=context["seen_words"],
            count=len(seen),
            callers=[call.caller for call in seen],
        )
        return TemplateResponse(request, "calllogs/calls/list.html", context)

    def get_urls(self: Any) -> list[URLPattern]:
        change = self.admin_site.admin_view(lambda request: saved_views.change(request, self))
        return [path("views/", change, name="calllogs_views"), *super().get_urls()]  # type: ignore[misc]


def address(wanted: CallFilter, columns: _Pairs, place: PageCursor | None = None) -> str:
    """Of the list with this filter, these columns and this page."""
    where = [(PLACE, str(place))] if place and place != PageCursor() else []
    query = saved_views.query_of(wanted, [*columns, *where])
    return f"{reverse(LIST)}?{query}" if query else reverse(LIST)


def column_pairs(request: HttpRequest) -> _Pairs:
    """The columns of the address as they stand there; none if it names none."""
    names = list_columns.named(request.GET.getlist(list_columns.PARAMETER))
    return [(list_columns.PARAMETER, name) for name in names]


def _context(request: HttpRequest, wanted: CallFilter) -> dict[str, Any]:
    place, sight = pagination.cursor_from(request.GET.get(PLACE, "")), visibility_for(request.user)
    page = pagination.read(visible_filter.visible_filter_for(wanted, sight), place or PageCursor())
    known = list(Agent.objects.order_by().values_list("number", "name", "department"))
    agents = {number: name for number, name, _department in known}
    departments = {department for _number, _name, department in known if department}
    columns, pairs = list_columns.selected_columns(request), column_pairs(request)
    sent = [(list_columns.PARAMETER, name) for name in columns] if columns != list_columns.USUAL else []
    problems = [*wanted.problems]
    if place is None:
        problems.append(_("This page's address is not complete. These are the newest calls."))
    return {
        "wanted": wanted,
        "problems": problems,
        "notices": [
            *visible_filter.visibility_notices(wanted, sight),
            *filter_choices.missing_value_notices(
                wanted, agents=agents, departments=departments, sight=sight, is_empty=not page.calls
            ),
        ],
        "columns": [column for column in list_columns.COLUMNS if column.name in columns],
        "all_columns": [(column, column.name in columns) for column in list_columns.COLUMNS],
        "seen": page.calls,
        "seen_words": wanted.words(agents=agents),
        "rows": list_columns.rows(page.calls, columns, agents=agents, sight=sight),
        "count": count_words(page.count),
        "span": _span(page),
        "stopped_at": page.stopped_at,
        "is_beyond": _is_beyond(page, place),
        "chips": [(part.words(agents=agents), address(rest, pairs)) for part, rest in wanted.parts()],
        "choices": filter_choices.offered(wanted, agents=agents, departments=departments, sight=sight),
        "periods": PERIODS.items(),
        "talk_from": clock_text(wanted.talk_from) if wanted.talk_from is not None else "",
        "talk_to": clock_text(wanted.talk_to) if wanted.talk_to is not None else "",
        "more": sum(bool(value) for value in (wanted.office, wanted.recording))
        + (wanted.talk_from is not None or wanted.talk_to is not None),
        "filter_pairs": parse_qsl(wanted.query()),
        "column_pairs": pairs,
        "query": wanted.query(),
        "plain_address": address(CallFilter(), pairs),
        "whole_address": request.build_absolute_uri(address(wanted, sent)),
        **_ways(wanted, pairs, page),
        **saved_views.context(request, wanted, sent),
    }


def _is_beyond(page: Page, place: PageCursor | None) -> bool:
    """An address of a page that is not there; a long search that came to the end in vain is none."""
    is_inside = place is None or place.at is None or place.is_far
    return not page.calls and page.stopped_at is None and not is_inside


def _ways(wanted: CallFilter, pairs: _Pairs, page: Page) -> dict[str, str]:
    """To the other pages; empty where there is nothing."""

    def to(place: PageCursor | None) -> str:
        return address(wanted, pairs, place) if place else ""

    return {
        "newest": to(page.newer and PageCursor()),
        "newer": to(page.newer),
        "older": to(page.older),
        "oldest": to(page.older and PageCursor(is_down=False)),
        "further": to(next((way for way in (page.older, page.newer) if way and way.is_far), None)),
    }


def count_words(count: Count) -> str:
    """`1,234 calls`, `about 4.9 million calls`, `more than 10,000 calls`; empty if nobody knows."""
    number = count.number
    if number is None:
        return ""
    if count.is_exact:
        return ngettext("%(n)s call", "%(n)s calls", number) % {"n": intcomma(number)}
    if not count.is_about:
        return _("more than %(n)s calls") % {"n": intcomma(number)}
    if number >= 1_000_000:
        return _("about %(n)s million calls") % {"n": f"{number / 1_000_000:.1f}"}
    step = 10 ** max(0, len(str(number)) - 2)  # two digits are all that an estimate is worth
    return _("about %(n)s calls") % {"n": intcomma(round(number / step) * step)}


def _span(page: Page) -> str:
    """From when to when the calls of the page are."""
    if not page.calls:
        return ""
    first, last = (localtime(call.started_at) for call in (page.calls[-1], page.calls[0]))
    ends = date_format(last, "H:i" if first.date() == last.date() else "j M Y, H:i")
    return _("%(begins)s to %(ends)s") % {"begins": date_format(first, "j M Y, H:i"), "ends": ends}
