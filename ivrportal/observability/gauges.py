"""The portal's state in numbers, for /readyz, /metrics and the home screen."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import CharField, Count, Model, Value

from calllogs.callbacks import waiting_history
from calllogs.intake import replay
from calllogs.intake.spool import Depth
from calllogs.models import Export, MissedCaller, MissedHistory, Push
from ivrportal.common.database_clock import database_now
from settings_sync.delivery import circuit
from settings_sync.models import Circuit, ProviderSetting
from settings_sync.models.provider_setting import State

# `{name: (help text, {state: value})}`; the state is empty for a gauge with one value.
Gauges = dict[str, tuple[str, dict[str, float]]]


@dataclass(frozen=True, slots=True)
class CurrentCounts:
    """The current counts on the home screen."""

    settings_not_in_force: int
    unusable_pushes: int
    missed_callers: int
    missed_callers_before: int | None  # at the start of an earlier hour; None if none is recorded
    spool: Depth


def current_counts(departments: Collection[str] | None, *, before: dt.datetime) -> CurrentCounts:
    """One query. Missed callers of `departments` (None is all) are counted now, and at the start of `before`'s hour."""
    callers = MissedCaller.objects.filter(is_old=False)
    if departments is not None:
        callers = callers.filter(department__in=departments)
    sources = [
        ("settings", ProviderSetting.objects.exclude(state=State.IN_FORCE)),
        ("pushes", Push.objects.filter(outcome=Push.Outcome.REJECTED)),
        ("callers", callers),
    ]
    first, *others = (
        rows.order_by().values_list(Value(name, CharField())).annotate(n=Count("*")) for name, rows in sources
    )
    waited = MissedHistory.objects.filter(hour=waiting_history.start_of_hour(before)).order_by()
    counts_before = waited.values_list(Value("before", CharField())).annotate(
        n=waiting_history.sum_waiting(departments)
    )
    found = dict(first.union(*others, counts_before, all=True))
    return CurrentCounts(
        found.get("settings", 0),
        found.get("pushes", 0),
        found.get("callers", 0),
        found.get("before"),
        replay.get_spool().depth(),
    )


def readiness() -> dict[str, float | None]:
    """The part of `/readyz` that needs the database. Raises DatabaseError."""
    return {
        "oldest_due_setting_s": ProviderSetting.objects.oldest_due_age_s(),
        "last_push_age_s": Push.objects.last_age_s(),
    }


def spool_status() -> dict[str, int]:
    """This machine's spool, for `/readyz`."""
    depth = replay.get_spool().depth()
    return {"records": depth.records, "bytes": depth.bytes, "damaged": depth.damaged}


def spool_gauges() -> Gauges:
    """Gauges of this machine's spool. They need no database."""
    depth = replay.get_spool().depth()
    return {
        "ivrportal_spool_records": ("Pushes that wait in the spool.", {"": depth.records}),
        "ivrportal_spool_bytes": ("Size of the spool.", {"": depth.bytes}),
        "ivrportal_spool_oldest_age_seconds": (
            "Age of what waits longest in the spool.",
            {"": depth.oldest_age_s},
        ),
        "ivrportal_spool_damaged": ("Damaged records that were set aside.", {"": depth.damaged}),
    }


def database_gauges() -> Gauges:
    """Gauges that are the same on all machines. Raises DatabaseError."""
    age = Push.objects.last_age_s()
    found: Gauges = {
        "ivrportal_settings": (
            "Settings at the provider, by state.",
            _counts_by_state(State.values, ProviderSetting),
        ),
        "ivrportal_oldest_due_setting_seconds": (
            "Age of the oldest change that is not in force.",
            {"": ProviderSetting.objects.oldest_due_age_s() or 0},
        ),
        "ivrportal_sending": ("1 at what the gate to the provider is now.", _gate_states()),
        "ivrportal_exports": ("Exports, by state.", _counts_by_state(Export.State.values, Export)),
        "ivrportal_pushes_unusable": (
            "Pushes in the inbox that wait to be mended.",
            {"": Push.objects.filter(outcome=Push.Outcome.REJECTED).count()},
        ),
    }
    if age is not None:
        found["ivrportal_last_push_age_seconds"] = ("Seconds since the newest push.", {"": age})
    return found


def _counts_by_state(states: list[str], model: type[Model]) -> dict[str, float]:
    counted = model._default_manager.order_by().values_list("state").annotate(Count("id"))
    return dict.fromkeys(states, 0.0) | dict(counted)


def _gate_states() -> dict[str, float]:
    """1 for the gate's state and 0 for the others.

    A closed gate has a reason: circuit breaker, refused account, stopped by a user, or missing configuration.
    """
    closed = circuit.closed_reason(Circuit.get_solo(), database_now())
    current = closed.code if closed else "open"
    states = ("open", "breaker", "account", "stopped", "unconfigured")
    return {state: float(state == current) for state in states}
