"""The portal in numbers: one place that /readyz, /metrics and the home screen read."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, Count, Value

from calllogs import replay
from calllogs.missed import history
from calllogs.models import MissedCaller, MissedHistory, Push
from calllogs.spool import Depth
from settings_sync.models import ProviderSetting
from settings_sync.models.provider import State


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
    waited = MissedHistory.objects.filter(hour=history.hour_of(then)).order_by()
    of_then = waited.values_list(Value("then", CharField())).annotate(n=history.those_of(departments))
    found = dict(first.union(*others, of_then, all=True))
    return Now(
        found.get("settings", 0),
        found.get("pushes", 0),
        found.get("callers", 0),
        found.get("then"),
        replay.spool().depth(),
    )


def readiness() -> dict[str, Any]:
    """What `/readyz` tells beside database and broker."""
    depth = replay.spool().depth()
    return {
        "spool": {"records": depth.records, "bytes": depth.bytes, "damaged": depth.damaged},
        "oldest_due_setting_s": ProviderSetting.objects.oldest_due_age_s(),
        "last_push_age_s": Push.objects.last_age_s(),
    }


def gauges() -> dict[str, tuple[str, dict[str, float]]]:
    """`{name: (what it is, {label: value})}`; the label is empty where there is one value."""
    depth = replay.spool().depth()
    states: dict[str, float] = dict.fromkeys(State.values, 0.0) | dict(
        ProviderSetting.objects.order_by().values_list("state").annotate(Count("id"))
    )
    age = Push.objects.last_age_s()
    found: dict[str, tuple[str, dict[str, float]]] = {
        "ivrportal_spool_records": ("Pushes that wait in the spool.", {"": depth.records}),
        "ivrportal_spool_bytes": ("Size of the spool.", {"": depth.bytes}),
        "ivrportal_spool_damaged": ("Damaged records that were set aside.", {"": depth.damaged}),
        "ivrportal_settings": ("Settings at the provider, by state.", states),
        "ivrportal_oldest_due_setting_seconds": (
            "Age of the oldest change that is not in force.",
            {"": ProviderSetting.objects.oldest_due_age_s() or 0},
        ),
        "ivrportal_pushes_unusable": (
            "Pushes in the inbox that wait to be mended.",
            {"": Push.objects.filter(outcome=Push.Outcome.REJECTED).count()},
        ),
    }
    if age is not None:
        found["ivrportal_last_push_age_seconds"] = ("Seconds since the newest push.", {"": age})
    return found
