"""The account's gate: rate limit, circuit breaker, pause and stop.

Its state is the one `Circuit` row, changed only under `Circuit.lock`.
"""

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
    """Why nothing may be sent, and for how long.

    `wait_s` is in seconds; None means until a user, a new key or a changed configuration opens the gate.
    `code` is `unconfigured`, `stopped`, `account`, `breaker`, `replaced`, `rate` or `concurrency`.
    """

    wait_s: float | None
    code: str


def is_configured() -> bool:
    return bool(settings.IVR_API_URL and settings.IVR_API_KEY and settings.IVR_CUST_ID)


def credentials_fingerprint() -> str:
    """Return a keyed digest of the credentials: comparable, but it discloses nothing about them."""
    parts = "\0".join([settings.IVR_API_URL, settings.IVR_API_KEY, settings.IVR_CUST_ID])
    return hmac.new(settings.SECRET_KEY.encode(), parts.encode(), hashlib.sha256).hexdigest()


def closed_reason(circuit: Circuit, now: dt.datetime) -> GateClosed | None:
    """Return why nothing may be sent now, or None. Ignores the rate and concurrency limits."""
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
    """Take one slot of the account's rate; return None if taken. The caller holds `Circuit.lock`.

    The first request after an open breaker's time is the probe: it keeps the gate closed to others for one
    lease, and its outcome decides.
    """
    circuit = Circuit.objects.get(pk=Circuit.ONLY)
    if closed := closed_reason(circuit, now):
        return closed
    if circuit.credentials and circuit.credentials != credentials_fingerprint():
        # This process still has the replaced credentials: it would send to the old account and record the
        # setting as in force at the new one.
        return GateClosed(None, "replaced")
    if circuit.next_slot_at and circuit.next_slot_at > now:
        return GateClosed((circuit.next_slot_at - now).total_seconds(), "rate")
    if ProviderSetting.objects.leased(now).count() >= settings.IVR_CONCURRENCY:
        return GateClosed(0.05, "concurrency")
    interval = dt.timedelta(seconds=1 / settings.IVR_RATE_PER_S)
    # The next slot is counted from the one that was due, not from now, so that small delays do not add up.
    # After an idle time it is counted from now: unused slots are not saved up.
    due_at = circuit.next_slot_at
    circuit.next_slot_at = (due_at if due_at and due_at > now - interval else now) + interval
    if circuit.opened_until:
        circuit.opened_until = now + dt.timedelta(seconds=settings.IVR_LEASE_S)
    circuit.save(update_fields=["next_slot_at", "opened_until"])
    return None


def adopt_credentials() -> bool:
    """Store this process's credentials; return True if they replaced others, so that all settings must be resent.

    The caller holds `Circuit.lock` and calls this once per process: an old and a new process that run side by side
    must not keep replacing each other's credentials.
    """
    circuit = Circuit.objects.get(pk=Circuit.ONLY)
    mine, before = credentials_fingerprint(), circuit.credentials
    if mine == before:
        return False
    circuit.credentials = mine
    circuit.paused_reason, circuit.paused_at, circuit.failures, circuit.opened_until = "", None, 0, None
    circuit.save(update_fields=["credentials", "paused_reason", "paused_at", "failures", "opened_until"])
    return bool(before)


def stop(username: str, now: dt.datetime) -> None:
    """Close the gate until somebody starts sending again. The caller holds `Circuit.lock`."""
    Circuit.objects.filter(pk=Circuit.ONLY, stopped_by="").update(stopped_by=username, stopped_at=now)


def start() -> None:
    """Open the gate: clear a stop, an account pause and the breaker."""
    Circuit.objects.filter(pk=Circuit.ONLY).update(
        stopped_by="", stopped_at=None, paused_reason="", paused_at=None, failures=0, opened_until=None
    )


def record_outcome(
    outcome: Outcome, *, credentials: str, now: dt.datetime, retry_after_s: float, reply: str
) -> None:
    """Open or close the gate according to an outcome. The caller holds `Circuit.lock`.

    An outcome under replaced credentials is ignored: it says nothing about the current account.
    """
    action, circuit = ACTIONS[outcome], Circuit.objects.filter(pk=Circuit.ONLY, credentials=credentials)
    if action.counts_as_failure:
        circuit.update(failures=F("failures") + 1)
        circuit.filter(failures__gte=settings.IVR_BREAKER_FAILURES).update(
            opened_until=now + dt.timedelta(seconds=settings.IVR_BREAKER_OPEN_S)
        )
        return
    circuit.update(failures=0, opened_until=None)
    if action.pauses_account:
        circuit.filter(paused_reason="").update(paused_reason=reply or outcome.value, paused_at=now)
    if outcome == Outcome.THROTTLED and retry_after_s:
        circuit.update(next_slot_at=now + dt.timedelta(seconds=retry_after_s))


HELD_STATES = {State.WAITING, State.RETRYING, State.PAUSED}


def displayed_state(setting: ProviderSetting, closed: GateClosed | None) -> State:
    """Return the state to show. A waiting setting is shown as Paused while the gate is closed."""
    state = State(setting.state)
    if state in HELD_STATES:
        return State.PAUSED if closed else (State.WAITING if state == State.PAUSED else state)
    if state == State.IN_FORCE and setting.confirmed != setting.desired:
        return State.WAITING  # never shown as in force without a confirmation of exactly this value
    return state
