"""The delivery worker: claims a due setting, sends the request, records the result.

Claim and result are two short transactions; no transaction is open during the request. A claim is a lease stored in the
row, a result is recorded only under its own lease, and all times come from the database's clock.
"""

import datetime as dt
import random
import secrets
import time
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce

from ivrportal.common import metrics
from ivrportal.common.database_clock import database_now
from settings_sync import setting_address
from settings_sync.delivery import circuit, client, outcomes, reconcile, wire_format
from settings_sync.delivery.outcomes import NextTry, Outcome
from settings_sync.models import Attempt, Circuit, ProviderSetting
from settings_sync.models.provider_setting import State


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease on one setting, and the value to send."""

    setting_id: int
    address: str
    value: str
    generation: int
    token: str
    started_at: dt.datetime
    credentials: str = field(repr=False)
    usable_until: float  # monotonic clock of this process; a request started later could outlast the lease


@dataclass(frozen=True, slots=True)
class RequestResult:
    outcome: Outcome
    duration_ms: int
    status: int | None = None
    reply: str = ""
    retry_after_s: float = 0.0


def deliver_due(*, prefer: int | None = None, budget_s: float) -> bool:
    """Deliver what is due, `prefer` first; start no request after `budget_s` seconds. Returns True if more is due."""
    until = time.monotonic() + budget_s
    while True:
        claimed = claim(prefer=prefer)
        if isinstance(claimed, Claim):
            prefer = None
            record_result(claimed, send_request(claimed))
            if time.monotonic() >= until:
                return True
        elif claimed is None or claimed.wait_s is None:
            return False
        elif time.monotonic() + claimed.wait_s > until:
            return claimed.code in {"rate", "concurrency"}
        else:
            time.sleep(claimed.wait_s)


def claim(*, prefer: int | None = None) -> Claim | circuit.GateClosed | None:
    """Lease the next due setting. Returns None if nothing is due, GateClosed if it may not be sent now."""
    _adopt_credentials_once()
    if not ProviderSetting.objects.due(database_now()).exists():
        return None
    # Measured before the lease is granted, because its commit may take long.
    usable_until = time.monotonic() + settings.IVR_LEASE_S - settings.IVR_DEADLINE_S
    with transaction.atomic():
        Circuit.lock()
        now = database_now()
        due = ProviderSetting.objects.due(now)
        setting = (due.filter(pk=prefer).first() if prefer else None) or due.first()
        if setting is None:
            return None
        if closed := circuit.acquire_slot(now):
            return closed
        _release_expired(setting.lane, now)
        return _lease(setting.pk, now, usable_until)


_adopted: set[str] = set()


def _adopt_credentials_once() -> None:
    """Resend everything after a change of key or customer id: the new account has none of the settings."""
    fingerprint = circuit.credentials_fingerprint()
    if fingerprint in _adopted or not circuit.is_configured():
        return
    with transaction.atomic():
        Circuit.lock()
        if circuit.adopt_credentials():
            reconcile.resend_all()
    _adopted.add(fingerprint)


def _release_expired(lane: str, now: dt.datetime) -> None:
    """Release the expired leases of a lane. Their worker died: its request may have been sent and may still act."""
    expired = ProviderSetting.objects.filter(lane=lane, lease_until__lte=now)
    had_daily = expired.filter(address=setting_address.DAILY).exists()
    if had_daily:
        reconcile.mark_week_unconfirmed(now)
    expired.update(
        lease_token=None,
        lease_until=None,
        state=State.UNSURE,
        reassert_after=now + dt.timedelta(seconds=settings.IVR_SETTLE_S),
        next_attempt_at=Coalesce("next_attempt_at", now),
    )
    if had_daily:
        reconcile.delete_dropped_daily()


def _lease(setting_id: int, now: dt.datetime, usable_until: float) -> Claim | None:
    token = secrets.token_hex(16)
    leased = ProviderSetting.objects.filter(pk=setting_id, lease_token=None, next_attempt_at__lte=now).update(
        lease_token=token,
        lease_until=now + dt.timedelta(seconds=settings.IVR_LEASE_S),
        state=State.SENDING,
        first_sent_at=Coalesce("first_sent_at", now),
    )
    if not leased:
        return None
    setting = ProviderSetting.objects.get(pk=setting_id)
    claimed = Claim(
        setting.pk,
        setting.address,
        setting.desired,
        setting.generation,
        token,
        now,
        circuit.credentials_fingerprint(),
        usable_until,
    )
    Attempt.objects.create(
        setting_id=setting.pk,
        address=setting.address,
        value=setting.desired,
        generation=setting.generation,
        trigger=_attempt_trigger(setting),
        token=token,
        started_at=now,
    )
    return claimed


def _attempt_trigger(setting: ProviderSetting) -> str:
    if setting.attempts:
        return "retry"
    if setting.reassert_after and setting.generation == setting.confirmed_generation:
        return "check"
    return setting.trigger


def send_request(claimed: Claim) -> RequestResult:
    """Send the request of a claim. The caller has no transaction open."""
    account = client.ProviderAccount(settings.IVR_API_URL, settings.IVR_API_KEY, settings.IVR_CUST_ID)
    started = time.monotonic()

    def result(
        outcome: Outcome, reply: str, status: int | None = None, retry_after_s: float = 0.0
    ) -> RequestResult:
        duration_ms = round((time.monotonic() - started) * 1000)
        return RequestResult(outcome, duration_ms, status, scrub_reply(reply), retry_after_s)

    if started > claimed.usable_until:
        return result(Outcome.NOT_SENT, "This process was held up for too long to send it.")
    try:
        answer = client.send(
            account,
            wire_format.build_parameters(
                claimed.address, claimed.value, number_format=settings.IVR_AGENT_NUMBER_FORMAT
            ),
            connect_s=settings.IVR_CONNECT_S,
            deadline_s=settings.IVR_DEADLINE_S,
        )
    except client.NotSent as error:
        return result(Outcome.NOT_SENT, str(error))
    except client.NoAnswer as error:
        return result(Outcome.UNKNOWN, str(error))
    except client.Misconfigured as error:
        return result(Outcome.CONFIG, str(error))
    return result(outcomes.classify(answer), answer.body, answer.status, answer.retry_after_s or 0.0)


def scrub_reply(reply: str) -> str:
    """Return the reply as one printable line of at most 300 characters, without our key and customer id."""
    for secret in (settings.IVR_API_KEY, settings.IVR_CUST_ID):
        if secret:
            reply = reply.replace(secret, "[secret]")
    return " ".join("".join(char if char.isprintable() else " " for char in reply).split())[:300]


def record_result(claimed: Claim, result: RequestResult) -> bool:
    """Record the result of a request. Returns False if the lease was lost: then only the attempt is updated."""
    metrics.count("ivrportal_attempts", result.outcome)
    metrics.observe("ivrportal_attempt_seconds", result.duration_ms / 1000)
    with transaction.atomic():
        Circuit.lock()
        now = database_now()
        Attempt.objects.filter(token=claimed.token).update(
            outcome=result.outcome,
            duration_ms=result.duration_ms,
            http_status=result.status,
            reply=result.reply,
        )
        retry_after_s = min(result.retry_after_s, settings.IVR_BACKOFF_CAP_S)
        circuit.record_outcome(
            result.outcome,
            credentials=claimed.credentials,
            now=now,
            retry_after_s=retry_after_s,
            reply=result.reply,
        )
        mine = ProviderSetting.objects.filter(pk=claimed.setting_id, lease_token=claimed.token)
        setting = mine.first()
        if setting is None:
            if result.outcome == Outcome.CONFIRMED or outcomes.ACTIONS[result.outcome].is_sent_again:
                _mark_unconfirmed(claimed.address, now)
            return False
        setting.lease_token = setting.lease_until = None
        setting.last_reply = result.reply
        if result.outcome == Outcome.CONFIRMED:
            _apply_success(setting, claimed, now)
        else:
            _apply_failure(setting, result, now)
            if setting.address == setting_address.DAILY and outcomes.ACTIONS[result.outcome].is_sent_again:
                reconcile.mark_week_unconfirmed(now)
        if setting.desired == "":
            setting.state, setting.next_attempt_at, setting.reassert_after = State.WITHDRAWN, None, None
        elif setting.generation != claimed.generation:
            setting.state, setting.next_attempt_at = State.WAITING, now
        setting.save(update_fields=_RESULT_FIELDS)
        if setting.address == setting_address.DAILY:
            reconcile.delete_dropped_daily()
        return True


def _mark_unconfirmed(address: str, now: dt.datetime) -> None:
    """Send the current value again later: a request outside its lease may have acted after a newer one."""
    if address == setting_address.DAILY:
        reconcile.mark_week_unconfirmed(now)
    after = now + dt.timedelta(seconds=settings.IVR_SETTLE_S)
    rows = ProviderSetting.objects.filter(address=address).exclude(state=State.WITHDRAWN)
    rows.filter(state=State.IN_FORCE).update(state=State.UNSURE)
    rows.update(reassert_after=after, next_attempt_at=Coalesce("next_attempt_at", Value(after)))


_RESULT_FIELDS = [
    "lease_token", "lease_until", "last_reply", "confirmed", "confirmed_at", "confirmed_generation", "state",
    "next_attempt_at", "attempts", "reassert_after", "first_failed_at",
]  # fmt: skip


def _apply_success(setting: ProviderSetting, claimed: Claim, now: dt.datetime) -> None:
    setting.confirmed, setting.confirmed_at = claimed.value, now
    setting.confirmed_generation = claimed.generation
    setting.attempts, setting.first_failed_at = 0, None
    if setting.reassert_after and claimed.started_at < setting.reassert_after:
        # An older request may still act and replace this value.
        setting.state, setting.next_attempt_at = State.UNSURE, setting.reassert_after
    else:
        setting.state, setting.next_attempt_at, setting.reassert_after = State.IN_FORCE, None, None


def _apply_failure(setting: ProviderSetting, result: RequestResult, now: dt.datetime) -> None:
    action = outcomes.ACTIONS[result.outcome]
    setting.attempts += 1
    setting.first_failed_at = setting.first_failed_at or now
    setting.state = State(action.state)
    if action.is_sent_again:
        setting.reassert_after = now + dt.timedelta(seconds=settings.IVR_SETTLE_S)
    delays = {
        NextTry.BACKOFF: max(
            backoff_s(setting.attempts), min(result.retry_after_s, settings.IVR_BACKOFF_CAP_S)
        ),
        NextTry.SLOW: settings.IVR_BACKOFF_CAP_S,
        NextTry.GATE: 0.0,
    }
    delay_s = delays.get(action.next_try)
    setting.next_attempt_at = None if delay_s is None else now + dt.timedelta(seconds=delay_s)


def backoff_s(attempts: int) -> float:
    """Return a delay in seconds with full jitter: between 0 and the doubled base delay, up to the cap."""
    longest = min(settings.IVR_BACKOFF_CAP_S, settings.IVR_BACKOFF_BASE_S * 2 ** min(attempts, 30))
    return random.uniform(0, longest)  # noqa: S311  (spreads load, no secret)
