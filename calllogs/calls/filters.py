"""The call filter that the list, saved views, exports, reports and the callback queue share.

A filter is a value object: parsed from a query string, applied to calls, described as text, and written as a query
string again, so that `from_query(QueryDict(f.query())) == f`. Parsing never fails: invalid values are left out and
reported in `problems`.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.db.models.lookups import Exact
from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calllogs.calls import office_hours_sql, search
from calllogs.calls.query_params import QueryParams
from calllogs.models import CallLog
from calllogs.models.call import HAS_RECORDING
from ivrportal.common.phone import format_national, to_e164
from settings_sync.models import Agent

CUSTOM = "custom"
PERIODS = {
    "today": gettext_lazy("Today"),
    "yesterday": gettext_lazy("Yesterday"),
    "7d": gettext_lazy("Last 7 days"),
    "30d": gettext_lazy("Last 30 days"),
    "month": gettext_lazy("This month"),
    CUSTOM: gettext_lazy("From – to"),
}
OFFICE_HOURS = {
    "in": gettext_lazy("in office hours as set today"),
    "out": gettext_lazy("outside office hours as set today"),
}
RECORDING = {"with": gettext_lazy("with a recording"), "without": gettext_lazy("without a recording")}
NO_VALUE = "-"  # selects calls without a value; the push parser never stores a dash as a value


@dataclass(frozen=True, slots=True)
class CallFilter:
    """An empty filter selects all calls.

    `date_from` and `date_to` are days in the portal's zone, both inclusive; they apply only if `period` is "custom".
    Numbers are E.164 where possible. `talk_from` and `talk_to` are seconds, both inclusive. In a tuple, "-" selects
    calls without a value. `weekday` and `hour` (0 to 23) are in the portal's zone.
    """

    period: str = ""
    date_from: dt.date | None = None
    date_to: dt.date | None = None
    statuses: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    virtual_numbers: tuple[str, ...] = ()
    circles: tuple[str, ...] = ()
    office: str = ""
    weekday: str = ""
    hour: str = ""
    recording: str = ""
    talk_from: int | None = None
    talk_to: int | None = None
    q: str = ""
    # The search matches only the visible part of a number. Never part of a query string.
    hides_numbers: bool = False
    problems: tuple[str, ...] = field(default=(), compare=False)

    def days(self, *, now: dt.datetime | None = None) -> tuple[dt.date | None, dt.date | None]:
        """Return the first and last day in the portal's zone; None where the range is open."""
        today = timezone.localtime(now, timezone.get_default_timezone()).date()
        back = {"today": 0, "yesterday": 1, "7d": 6, "30d": 29, "month": today.day - 1}.get(self.period)
        if back is None:
            return self.date_from, self.date_to
        first = today - dt.timedelta(days=back)
        return first, first if self.period == "yesterday" else today

    def apply(self, calls: QuerySet[CallLog], *, now: dt.datetime | None = None) -> QuerySet[CallLog]:
        """Filter `calls`, unordered. Queries the office hours if the filter needs them."""
        return calls.filter(self.condition(now=now))

    def office_condition(self, *, now: dt.datetime | None = None) -> Q:
        """Query the office hours and return their condition, for callers that build `condition` twice."""
        if not self.office:
            return Q()
        first, last = self.days(now=now)
        return office_hours_sql.condition(is_open=self.office == "in", first=first, last=last)

    def condition(
        self, *, now: dt.datetime | None = None, by_index: bool = False, office: Q | None = None
    ) -> Q:
        """Return the filter as a Q object.

        `by_index`: few matches are expected, so SQLite is steered to its indexes. `office`: the result of
        `office_condition`, if the caller already has it.
        """
        first, last = self.days(now=now)
        condition = Q()
        if first:
            condition &= Q(started_at__gte=office_hours_sql.midnight(first))
        if last:
            condition &= Q(started_at__lt=office_hours_sql.midnight(last + dt.timedelta(days=1)))
        for name, values in self._field_values():
            if values:
                condition &= Q((f"{name}__in", ["" if value == NO_VALUE else value for value in values]))
        if self.recording:
            condition &= Q(Exact(HAS_RECORDING, int(self.recording == "with")))
        if self.talk_from is not None:
            condition &= Q(talk_seconds__gte=self.talk_from)
        if self.talk_to is not None:
            condition &= Q(talk_seconds__lte=self.talk_to)
        if by_index and not self.statuses and (self.talk_from is not None or self.talk_to is not None):
            # The talk index starts with the status, and SQLite does not skip-scan.
            condition &= Q(status__in=CallLog.Status.values)
        condition &= self.office_condition(now=now) if office is None else office
        if self.weekday or self.hour:
            condition &= office_hours_sql.clock_condition(
                weekday=self.weekday, hour=self.hour, first=first, last=last
            )
        if not self.q:
            return condition
        return condition & search.condition(self.q, by_index=by_index, hides_numbers=self.hides_numbers)

    def describe(self, *, now: dt.datetime | None = None, agents: Mapping[str, str] | None = None) -> str:
        """Describe the filter in one line: `1 to 8 Nov 2026, missed, Sales`. Dates are absolute.

        `agents`: names by number; queried if left out.
        """
        return ", ".join(self._descriptions(now, agents)) or _("all calls")

    def query(self) -> str:
        """Return the canonical query string without a question mark; empty for all calls."""
        pairs: list[tuple[str, object]] = []
        for name, value in (("period", self.period), ("from", self.date_from), ("to", self.date_to)):
            pairs += [(name, value)] if value else []
        for (_field, values), name in zip(self._field_values(), _CHOICE_PARAMETERS, strict=True):
            pairs += [(name, value) for value in values]
        for name, text in (
            ("office", self.office),
            ("weekday", self.weekday),
            ("hour", self.hour),
            ("recording", self.recording),
        ):
            pairs += [(name, text)] if text else []
        for name, seconds in (("talk_from", self.talk_from), ("talk_to", self.talk_to)):
            pairs += [(name, seconds)] if seconds is not None else []
        return urlencode([*pairs, ("q", self.q)] if self.q else pairs)

    def _field_values(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return (field of CallLog, accepted values) pairs, in the order of `_CHOICE_PARAMETERS`."""
        return [
            ("status", self.statuses),
            ("agent_number", self.agents),
            ("department", self.departments),
            ("virtual_number", self.virtual_numbers),
            ("circle", self.circles),
        ]

    def parts(self) -> list[tuple["CallFilter", "CallFilter"]]:
        """Return, for each condition, a filter with that condition alone and this filter without it."""
        empty = CallFilter()
        whole: list[dict[str, Any]] = [
            {"period": self.period, "date_from": self.date_from, "date_to": self.date_to}
        ]
        whole += [{name: getattr(self, name)} for name in ("office", "weekday", "hour", "recording")]
        whole += [{"talk_from": self.talk_from, "talk_to": self.talk_to}, {"q": self.q}]
        found = [
            (replace(empty, **fields), replace(self, **{name: getattr(empty, name) for name in fields}))
            for fields in whole
        ]
        for name in ("statuses", "agents", "departments", "virtual_numbers", "circles"):
            values = getattr(self, name)
            for one in values:
                only: dict[str, Any] = {name: (one,)}
                others: dict[str, Any] = {name: tuple(value for value in values if value != one)}
                found.append((replace(empty, **only), replace(self, **others)))
        return [(part, rest) for part, rest in found if part != empty]

    def _descriptions(self, now: dt.datetime | None, agents: Mapping[str, str] | None) -> Iterator[str]:
        first, last = self.days(now=now)
        if first or last:
            yield format_date_range(first, last)
        if self.statuses:
            yield _join_alternatives([str(CallLog.Status(status).label).lower() for status in self.statuses])
        if self.agents:
            names = _agent_names(self.agents) if agents is None else agents
            yield _join_alternatives(
                [names.get(number) or format_national(number) for number in self.agents], _("no agent")
            )
        if self.departments:
            yield _join_alternatives(self.departments, _("no department"))
        if self.virtual_numbers:
            numbers = _join_alternatives(
                [format_national(number) for number in self.virtual_numbers], _("no number")
            )
            yield _("called %(numbers)s") % {"numbers": numbers}
        if self.circles:
            yield _join_alternatives(self.circles, _("no circle"))
        if self.office:
            yield str(OFFICE_HOURS[self.office])
        if self.weekday:
            yield str(office_hours_sql.ON_WEEKDAYS[self.weekday])
        if self.hour:
            yield _("from %(begins)s to %(ends)s") % {
                "begins": f"{int(self.hour):02d}:00",
                "ends": f"{int(self.hour) + 1:02d}:00",
            }
        if self.recording:
            yield str(RECORDING[self.recording])
        if self.talk_from is not None or self.talk_to is not None:
            yield _format_talk_range(self.talk_from, self.talk_to)
        if self.q:
            yield _("“%(text)s”") % {"text": self.q}


_CHOICE_PARAMETERS = ("status", "agent", "department", "number", "circle")


def from_query(data: QueryDict | Mapping[str, list[str]]) -> CallFilter:
    """Parse a QueryDict or a plain mapping of lists. Never raises."""
    params = QueryParams(data)
    period = params.one_of("period", PERIODS, _("period"))
    first, last = params.day("from", _("first day")), params.day("to", _("last day"))
    if period not in ("", CUSTOM):
        first = last = None
    else:
        period = CUSTOM if first or last else ""
    if first and last and last < first:
        params.add_problem(
            _("The period ends before it begins (%(days)s), so no call fits it. Swap the two days.")
            % {"days": format_date_range(first, last)}
        )
    talk_from, talk_to = (
        params.seconds("talk_from", _("shortest talk")), params.seconds("talk_to", _("longest talk"))
    )  # fmt: skip
    if talk_from is not None and talk_to is not None and talk_to < talk_from:
        params.add_problem(
            _("The longest talk is shorter than the shortest talk, so no call fits. Swap the two times.")
        )
    return CallFilter(
        period=period,
        date_from=first,
        date_to=last,
        statuses=params.several("status", _("status"), known=CallLog.Status.values),
        agents=params.several("agent", _("agent"), canonical=_canonical_number),
        departments=params.several("department", _("department")),
        virtual_numbers=params.several("number", _("virtual number"), canonical=_canonical_number),
        circles=params.several("circle", _("circle")),
        office=params.one_of("office", OFFICE_HOURS, _("office hours")),
        weekday=params.one_of("weekday", office_hours_sql.ON_WEEKDAYS, _("weekday")),
        hour=params.one_of("hour", office_hours_sql.HOURS, _("hour")),
        recording=params.one_of("recording", RECORDING, _("recording")),
        talk_from=talk_from,
        talk_to=talk_to,
        q=params.search(longest=search.LONGEST_SEARCH),
        problems=tuple(params.problems),
    )


def _canonical_number(text: str) -> str:
    return text if text == NO_VALUE else to_e164(text) or text


# --- descriptions ----------------------------------------------------------------------------------------


def format_date_range(first: dt.date | None, last: dt.date | None) -> str:
    """`8 Nov 2026`, `1 to 8 Nov 2026`, `30 Oct to 8 Nov 2026`, `since 1 Nov 2026`."""
    if first is None:
        return _("until %(day)s") % {"day": date_format(last, "j M Y")} if last else ""
    if last is None:
        return _("since %(day)s") % {"day": date_format(first, "j M Y")}
    if first == last:
        return date_format(first, "j M Y")
    same_year = first.year == last.year
    begins = "j" if same_year and first.month == last.month else "j M" if same_year else "j M Y"
    return _("%(first)s to %(last)s") % {
        "first": date_format(first, begins),
        "last": date_format(last, "j M Y"),
    }


def _agent_names(numbers: tuple[str, ...]) -> dict[str, str]:
    """Agent names by number; skips values that PhoneField would reject."""
    mobiles = [number for number in numbers if to_e164(number)]
    return dict(Agent.objects.filter(number__in=mobiles).values_list("number", "name"))


def _join_alternatives(values: list[str] | tuple[str, ...], nothing: str = "") -> str:
    return _(" or ").join(nothing if value == NO_VALUE else value for value in values)


def _format_talk_range(shortest: int | None, longest: int | None) -> str:
    least, most = (
        None if seconds is None else f"{seconds // 60}:{seconds % 60:02d}" for seconds in (shortest, longest)
    )
    if least is None:
        return _("talk up to %(most)s min") % {"most": most}
    if most is None:
        return _("talk of %(least)s min and more") % {"least": least}
    return _("talk of %(least)s to %(most)s min") % {"least": least, "most": most}
