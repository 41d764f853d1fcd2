"""Which calls are meant: the one definition that the list, saved views, exports, reports and the desk share.

A filter is a value. It is read from a query string, applied to calls, said in words, and written as a query string
again: `from_query(QueryDict(wanted.query())) == wanted`. Reading never fails: what is not understood is left out, and
told in `problems`.
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
OFFICE = {
    "in": gettext_lazy("in office hours as set today"),
    "out": gettext_lazy("outside office hours as set today"),
}
RECORDING = {"with": gettext_lazy("with a recording"), "without": gettext_lazy("without a recording")}
NOTHING = "-"  # stands for calls that have no such value; the parser keeps no value that is a dash


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Everything empty means all calls.

    `date_from` and `date_to` are days of the portal's zone, both inclusive, and count only if `period` is "custom".
    Numbers are E.164 where they can be. `talk_from` and `talk_to` are seconds, both inclusive. "-" among several
    values stands for calls without one. `weekday` and `hour` (from 0 to 23) are of the portal's clock.
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
    hides_numbers: bool = (
        False  # for whom the search finds only by what is seen of a number; stands in no address
    )
    problems: tuple[str, ...] = field(default=(), compare=False)

    def days(self, *, now: dt.datetime | None = None) -> tuple[dt.date | None, dt.date | None]:
        """First and last day that are meant, in the portal's zone; None where it is open."""
        today = timezone.localtime(now, timezone.get_default_timezone()).date()
        back = {"today": 0, "yesterday": 1, "7d": 6, "30d": 29, "month": today.day - 1}.get(self.period)
        if back is None:
            return self.date_from, self.date_to
        first = today - dt.timedelta(days=back)
        return first, first if self.period == "yesterday" else today

    def apply(self, calls: QuerySet[CallLog], *, now: dt.datetime | None = None) -> QuerySet[CallLog]:
        """Those of `calls` that are meant; brings no order. Reads the office hours if they matter."""
        return calls.filter(self.condition(now=now))

    def office_condition(self, *, now: dt.datetime | None = None) -> Q:
        """What is meant of office hours, which are read for it; for `condition`, if that is asked for twice."""
        if not self.office:
            return Q()
        first, last = self.days(now=now)
        return office_hours_sql.condition(is_open=self.office == "in", first=first, last=last)

    def condition(
        self, *, now: dt.datetime | None = None, by_index: bool = False, office: Q | None = None
    ) -> Q:
        """The same for `filter`: whoever asks several times about the same calls keeps it.

        `by_index`: few are expected among all calls, so SQLite is shown the way. `office`: `office_condition`'s, if
        it was asked for before.
        """
        first, last = self.days(now=now)
        wanted = Q()
        if first:
            wanted &= Q(started_at__gte=office_hours_sql.midnight(first))
        if last:
            wanted &= Q(started_at__lt=office_hours_sql.midnight(last + dt.timedelta(days=1)))
        for name, values in self._choices():
            if values:
                wanted &= Q((f"{name}__in", ["" if value == NOTHING else value for value in values]))
        if self.recording:
            wanted &= Q(Exact(HAS_RECORDING, int(self.recording == "with")))
        if self.talk_from is not None:
            wanted &= Q(talk_seconds__gte=self.talk_from)
        if self.talk_to is not None:
            wanted &= Q(talk_seconds__lte=self.talk_to)
        if by_index and not self.statuses and (self.talk_from is not None or self.talk_to is not None):
            wanted &= Q(
                status__in=CallLog.Status.values
            )  # the index of talks begins with it; SQLite does not skip
        wanted &= self.office_condition(now=now) if office is None else office
        if self.weekday or self.hour:
            wanted &= office_hours_sql.at_clock(weekday=self.weekday, hour=self.hour, first=first, last=last)
        if not self.q:
            return wanted
        return wanted & search.condition(self.q, by_index=by_index, hides_numbers=self.hides_numbers)

    def words(self, *, now: dt.datetime | None = None, agents: Mapping[str, str] | None = None) -> str:
        """One line that a person reads: `1 to 8 Nov 2026, missed, Sales`. Days are named, so that it stays true.

        `agents`: names by number; looked up if left out.
        """
        return ", ".join(self._words(now, agents)) or _("all calls")

    def query(self) -> str:
        """The canonical query string, without a question mark; empty for all calls."""
        pairs: list[tuple[str, object]] = []
        for name, value in (("period", self.period), ("from", self.date_from), ("to", self.date_to)):
            pairs += [(name, value)] if value else []
        for (_field, values), name in zip(self._choices(), _CHOICE_NAMES, strict=True):
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

    def _choices(self) -> list[tuple[str, tuple[str, ...]]]:
        """Fields of a call, and the values of which it must have one."""
        return [
            ("status", self.statuses),
            ("agent_number", self.agents),
            ("department", self.departments),
            ("virtual_number", self.virtual_numbers),
            ("circle", self.circles),
        ]

    def parts(self) -> list[tuple["CallFilter", "CallFilter"]]:
        """Each thing that is asked for, alone, and the filter without it."""
        nothing = CallFilter()
        whole: list[dict[str, Any]] = [
            {"period": self.period, "date_from": self.date_from, "date_to": self.date_to}
        ]
        whole += [{name: getattr(self, name)} for name in ("office", "weekday", "hour", "recording")]
        whole += [{"talk_from": self.talk_from, "talk_to": self.talk_to}, {"q": self.q}]
        found = [
            (replace(nothing, **fields), replace(self, **{name: getattr(nothing, name) for name in fields}))
            for fields in whole
        ]
        for name in ("statuses", "agents", "departments", "virtual_numbers", "circles"):
            values = getattr(self, name)
            for one in values:
                only: dict[str, Any] = {name: (one,)}
                others: dict[str, Any] = {name: tuple(value for value in values if value != one)}
                found.append((replace(nothing, **only), replace(self, **others)))
        return [(part, rest) for part, rest in found if part != nothing]

    def _words(self, now: dt.datetime | None, agents: Mapping[str, str] | None) -> Iterator[str]:
        first, last = self.days(now=now)
        if first or last:
            yield period_words(first, last)
        if self.statuses:
            yield _either([str(CallLog.Status(status).label).lower() for status in self.statuses])
        if self.agents:
            names = _names(self.agents) if agents is None else agents
            yield _either(
                [names.get(number) or format_national(number) for number in self.agents], _("no agent")
            )
        if self.departments:
            yield _either(self.departments, _("no department"))
        if self.virtual_numbers:
            numbers = _either([format_national(number) for number in self.virtual_numbers], _("no number"))
            yield _("called %(numbers)s") % {"numbers": numbers}
        if self.circles:
            yield _either(self.circles, _("no circle"))
        if self.office:
            yield str(OFFICE[self.office])
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
            yield _talk_words(self.talk_from, self.talk_to)
        if self.q:
            yield _("“%(text)s”") % {"text": self.q}


_CHOICE_NAMES = ("status", "agent", "department", "number", "circle")
NAMES = (
    "period",
    "from",
    "to",
    *_CHOICE_NAMES,
    "office",
    "weekday",
    "hour",
    "recording",
    "talk_from",
    "talk_to",
    "q",
)


def from_query(params: QueryDict | Mapping[str, list[str]]) -> CallFilter:
    """What a query string means, a QueryDict's or a plain mapping of lists. Never raises."""
    reading = QueryParams(params)
    period = reading.one_of("period", PERIODS, _("period"))
    first, last = reading.day("from", _("first day")), reading.day("to", _("last day"))
    if period not in ("", CUSTOM):
        first = last = None
    else:
        period = CUSTOM if first or last else ""
    if first and last and last < first:
        reading.problem(
            _("The period ends before it begins (%(days)s), so no call fits it. Swap the two days.")
            % {"days": period_words(first, last)}
        )
    talk_from, talk_to = (
        reading.seconds("talk_from", _("shortest talk")), reading.seconds("talk_to", _("longest talk"))
    )  # fmt: skip
    if talk_from is not None and talk_to is not None and talk_to < talk_from:
        reading.problem(
            _("The longest talk is shorter than the shortest talk, so no call fits. Swap the two times.")
        )
    return CallFilter(
        period=period,
        date_from=first,
        date_to=last,
        statuses=reading.several("status", _("status"), known=CallLog.Status.values),
        agents=reading.several("agent", _("agent"), canonical=_number),
        departments=reading.several("department", _("department")),
        virtual_numbers=reading.several("number", _("virtual number"), canonical=_number),
        circles=reading.several("circle", _("circle")),
        office=reading.one_of("office", OFFICE, _("office hours")),
        weekday=reading.one_of("weekday", office_hours_sql.ON_WEEKDAYS, _("weekday")),
        hour=reading.one_of("hour", office_hours_sql.HOURS, _("hour")),
        recording=reading.one_of("recording", RECORDING, _("recording")),
        talk_from=talk_from,
        talk_to=talk_to,
        q=reading.search(longest=search.LONGEST),
        problems=tuple(reading.problems),
    )


def _number(text: str) -> str:
    return text if text == NOTHING else to_e164(text) or text


# --- words -----------------------------------------------------------------------------------------------


def period_words(first: dt.date | None, last: dt.date | None) -> str:
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


def _names(numbers: tuple[str, ...]) -> dict[str, str]:
    """Of agents; the field of a telephone number refuses to be asked for what is none."""
    mobiles = [number for number in numbers if to_e164(number)]
    return dict(Agent.objects.filter(number__in=mobiles).values_list("number", "name"))


def _either(values: list[str] | tuple[str, ...], nothing: str = "") -> str:
    return _(" or ").join(nothing if value == NOTHING else value for value in values)


def _talk_words(shortest: int | None, longest: int | None) -> str:
    least, most = (
        None if seconds is None else f"{seconds // 60}:{seconds % 60:02d}" for seconds in (shortest, longest)
    )
    if least is None:
        return _("talk up to %(most)s min") % {"most": most}
    if most is None:
        return _("talk of %(least)s min and more") % {"least": least}
    return _("talk of %(least)s to %(most)s min") % {"least": least, "most": most}
