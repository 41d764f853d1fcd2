"""Which period the home screen is asked for, and the links from it to the calls behind a figure."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calllogs.calls.filters import CUSTOM, NOTHING, CallFilter, period_words
from calllogs.calls.query_params import QueryParams
from calllogs.models import CallLog
from calllogs.statistics.periods import Period

TODAY = "today"
# What can be picked: its name in the address, its words, and how many days it has.
PICKS: dict[str, tuple[Any, int]] = {
    TODAY: (gettext_lazy("Today"), 1),
    "7d": (gettext_lazy("7 days"), 7),
    "30d": (gettext_lazy("30 days"), 30),
    "90d": (gettext_lazy("90 days"), 90),
}
MOST_DAYS = 400
MISSED: dict[str, Any] = {"statuses": (CallLog.Status.MISSED.value,)}  # fields of a filter
FIELDS = {
    "agent": "agents",
    "department": "departments",
    "virtual_number": "virtual_numbers",
    "circle": "circles",
}


@dataclass(frozen=True, slots=True)
class DashboardParams:
    """`pick` is one of PICKS, or "custom". `problems` are sentences about what was not understood."""

    pick: str
    period: Period
    problems: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return period_words(self.period.first_day, self.period.last_day)

    @property
    def first(self) -> dt.date:
        return self.period.first_day

    @property
    def last(self) -> dt.date:
        return self.period.last_day

    def query(self) -> str:
        """As the address of the home screen says it."""
        if self.pick != CUSTOM:
            return urlencode({"period": self.pick})
        return urlencode({"period": CUSTOM, "from": self.first, "to": self.last})


def from_query(
    params: QueryDict | Mapping[str, list[str]], *, now: dt.datetime | None = None
) -> DashboardParams:
    """`period` is one of PICKS or "custom" with `from` and `to`; today, if there is none. Never raises."""
    reading = QueryParams(params)
    pick = reading.one_of("period", {**PICKS, CUSTOM: 0}, _("period"))
    if pick != CUSTOM:
        pick = pick or TODAY
        return DashboardParams(pick, Period.last(PICKS[pick][1], now), tuple(reading.problems))
    first, last = reading.day("from", _("first day")), reading.day("to", _("last day"))
    first, last = first or last, last or first
    if first is None or last is None:
        return DashboardParams(TODAY, Period.today(now), tuple(reading.problems))
    if last < first:
        first, last = last, first
    if (last - first).days >= MOST_DAYS:
        first = last - dt.timedelta(days=MOST_DAYS - 1)
        reading.problem(
            _("A period has %(days)s days at most; these are the last of them.") % {"days": MOST_DAYS}
        )
    return DashboardParams(CUSTOM, Period.days(first, last, now), tuple(reading.problems))


class Links:
    """To the call list, with what is meant in its address; the list counts what the home screen shows.

    `departments`: those whose calls the home screen counts; None is all.
    """

    def __init__(
        self,
        first: dt.date,
        last: dt.date,
        *,
        departments: Collection[str] | None = None,
        address: str = "",
    ) -> None:
        self._list = address or reverse("admin:calllogs_calllog_changelist")
        self._first, self._last, self._departments = first, last, departments

    def on(self, day: dt.date) -> "Links":
        return Links(day, day, departments=self._departments, address=self._list)

    def to(self, **chosen: Any) -> str:
        """Fields of CallFilter."""
        chosen.setdefault("departments", tuple(sorted(self._departments or ())))
        wanted = CallFilter(period=CUSTOM, date_from=self._first, date_to=self._last, **chosen)
        return f"{self._list}?{wanted.query()}"

    def of(self, dimension: str, value: str, **chosen: Any) -> str:
        return self.to(**{FIELDS[dimension]: (value or NOTHING,)}, **chosen)
