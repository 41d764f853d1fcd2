"""The account's gate: rate, breaker, pause, stop. One row, changed only inside a turn (`Circuit.take_turn`)."""

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings
from django.db.models import F

from settings_sync.delivery.outcomes import ACTIONS, Outcome
from settings_sync.models import Circuit, ProviderSetting
from settings_sync.models.provider_setting import State


@dataclass(frozen=True, slots=True)
class GateClosed:
    """The gate is shut for `wait_s` seconds; None: until a person, a new key or a new setting opens it."""

    wait_s: float | None
    why: str


def is_configured() -> bool:
    return bool(settings.IVR_API_URL and settings.IVR_API_KEY and settings.IVR_CUST_ID)


def fingerprint() -> str:
    """Tells one set of credentials from another, and nothing else about them."""
    parts = "\0".join([settings.IVR_API_URL, settings.IVR_API_KEY, settings.IVR_CUST_ID])
    return hmac.new(settings.SECRET_KEY.encode(), parts.encode(), hashlib.sha256).hexdigest()


def closed_reason(circuit: Circuit, now: dt.datetime) -> GateClosed | None:
    """Why nothing may be sent now, rate and concurrency aside; None if it may."""
    if not is_configured():
        return GateClosed(None, "unconfigured")
    if circuit.stopped_by:
        return GateClosed(None, "stopped")
    if circuit.paused_reason:
        return GateClosed(None, "account")
    if circuit.opened_until and circuit.opened_until > now:
        return GateClosed((circuit.opened_until - now).total_seconds(), "breaker")
    return None


def acquire_slot(now: dt.datetime) -> GateClosed | None:
    """Take one slot of the account's rate; None if taken. The caller holds the turn.

    With the breaker open, the first to come after its time is the probe: it shuts the gate behind itself for
    one lease, and its outcome decides.
    """
    circuit = Circuit.objects.get(pk=Circuit.ONLY)
    if shut := closed_reason(circuit, now):
        return shut
    if circuit.credentials and circuit.credentials != fingerprint():
        # This process still has what was replaced: it would tell another account, and call that in force here.
        return GateClosed(None, "replaced")
    if circuit.next_slot_at and circuit.next_slot_at > now:
        return GateClosed((circuit.next_slot_at - now).total_seconds(), "rate")
    if ProviderSetting.objects.leased(now).count() >= settings.IVR_CONCURRENCY:
        return GateClosed(0.05, "concurrency")
    interval = dt.timedelta(seconds=1 / settings.IVR_RATE_PER_S)
    # Counted from the slot that was due, not from now, so that small delays do not add up; but a gate that
    # stood unused saves nothing up.
    was_due = circuit.next_slot_at
    circuit.next_slot_at = (was_due if was_due and was_due > now - interval else now) + interval
    if circuit.opened_until:
        circuit.opened_until = now + dt.timedelta(seconds=settings.IVR_LEASE_S)
    circuit.save(update_fields=["next_slot_at", "opened_until"])
    return None


def adopt_credentials() -> bool:
    """Take over this process's credentials; True if the account has changed, so that all must be asserted again.

    The caller holds the turn, and asks once in its life: while an old process still runs beside a new one, the two
    must not hand the account back and forth.
    """
    circuit = Circuit.objects.get(pk=Circuit.ONLY)
    mine, before = fingerprint(), circuit.credentials
    if mine == before:
        return False
    circuit.credentials = mine
    circuit.paused_reason, circuit.paused_at, circuit.failures, circuit.opened_until = "", None, 0, None
    circuit.save(update_fields=["credentials", "paused_reason", "paused_at", "failures", "opened_until"])
    return bool(before)


def stop(who: str, now: dt.datetime) -> None:
    """Send nothing until somebody starts again. The caller holds the turn."""
    Circuit.objects.filter(pk=Circuit.ONLY, stopped_by="").update(stopped_by=who, stopped_at=now)


def start() -> None:
    """Open the gate again: what a person stopped, what the account was paused for, and the breaker."""
    Circuit.objects.filter(pk=Circuit.ONLY).update(
        stopped_by="", stopped_at=None, paused_reason="", paused_at=None, failures=0, opened_until=None
    )


def record_outcome(
    outcome: Outcome, *, credentials: str, now: dt.datetime, retry_after_s: float, reply: str
) -> None:
    """Let an outcome open or close the gate. The caller holds the turn.

    An answer to credentials that have been replaced meanwhile says nothing about the account of now.
    """
    action, circuit = ACTIONS[outcome], Circuit.objects.filter(pk=Circuit.ONLY, credentials=credentials)
    if action.breaks:
        circuit.update(failures=F("failures") + 1)
        circuit.filter(failures__gte=settings.IVR_BREAKER_FAILURES).update(
            opened_until=now + dt.timedelta(seconds=settings.IVR_BREAKER_OPEN_S)
        )
        return
    circuit.update(failures=0, opened_until=None)
    if action.pauses:
        circuit.filter(paused_reason="").update(paused_reason=reply or outcome.value, paused_at=now)
    if outcome == Outcome.THROTTLED and retry_after_s:
        circuit.update(next_slot_at=now + dt.timedelta(seconds=retry_after_s))


HELD = {State.WAITING, State.RETRYING, State.PAUSED}


def shown_state(setting: ProviderSetting, shut: GateClosed | None) -> State:
    """The state as a person should see it: what waits behind a shut gate is Paused, whatever its row says."""
    state = State(setting.state)
    if state in HELD:
        return State.PAUSED if shut else (State.WAITING if state == State.PAUSED else state)
    if state == State.IN_FORCE and setting.confirmed != setting.desired:
        return State.WAITING  # never “in force” for a value that was not confirmed
    return state
