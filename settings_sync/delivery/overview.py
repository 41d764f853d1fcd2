"""All settings at a glance: how many stand where, what waits longest, when it goes on."""

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

from settings_sync.delivery import account_status as accounts
from settings_sync.delivery import circuit
from settings_sync.delivery.account_status import Account
from settings_sync.delivery.circuit import GateClosed
from settings_sync.models import ProviderSetting
from settings_sync.models.provider_setting import STATE_LOOK, State

STANDING = "standing"  # the list's parameter, and the tiles'
WAITS_FOR_A_PERSON = (State.REFUSED, State.NEEDS_PERSON, State.WITHDRAWN)


def counts(shut: GateClosed | None) -> Counter[State]:
    """How many settings a person sees in each state; one query."""
    is_told = Case(When(desired=F("confirmed"), then=Value(1)), default=Value(0))
    rows = (
        ProviderSetting.objects.order_by()
        .annotate(is_told=is_told)
        .values("state", "is_told")
        .annotate(n=Count("pk"))
    )
    found: Counter[State] = Counter()
    for row in rows:
        found[_shown(State(row["state"]), is_told=bool(row["is_told"]), shut=shut)] += row["n"]
    return found


def standing(queryset: QuerySet, state: str, shut: GateClosed | None) -> QuerySet:
    """Those settings that a person sees in this state: the filter behind a tile."""
    condition = Q(pk__in=[])
    for stored in State:
        for is_told in (True, False):
            if _shown(stored, is_told=is_told, shut=shut) == state:
                told = Q(desired=F("confirmed"))
                condition |= Q(state=stored) & (told if is_told else ~told)
    return queryset.filter(condition)


def _shown(state: State, *, is_told: bool, shut: GateClosed | None) -> State:
    return circuit.shown_state(
        ProviderSetting(state=state, desired="x", confirmed="x" if is_told else ""), shut
    )


class StandingFilter(admin.SimpleListFilter):
    title = gettext_lazy("where it stands")
    parameter_name = STANDING

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(State.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        state = self.value()
        return standing(queryset, state, accounts.read().shut) if state else queryset


def head(request: HttpRequest, account: Account) -> dict[str, Any]:
    """What the head of the provider's screen says."""
    by_state = counts(account.shut)
    unsent = Q(next_attempt_at__isnull=False) & ~Q(desired=F("confirmed"))
    times = ProviderSetting.objects.aggregate(
        oldest=Min("changed_at", filter=unsent), next_try=Min("next_attempt_at")
    )
    total = by_state.total()
    return {
        "heading": _heading(account),
        "is_on": account.shut is None,
        "can_start": account.shut is not None and account.shut.why in {"stopped", "account", "breaker"},
        "can_stop": not account.circuit.stopped_by,
        "summary": _summary(by_state, total),
        "tiles": _tiles(by_state, total, chosen=request.GET.get(STANDING, "")),
        "oldest": age(times["oldest"], account.now),
        "next_try": _next_try(times["next_try"], account),
        "repaired": account.circuit.repaired,
        "is_moving": times["next_try"] is not None and not (account.shut and account.shut.wait_s is None),
        "total": total,
        "rate": settings.IVR_RATE_PER_S,
    }


def _heading(account: Account) -> str:
    if account.shut is None:
        return _("Sending is on")
    return {
        "unconfigured": _("No provider is set up"),
        "stopped": _("Sending is stopped"),
        "account": _("The provider does not let us in"),
    }.get(account.shut.why, _("The provider is down"))


def _summary(by_state: Counter[State], total: int) -> str:
    if not total:
        return _("There is nothing to send yet. Add agents, holidays or office hours.")
    in_force = by_state[State.IN_FORCE]
    if in_force == total:
        return ngettext(
            "The one setting is in force at the provider.",
            "All %(n)d settings are in force at the provider.",
            total,
        ) % {"n": total}
    for_a_person = sum(by_state[state] for state in WAITS_FOR_A_PERSON)
    words = _("%(n)d of %(total)d settings are in force at the provider.") % {"n": in_force, "total": total}
    if for_a_person:
        words += " " + ngettext(
            "%(n)d needs a person: open it to see what to do.",
            "%(n)d need a person: open them to see what to do.",
            for_a_person,
        ) % {"n": for_a_person}
    return words


def _tiles(by_state: Counter[State], total: int, *, chosen: str) -> list[dict[str, Any]]:
    """All, In force, and whatever else there is; a state that nothing is in would only be noise."""
    tiles: list[dict[str, Any]] = [
        {
            "words": _("All"),
            "count": total,
            "query": "?",
            "colour": "base",
            "icon": "list",
            "is_chosen": not chosen,
        }
    ]
    for state in sorted(State, key=lambda state: state != State.IN_FORCE):
        if by_state[state] or state == State.IN_FORCE or state == chosen:
            colour, icon = STATE_LOOK[state]
            tiles.append(
                {
                    "words": state.label,
                    "count": by_state[state],
                    "query": f"?{STANDING}={state}",
                    "colour": colour,
                    "icon": icon,
                    "is_chosen": state == chosen,
                }
            )
    return tiles


def age(since: dt.datetime | None, now: dt.datetime) -> str:
    """`2 minutes`; empty if there is no such moment."""
    if since is None:
        return ""
    if now - since < dt.timedelta(minutes=1):
        return _("less than a minute")
    return timesince(since, now, depth=1)


def _next_try(at: dt.datetime | None, account: Account) -> str:
    if at is None:
        return ""
    if account.shut and account.shut.wait_s is None:
        return _("when sending starts again")
    if account.shut and account.circuit.opened_until:
        at = max(at, account.circuit.opened_until)
    return accounts.clock(at) if at > account.now else _("now")


def seconds_to_send(requests: int) -> int:
    """How long so many requests take at the account's rate, at least one second."""
    return max(1, round(requests / settings.IVR_RATE_PER_S))


def duration_words(seconds: int) -> str:
    if seconds < 90:
        return ngettext("about %(n)d second", "about %(n)d seconds", seconds) % {"n": seconds}
    minutes = round(seconds / 60)
    return ngettext("about %(n)d minute", "about %(n)d minutes", minutes) % {"n": minutes}
