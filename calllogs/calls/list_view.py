"""The call list: filters, selectable columns, saved views and keyset pagination.

The URL holds the whole state of the page, so it can be sent to a colleague.
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
from calllogs.calls.count_estimates import EstimatedCount
from calllogs.calls.filters import PERIODS, CallFilter, from_query
from calllogs.calls.pagination import CallPage, PageCursor
from calllogs.formatting import format_duration
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.common.query_timeout import retry_if_cancelled
from settings_sync.models import Agent

PAGE_PARAMETER = "page"
LIST_URL_NAME = "admin:calllogs_calllog_changelist"
ColumnPairs = list[tuple[str, str]]


class CallListMixin:
    """Replaces the changelist of Django's admin in CallLogAdmin."""

    def changelist_view(
        self: Any, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        call_filter = from_query(request.GET)
        if list_columns.REMEMBER_PARAMETER in request.GET:
            list_columns.remember_columns(request)
            return redirect(list_url(call_filter, requested_columns(request)))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Calls"),
            "is_fullwidth": "1",
            "media": self.media,
            **retry_if_cancelled(lambda: _build_context(request, call_filter)),
            **(extra_context or {}),
        }
        calls = context["calls"]
        audit_log.record(
            Action.SAW_LIST,
            request=request,
            what=context["filter_text"],
            count=len(calls),
            callers=[call.caller for call in calls],
        )
        return TemplateResponse(request, "calllogs/calls/list.html", context)

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view(lambda request: saved_views.change_view(request, self))
        return [path("views/", view, name="calllogs_views"), *super().get_urls()]  # type: ignore[misc]


def list_url(call_filter: CallFilter, columns: ColumnPairs, cursor: PageCursor | None = None) -> str:
    """URL of the list with this filter, these columns and this page."""
    page = [(PAGE_PARAMETER, str(cursor))] if cursor and cursor != PageCursor() else []
    query = saved_views.build_query(call_filter, [*columns, *page])
    return f"{reverse(LIST_URL_NAME)}?{query}" if query else reverse(LIST_URL_NAME)


def requested_columns(request: HttpRequest) -> ColumnPairs:
    """Column parameters of the request; empty if it names no column."""
    names = list_columns.known_names(request.GET.getlist(list_columns.PARAMETER))
    return [(list_columns.PARAMETER, name) for name in names]


def _build_context(request: HttpRequest, call_filter: CallFilter) -> dict[str, Any]:
    visibility = visibility_for(request.user)
    cursor = pagination.parse_cursor(request.GET.get(PAGE_PARAMETER, ""))
    page = pagination.load_page(
        visible_filter.visible_filter_for(call_filter, visibility), cursor or PageCursor()
    )
    named_agents = list(Agent.objects.order_by().values_list("number", "name", "department"))
    agents = {number: name for number, name, _department in named_agents}
    departments = {department for _number, _name, department in named_agents if department}
    columns, columns_in_url = list_columns.selected_columns(request), requested_columns(request)
    shared_columns = (
        [(list_columns.PARAMETER, name) for name in columns]
        if columns != list_columns.DEFAULT_COLUMNS
        else []
    )
    problems = [*call_filter.problems]
    if cursor is None:
        problems.append(_("This page's address is not complete. These are the newest calls."))
    return {
        "call_filter": call_filter,
        "problems": problems,
        "notices": [
            *visible_filter.visibility_notices(call_filter, visibility),
            *filter_choices.missing_value_notices(
                call_filter,
                agents=agents,
                departments=departments,
                visibility=visibility,
                is_empty=not page.calls,
            ),
        ],
        "columns": [column for column in list_columns.COLUMNS if column.name in columns],
        "all_columns": [(column, column.name in columns) for column in list_columns.COLUMNS],
        "calls": page.calls,
        "filter_text": call_filter.describe(agents=agents),
        "rows": list_columns.build_rows(page.calls, columns, agents=agents, visibility=visibility),
        "count": format_count(page.count),
        "time_span": _format_time_span(page),
        "stopped_at": page.stopped_at,
        "is_past_last_page": _is_past_last_page(page, cursor),
        "chips": [
            (part.describe(agents=agents), list_url(rest, columns_in_url))
            for part, rest in call_filter.parts()
        ],
        "choices": filter_choices.build_choices(
            call_filter, agents=agents, departments=departments, visibility=visibility
        ),
        "periods": PERIODS.items(),
        "talk_from": format_duration(call_filter.talk_from) if call_filter.talk_from is not None else "",
        "talk_to": format_duration(call_filter.talk_to) if call_filter.talk_to is not None else "",
        "more_count": sum(bool(value) for value in (call_filter.office, call_filter.recording))
        + (call_filter.talk_from is not None or call_filter.talk_to is not None),
        "filter_pairs": parse_qsl(call_filter.query()),
        "column_pairs": columns_in_url,
        "query": call_filter.query(),
        "unfiltered_url": list_url(CallFilter(), columns_in_url),
        "share_url": request.build_absolute_uri(list_url(call_filter, shared_columns)),
        **_page_links(call_filter, columns_in_url, page),
        **saved_views.build_context(request, call_filter, shared_columns),
    }


def _is_past_last_page(page: CallPage, cursor: PageCursor | None) -> bool:
    """True if the cursor points past the last page; an exhausted "search further" does not count."""
    is_inside = cursor is None or cursor.at is None or cursor.is_extended
    return not page.calls and page.stopped_at is None and not is_inside


def _page_links(call_filter: CallFilter, columns_in_url: ColumnPairs, page: CallPage) -> dict[str, str]:
    """URLs of the other pages; empty where there is no page."""

    def url(cursor: PageCursor | None) -> str:
        return list_url(call_filter, columns_in_url, cursor) if cursor else ""

    return {
        "newest_url": url(page.newer and PageCursor()),
        "newer_url": url(page.newer),
        "older_url": url(page.older),
        "oldest_url": url(page.older and PageCursor(is_towards_older=False)),
        "further_url": url(
            next((cursor for cursor in (page.older, page.newer) if cursor and cursor.is_extended), None)
        ),
    }


def format_count(count: EstimatedCount) -> str:
    """`1,234 calls`, `about 4.9 million calls`, `more than 10,000 calls`; empty if unknown."""
    number = count.number
    if number is None:
        return ""
    if count.is_exact:
        return ngettext("%(n)s call", "%(n)s calls", number) % {"n": intcomma(number)}
    if not count.is_estimate:
        return _("more than %(n)s calls") % {"n": intcomma(number)}
    if number >= 1_000_000:
        return _("about %(n)s million calls") % {"n": f"{number / 1_000_000:.1f}"}
    step = 10 ** max(0, len(str(number)) - 2)  # an estimate is shown with two significant digits
    return _("about %(n)s calls") % {"n": intcomma(round(number / step) * step)}


def _format_time_span(page: CallPage) -> str:
    """Start times of the oldest and the newest call of the page."""
    if not page.calls:
        return ""
    first, last = (localtime(call.started_at) for call in (page.calls[-1], page.calls[0]))
    ends = date_format(last, "H:i" if first.date() == last.date() else "j M Y, H:i")
    return _("%(begins)s to %(ends)s") % {"begins": date_format(first, "j M Y, H:i"), "ends": ends}
