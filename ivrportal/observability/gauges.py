"""The portal in numbers: one place that /readyz, /metrics and the home screen read."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import CharField, Count, Model, Value

from calllogs.callbacks import hourly_counts
from calllogs.intake import replay
from calllogs.intake.spool import Depth
from calllogs.models import Export, MissedCaller, MissedHistory, Push
from ivrportal.common.database_clock import database_now
from settings_sync.delivery import circuit
from settings_sync.models import Circuit, ProviderSetting
from settings_sync.models.provider_setting import State

# `{name: (what it is, {state: value})}`; the state is empty where there is one value.
Gauges = dict[str, tuple[str, dict[str, float]]]


@dataclass(frozen=True, slots=True)
class Now:
    """How things stand at this moment, for the home screen."""

    settings_not_in_force: int
    unusable_pushes: int
    missed_callers: int
    missed_callers_then: int | None  # when the hour of a moment before began; None if nobody counted then
    spool: Depth


def now(departments: Collection[str] | None, *, then: dt.datetime) -> Now:
    """One query. `departments`: those whose missed callers count, now and `then`; None is all."""
    callers = MissedCaller.objects.filter(is_old=False)
    if departments is not None:
        callers = callers.filter(department__in=departments)
    counted = [
        ("settings", ProviderSetting.objects.exclude(state=State.IN_FORCE)),
        ("pushes", Push.objects.filter(outcome=Push.Outcome.REJECTED)),
        ("callers", callers),
    ]
    first, *others = (
        rows.order_by().values_list(Value(name, CharField())).annotate(n=Count("*")) for name, rows in counted
    )
    waited = MissedHistory.objects.filter(hour=hourly_counts.hour_of(then)).order_by()
    of_then = waited.values_list(Value("then", CharField())).annotate(n=hourly_counts.those_of(departments))
    found = dict(first.union(*others, of_then, all=True))
    return Now(
        found.get("settings", 0),
        found.get("pushes", 0),
        found.get("callers", 0),
        found.get("then"),
        replay.spool().depth(),
    )


def readiness() -> dict[str, float | None]:
    """What `/readyz` tells of the database. Raises DatabaseError."""
    return {
        "oldest_due_setting_s": ProviderSetting.objects.oldest_due_age_s(),
        "last_push_age_s": Push.objects.last_age_s(),
    }


def spool() -> dict[str, int]:
    """What `/readyz` tells of this machine's spool."""
    depth = replay.spool().depth()
    return {"records": depth.records, "bytes": depth.bytes, "damaged": depth.damaged}


def of_disk() -> Gauges:
    """What is known without the database: the spool of this machine."""
    depth = replay.spool().depth()
    return {
        "ivrportal_spool_records": ("Pushes that wait in the spool.", {"": depth.records}),
        "ivrportal_spool_bytes": ("Size of the spool.", {"": depth.bytes}),
        "ivrportal_spool_oldest_age_seconds": (
            "Age of what waits longest in the spool.",
            {"": depth.oldest_age_s},
        ),
        "ivrportal_spool_damaged": ("Damaged records that were set aside.", {"": depth.damaged}),
    }


def of_database() -> Gauges:
    """What all machines share. Raises DatabaseError."""
    age = Push.objects.last_age_s()
    found: Gauges = {
        "ivrportal_settings": (
            "Settings at the provider, by state.",
            _by_state(State.values, ProviderSetting),
        ),
        "ivrportal_oldest_due_setting_seconds": (
            "Age of the oldest change that is not in force.",
            {"": ProviderSetting.objects.oldest_due_age_s() or 0},
        ),
        "ivrportal_sending": ("1 at what the gate to the provider is now.", _gate()),
        "ivrportal_exports": ("Exports, by state.", _by_state(Export.State.values, Export)),
        "ivrportal_pushes_unusable": (
            "Pushes in the inbox that wait to be mended.",
            {"": Push.objects.filter(outcome=Push.Outcome.REJECTED).count()},
        ),
    }
    if age is not None:
        found["ivrportal_last_push_age_seconds"] = ("Seconds since the newest push.", {"": age})
    return found


def _by_state(states: list[str], model: type[Model]) -> dict[str, float]:
    counted = model._default_manager.order_by().values_list("state").annotate(Count("id"))
    return dict.fromkeys(states, 0.0) | dict(counted)


def _gate() -> dict[str, float]:
    """`open`, or why it is shut: the breaker, a refused account, a person, or nothing to send with."""
    shut = circuit.closed_reason(Circuit.only(), database_now())
    words = ("open", "breaker", "account", "stopped", "unconfigured")
    return {word: float(word == (shut.why if shut else "open")) for word in words}
