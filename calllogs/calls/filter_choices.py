"""Choices of the call list's filters, and notices about filter values that no longer exist."""

import time
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from calllogs.access.visibility import CallVisibility
from calllogs.calls.filters import NO_VALUE, CallFilter
from calllogs.models import CallLog
from ivrportal.common.phone import format_national

FIELDS = ("department", "virtual_number", "circle")
NEWEST_CALLS = 5_000  # newest calls that are read for values missing in the statistics
FRESH_S = 120.0
_COLUMNS = ", ".join(FIELDS)
_ON_POSTGRESQL = f"""SELECT attname::text, unnest(most_common_vals::text::text[]) FROM pg_stats
    WHERE schemaname = current_schema() AND tablename = %s AND attname = ANY(%s)
    UNION SELECT field, value FROM (SELECT {_COLUMNS} FROM calllogs_calllog ORDER BY started_at DESC, id DESC LIMIT %s)
    AS newest, LATERAL (VALUES {", ".join(f"('{field}', {field})" for field in FIELDS)}) AS named (field, value)"""

KnownValues = dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class FilterChoice:
    value: str
    label: str
    is_selected: bool


@dataclass
class _ValueCache:
    """Values change rarely, so each process loads them at most every FRESH_S seconds."""

    until: float = 0.0
    known: KnownValues | None = None


_value_cache = _ValueCache()


def known_values(*, may_refresh: bool = True) -> KnownValues:
    """Return the values of all calls by field; on PostgreSQL those in its statistics and in the newest calls."""
    if _value_cache.known is None or (may_refresh and time.monotonic() > _value_cache.until):
        _value_cache.known, _value_cache.until = _load_values(), time.monotonic() + FRESH_S
    return _value_cache.known


def clear_cache() -> None:
    _value_cache.known = None


def _load_values() -> KnownValues:
    found: KnownValues = {field: set() for field in FIELDS}
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_ON_POSTGRESQL, [CallLog._meta.db_table, list(FIELDS), NEWEST_CALLS])
            for field, value in cursor.fetchall():
                found[field].add(value)
        return found
    # SQLite scans the index of these fields.
    for values in CallLog.objects.order_by().values_list(*FIELDS).distinct():
        for field, value in zip(FIELDS, values, strict=True):
            found[field].add(value)
    return found


def build_choices(
    call_filter: CallFilter, *, agents: dict[str, str], departments: set[str], visibility: CallVisibility
) -> dict[str, Any]:
    """Return the choices of each filter; selected values are always among them.

    Only departments are limited to what the user may see. Virtual numbers and circles are not secret.
    """
    values = known_values(
        may_refresh=call_filter == CallFilter()
    )  # the unfiltered page has time to load them
    named_agents = sorted(agents.items(), key=lambda agent: agent[1].casefold())
    return {
        "statuses": [
            FilterChoice(value, str(label), value in call_filter.statuses)
            for value, label in CallLog.Status.choices
        ],
        "agents": _choices(
            [
                *named_agents,
                *((number, format_national(number)) for number in call_filter.agents if number not in agents),
            ],
            call_filter.agents,
        ),
        "departments": _text_choices(
            set(visibility.filter_departments(values["department"] | departments)), call_filter.departments
        ),
        "numbers": _text_choices(
            values["virtual_number"], call_filter.virtual_numbers, label=format_national
        ),
        "circles": _text_choices(values["circle"], call_filter.circles),
    }


def missing_value_notices(
    call_filter: CallFilter,
    *,
    agents: dict[str, str],
    departments: set[str],
    visibility: CallVisibility,
    is_empty: bool,
) -> list[str]:
    """Return a sentence for each filter value that does not exist in the portal."""
    notices = [
        _("%(number)s is no agent here any more; the calls on that number are still found.")
        % {"number": format_national(number)}
        for number in call_filter.agents
        if number not in agents and number != NO_VALUE
    ]
    if not is_empty:
        return notices
    values = known_values(may_refresh=False)
    checked = [
        # A limited user is told of the limits (`visible_filter.visibility_notices`), not of other departments.
        (
            _("department"),
            visibility.filter_departments(call_filter.departments),
            values["department"] | departments,
        ),
        (_("virtual number"), call_filter.virtual_numbers, values["virtual_number"]),
        (_("circle"), call_filter.circles, values["circle"]),
    ]
    return notices + [
        _("No call is known with the %(what)s “%(value)s”. Take it out of the filter, or choose another one.")
        % {"what": what, "value": format_national(value)}
        for what, selected, existing in checked
        for value in selected
        if value not in existing and value != NO_VALUE
    ]


def _text_choices(values: set[str], selected: tuple[str, ...], *, label: Any = str) -> list[FilterChoice]:
    existing = sorted(
        {value for value in values if value} | {value for value in selected if value != NO_VALUE},
        key=str.casefold,
    )
    return _choices([(value, label(value)) for value in existing], selected)


def _choices(pairs: list[tuple[str, str]], selected: tuple[str, ...]) -> list[FilterChoice]:
    existing = [pair for pair in pairs if pair[0] != NO_VALUE]
    return [
        *(FilterChoice(value, label, value in selected) for value, label in existing),
        FilterChoice(NO_VALUE, _("None"), NO_VALUE in selected),
    ]
