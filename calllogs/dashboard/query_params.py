"""Query parameters of the home screen, and links from its figures to the call list."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calllogs.calls.filters import CUSTOM, NO_VALUE, CallFilter, format_date_range
from calllogs.calls.query_params import QueryParams
from calllogs.models import CallLog
from calllogs.statistics.periods import Period

TODAY = "today"
# Periods to choose from: value of the query parameter, (label, number of days).
PERIOD_CHOICES: dict[str, tuple[Any, int]] = {
    TODAY: (gettext_lazy("Today"), 1),
    "7d": (gettext_lazy("7 days"), 7),
    "30d": (gettext_lazy("30 days"), 30),
    "90d": (gettext_lazy("90 days"), 90),
}
MAX_DAYS = 400
MISSED: dict[str, Any] = {"statuses": (CallLog.Status.MISSED.value,)}  # fields of a filter
FILTER_FIELDS = {
    "agent": "agents",
    "department": "departments",
    "virtual_number": "virtual_numbers",
    "circle": "circles",
}


@dataclass(frozen=True, slots=True)
class DashboardParams:
    """`choice` is a key of PERIOD_CHOICES, or "custom". `problems` are texts about invalid parameters."""

    choice: str
    period: Period
    problems: tuple[str, ...] = ()

    @property
    def period_text(self) -> str:
        return format_date_range(self.period.first_day, self.period.last_day)

    @property
    def first(self) -> dt.date:
        return self.period.first_day

    @property
    def last(self) -> dt.date:
        return self.period.last_day

    def query(self) -> str:
        """The query string of this period."""
        if self.choice != CUSTOM:
            return urlencode({"period": self.choice})
        return urlencode({"period": CUSTOM, "from": self.first, "to": self.last})


def parse_params(
    params: QueryDict | Mapping[str, list[str]], *, now: dt.datetime | None = None
) -> DashboardParams:
    """`period` is a key of PERIOD_CHOICES, or "custom" with `from` and `to`; today by default. Never raises."""
    parser = QueryParams(params)
    choice = parser.one_of("period", {**PERIOD_CHOICES, CUSTOM: 0}, _("period"))
    if choice != CUSTOM:
        choice = choice or TODAY
        return DashboardParams(choice, Period.last(PERIOD_CHOICES[choice][1], now), tuple(parser.problems))
    first, last = parser.day("from", _("first day")), parser.day("to", _("last day"))
    first, last = first or last, last or first
    if first is None or last is None:
        return DashboardParams(TODAY, Period.today(now), tuple(parser.problems))
    if last < first:
        first, last = last, first
    if (last - first).days >= MAX_DAYS:
        first = last - dt.timedelta(days=MAX_DAYS - 1)
        parser.add_problem(
            _("A period has %(days)s days at most; these are the last of them.") % {"days": MAX_DAYS}
        )
    return DashboardParams(CUSTOM, Period.days(first, last, now), tuple(parser.problems))


class CallListLinks:
    """Builds links to the call list with filters that match the figures of the home screen.

    `departments`: the departments whose calls the home screen counts; None means all.
    """

    def __init__(
        self,
        first: dt.date,
        last: dt.date,
        *,
        departments: Collection[str] | None = None,
        list_url: str = "",
    ) -> None:
        self._list_url = list_url or reverse("admin:calllogs_calllog_changelist")
        self._first, self._last, self._departments = first, last, departments

    def for_day(self, day: dt.date) -> "CallListLinks":
        return CallListLinks(day, day, departments=self._departments, list_url=self._list_url)

    def url(self, **filters: Any) -> str:
        """Link with these fields of CallFilter."""
        filters.setdefault("departments", tuple(sorted(self._departments or ())))
        call_filter = CallFilter(period=CUSTOM, date_from=self._first, date_to=self._last, **filters)
        return f"{self._list_url}?{call_filter.query()}"

    def value_url(self, dimension: str, value: str, **filters: Any) -> str:
        return self.url(**{FILTER_FIELDS[dimension]: (value or NO_VALUE,)}, **filters)
