"""Head of the settings list: counts by state, the longest wait and the next attempt."""

import datetime as dt
from collections import Counter
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Case, Count, F, Min, Q, QuerySet, Value, When
from django.http import HttpRequest
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from settings_sync.delivery import account_status, circuit
from settings_sync.delivery.account_status import AccountStatus
from settings_sync.delivery.circuit import GateClosed
from settings_sync.models import ProviderSetting
from settings_sync.models.provider_setting import STATE_STYLES, State

STATE_PARAMETER = "standing"  # query parameter of the list's filter and of the tiles
NEEDS_ATTENTION = (State.REFUSED, State.NEEDS_PERSON, State.WITHDRAWN)


def count_by_state(closed: GateClosed | None) -> Counter[State]:
    """Count the settings in each displayed state; one query."""
    is_confirmed = Case(When(desired=F("confirmed"), then=Value(1)), default=Value(0))
    rows = (
        ProviderSetting.objects.order_by()
        .annotate(is_confirmed=is_confirmed)
        .values("state", "is_confirmed")
        .annotate(n=Count("pk"))
    )
    counts: Counter[State] = Counter()
    for row in rows:
        state = _displayed_state(State(row["state"]), is_confirmed=bool(row["is_confirmed"]), closed=closed)
        counts[state] += row["n"]
    return counts


def filter_by_state(queryset: QuerySet, state: str, closed: GateClosed | None) -> QuerySet:
    """Filter by the displayed state, which depends on the gate and on the confirmed value."""
    condition = Q(pk__in=[])
    for stored in State:
        for is_confirmed in (True, False):
            if _displayed_state(stored, is_confirmed=is_confirmed, closed=closed) == state:
                confirmed = Q(desired=F("confirmed"))
                condition |= Q(state=stored) & (confirmed if is_confirmed else ~confirmed)
    return queryset.filter(condition)


def _displayed_state(state: State, *, is_confirmed: bool, closed: GateClosed | None) -> State:
    return circuit.displayed_state(
        ProviderSetting(state=state, desired="x", confirmed="x" if is_confirmed else ""), closed
    )


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("where it stands")
    parameter_name = STATE_PARAMETER

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(State.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        state = self.value()
        return filter_by_state(queryset, state, account_status.load().closed_reason) if state else queryset


def build_list_head(request: HttpRequest, account: AccountStatus) -> dict[str, Any]:
    """Return the context of `list_head.html`."""
    closed = account.closed_reason
    by_state = count_by_state(closed)
    unsent = Q(next_attempt_at__isnull=False) & ~Q(desired=F("confirmed"))
    times = ProviderSetting.objects.aggregate(
        oldest=Min("changed_at", filter=unsent), next_attempt=Min("next_attempt_at")
    )
    total = by_state.total()
    return {
        "heading": _format_heading(account),
        "is_on": closed is None,
        "can_start": closed is not None and closed.code in {"stopped", "account", "breaker"},
        "can_stop": not account.circuit.stopped_by,
        "summary": _format_summary(by_state, total),
        "tiles": _build_tiles(by_state, total, chosen=request.GET.get(STATE_PARAMETER, "")),
        "oldest": format_age(times["oldest"], account.now),
        "next_attempt": _format_next_attempt(times["next_attempt"], account),
        "repaired": account.circuit.repaired,
        "should_poll": times["next_attempt"] is not None and not (closed and closed.wait_s is None),
        "total": total,
    }


def _format_heading(account: AccountStatus) -> str:
    if account.closed_reason is None:
        return _("Sending is on")
    return {
        "unconfigured": _("No provider is set up"),
        "stopped": _("Sending is stopped"),
        "account": _("The provider does not let us in"),
    }.get(account.closed_reason.code, _("The provider is down"))


def _format_summary(by_state: Counter[State], total: int) -> str:
    if not total:
        return _("There is nothing to send yet. Add agents, holidays or office hours.")
    in_force = by_state[State.IN_FORCE]
    if in_force == total:
        return ngettext(
            "The one setting is in force at the provider.",
            "All %(n)d settings are in force at the provider.",
            total,
        ) % {"n": total}
    needs_attention = sum(by_state[state] for state in NEEDS_ATTENTION)
    text = _("%(n)d of %(total)d settings are in force at the provider.") % {"n": in_force, "total": total}
    if needs_attention:
        text += " " + ngettext(
            "%(n)d needs a person: open it to see what to do.",
            "%(n)d need a person: open them to see what to do.",
            needs_attention,
        ) % {"n": needs_attention}
    return text


def _build_tiles(by_state: Counter[State], total: int, *, chosen: str) -> list[dict[str, Any]]:
    """Return tiles for All, In force, the chosen state, and every other state that has settings."""
    tiles: list[dict[str, Any]] = [
        {
            "label": _("All"),
            "count": total,
            "query": "?",
            "colour": "base",
            "icon": "list",
            "is_chosen": not chosen,
        }
    ]
    for state in sorted(State, key=lambda state: state != State.IN_FORCE):
        if by_state[state] or state == State.IN_FORCE or state == chosen:
            colour, icon = STATE_STYLES[state]
            tiles.append(
                {
                    "label": state.label,
                    "count": by_state[state],
                    "query": f"?{STATE_PARAMETER}={state}",
                    "colour": colour,
                    "icon": icon,
                    "is_chosen": state == chosen,
                }
            )
    return tiles


def format_age(since: dt.datetime | None, now: dt.datetime) -> str:
    """Format a moment's age as `2 minutes`; empty for None."""
    if since is None:
        return ""
    if now - since < dt.timedelta(minutes=1):
        return _("less than a minute")
    return timesince(since, now, depth=1)


def _format_next_attempt(at: dt.datetime | None, account: AccountStatus) -> str:
    if at is None:
        return ""
    if account.closed_reason and account.closed_reason.wait_s is None:
        return _("when sending starts again")
    if account.closed_reason and account.circuit.opened_until:
        at = max(at, account.circuit.opened_until)
    return account_status.format_moment(at) if at > account.now else _("now")


def estimate_seconds(requests: int) -> int:
    """Return how many seconds the requests take at the account's rate, at least 1."""
    return max(1, round(requests / settings.IVR_RATE_PER_S))


def format_duration(seconds: int) -> str:
    if seconds < 90:
        return ngettext("about %(n)d second", "about %(n)d seconds", seconds) % {"n": seconds}
    minutes = round(seconds / 60)
    return ngettext("about %(n)d minute", "about %(n)d minutes", minutes) % {"n": minutes}
