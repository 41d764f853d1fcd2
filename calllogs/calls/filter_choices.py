"""What the filters of the call list offer to choose from, and what they name that is not there any more."""

import time
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from calllogs.access.visibility import CallVisibility
from calllogs.calls.filters import NOTHING, CallFilter
from calllogs.models import CallLog
from ivrportal.common.phone import format_national

FIELDS = ("department", "virtual_number", "circle")
NEWEST = 5_000  # calls that are looked at for values that the statistics do not know yet
FRESH_S = 120.0
_COLUMNS = ", ".join(FIELDS)
_ON_POSTGRESQL = f"""SELECT attname::text, unnest(most_common_vals::text::text[]) FROM pg_stats
    WHERE schemaname = current_schema() AND tablename = %s AND attname = ANY(%s)
    UNION SELECT field, value FROM (SELECT {_COLUMNS} FROM calllogs_calllog ORDER BY started_at DESC, id DESC LIMIT %s)
    AS newest, LATERAL (VALUES {", ".join(f"('{field}', {field})" for field in FIELDS)}) AS named (field, value)"""

Known = dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str
    is_chosen: bool


@dataclass
class _Kept:
    """Values change rarely; each process looks for new ones every two minutes."""

    until: float = 0.0
    known: Known | None = None


_kept = _Kept()


def known(*, may_renew: bool = True) -> Known:
    """The values of calls, by field: on PostgreSQL those of its statistics and of the newest calls."""
    if _kept.known is None or (may_renew and time.monotonic() > _kept.until):
        _kept.known, _kept.until = _read(), time.monotonic() + FRESH_S
    return _kept.known


def forget() -> None:
    _kept.known = None


def _read() -> Known:
    found: Known = {field: set() for field in FIELDS}
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_ON_POSTGRESQL, [CallLog._meta.db_table, list(FIELDS), NEWEST])
            for field, value in cursor.fetchall():
                found[field].add(value)
        return found
    # It reads the index of all these through.
    for values in CallLog.objects.order_by().values_list(*FIELDS).distinct():
        for field, value in zip(FIELDS, values, strict=True):
            found[field].add(value)
    return found


def offered(
    wanted: CallFilter, *, agents: dict[str, str], departments: set[str], sight: CallVisibility
) -> dict[str, Any]:
    """For each list of the page its choices; what is chosen is always among them.

    Of departments only the person's own. Numbers and circles are the office's and the country's, and no secret.
    """
    values = known(may_renew=wanted == CallFilter())  # a page that has little else to do
    people = sorted(agents.items(), key=lambda agent: agent[1].casefold())
    return {
        "statuses": [
            Choice(value, str(label), value in wanted.statuses) for value, label in CallLog.Status.choices
        ],
        "agents": _choices(
            [
                *people,
                *((number, format_national(number)) for number in wanted.agents if number not in agents),
            ],
            wanted.agents,
        ),
        "departments": _texts(set(sight.among(values["department"] | departments)), wanted.departments),
        "numbers": _texts(values["virtual_number"], wanted.virtual_numbers, words=format_national),
        "circles": _texts(values["circle"], wanted.circles),
    }


def missing_value_notices(
    wanted: CallFilter,
    *,
    agents: dict[str, str],
    departments: set[str],
    sight: CallVisibility,
    is_empty: bool,
) -> list[str]:
    """A sentence for each thing that the filter names and the portal does not have."""
    sentences = [
        _("%(number)s is no agent here any more; the calls on that number are still found.")
        % {"number": format_national(number)}
        for number in wanted.agents
        if number not in agents and number != NOTHING
    ]
    if not is_empty:
        return sentences
    values = known(may_renew=False)
    named = [
        # Who is limited is told of the limits (`narrowing.told`), not of what else there is.
        (_("department"), sight.among(wanted.departments), values["department"] | departments),
        (_("virtual number"), wanted.virtual_numbers, values["virtual_number"]),
        (_("circle"), wanted.circles, values["circle"]),
    ]
    return sentences + [
        _("No call is known with the %(what)s “%(value)s”. Take it out of the filter, or choose another one.")
        % {"what": what, "value": format_national(value)}
        for what, chosen, there in named
        for value in chosen
        if value not in there and value != NOTHING
    ]


def _texts(values: set[str], chosen: tuple[str, ...], *, words: Any = str) -> list[Choice]:
    there = sorted(
        {value for value in values if value} | {value for value in chosen if value != NOTHING},
        key=str.casefold,
    )
    return _choices([(value, words(value)) for value in there], chosen)


def _choices(pairs: list[tuple[str, str]], chosen: tuple[str, ...]) -> list[Choice]:
    there = [pair for pair in pairs if pair[0] != NOTHING]
    return [
        *(Choice(value, label, value in chosen) for value, label in there),
        Choice(NOTHING, _("None"), NOTHING in chosen),
    ]
