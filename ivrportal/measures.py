"""The portal in numbers: one place that /readyz, /metrics and the home screen read."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from calllogs import replay
from calllogs.models import CallLog, Push
from calllogs.spool import Depth
from settings_sync.models import Agent, ProviderSetting
from settings_sync.models.provider import State


@dataclass(frozen=True, slots=True)
class Today:
    """The home screen's figures, for the day so far in the portal's zone."""

    calls: int
    answered: int
    missed: int
    agents: int
    agents_available: int
    settings_not_in_force: int
    unusable_pushes: int
    spool: Depth


def today() -> Today:
    calls = CallLog.objects.filter(started_at__gte=_midnight()).aggregate(
        calls=Count("id"),
        answered=Count("id", filter=Q(status=CallLog.Status.ANSWERED)),
        missed=Count("id", filter=Q(status__in=[CallLog.Status.MISSED, CallLog.Status.DROPPED])),
    )
    agents = Agent.objects.aggregate(
        agents=Count("id"), agents_available=Count("id", filter=Q(availability=Agent.Availability.AVAIL))
    )
    return Today(
        **calls,
        **agents,
        settings_not_in_force=ProviderSetting.objects.exclude(state=State.IN_FORCE).count(),
        unusable_pushes=Push.objects.filter(outcome=Push.Outcome.REJECTED).count(),
        spool=replay.spool().depth(),
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


def _midnight() -> dt.datetime:
    now = timezone.localtime(timezone=timezone.get_default_timezone())
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
