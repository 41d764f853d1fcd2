"""From desired to confirmed: claim a setting, tell the provider, record what became of it.

Two short transactions with the network between them, never in one. A claim is a lease in the row; results are
recorded only under one's own lease; all times are the database's.
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
    """A lease on one setting, and what to tell."""

    setting_id: int
    address: str
    value: str
    generation: int
    token: str
    started_at: dt.datetime
    credentials: str = field(repr=False)
    usable_until: float  # by this process's monotonic clock: later, the exchange could outlast the lease


@dataclass(frozen=True, slots=True)
class Result:
    outcome: Outcome
    duration_ms: int
    status: int | None = None
    reply: str = ""
    retry_after_s: float = 0.0


def run(*, prefer: int | None = None, budget_s: float) -> bool:
    """Deliver what is due, `prefer` first, starting nothing new after `budget_s` seconds. True: more is due."""
    until = time.monotonic() + budget_s
    while True:
        claimed = claim(prefer=prefer)
        if isinstance(claimed, Claim):
            prefer = None
            complete(claimed, exchange(claimed))
            if time.monotonic() >= until:
                return True
        elif claimed is None or claimed.wait_s is None:
            return False
        elif time.monotonic() + claimed.wait_s > until:
            return claimed.why in {"rate", "concurrency"}
        else:
            time.sleep(claimed.wait_s)


def claim(*, prefer: int | None = None) -> Claim | circuit.GateClosed | None:
    """Lease the next due setting. None: nothing is due. Shut: something is, but may not be sent now."""
    _adopt_credentials_once()
    if not ProviderSetting.objects.due(database_now()).exists():
        return None
    # Counted from before the lease: the commit that grants it may take long.
    usable_until = time.monotonic() + settings.IVR_LEASE_S - settings.IVR_DEADLINE_S
    with transaction.atomic():
        Circuit.take_turn()
        now = database_now()
        due = ProviderSetting.objects.due(now)
        setting = (due.filter(pk=prefer).first() if prefer else None) or due.first()
        if setting is None:
            return None
        if shut := circuit.acquire_slot(now):
            return shut
        _release_expired(setting.lane, now)
        return _lease(setting.pk, now, usable_until)


_adopted: set[str] = set()


def _adopt_credentials_once() -> None:
    """A changed key or customer is another account, which knows nothing of what we told the one before."""
    mine = circuit.fingerprint()
    if mine in _adopted or not circuit.is_configured():
        return
    with transaction.atomic():
        Circuit.take_turn()
        if circuit.adopt_credentials():
            reconcile.resend_all()
    _adopted.add(mine)


def _release_expired(lane: str, now: dt.datetime) -> None:
    """A lease that ran out is a worker that died: its request may have been sent, and may still be acting."""
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
        reconcile.forget_dropped_daily()


def _lease(setting_id: int, now: dt.datetime, usable_until: float) -> Claim | None:
    token = secrets.token_hex(16)
    taken = ProviderSetting.objects.filter(pk=setting_id, lease_token=None, next_attempt_at__lte=now).update(
        lease_token=token,
        lease_until=now + dt.timedelta(seconds=settings.IVR_LEASE_S),
        state=State.SENDING,
        first_sent_at=Coalesce("first_sent_at", now),
    )
    if not taken:
        return None
    setting = ProviderSetting.objects.get(pk=setting_id)
    claimed = Claim(
        setting.pk,
        setting.address,
        setting.desired,
        setting.generation,
        token,
        now,
        circuit.fingerprint(),
        usable_until,
    )
    Attempt.objects.create(
        setting_id=setting.pk,
        address=setting.address,
        value=setting.desired,
        generation=setting.generation,
        trigger=_trigger(setting),
        token=token,
        started_at=now,
    )
    return claimed


def _trigger(setting: ProviderSetting) -> str:
    if setting.attempts:
        return "retry"
    if setting.reassert_after and setting.generation == setting.confirmed_generation:
        return "check"
    return setting.trigger


def exchange(claimed: Claim) -> Result:
    """The request itself; no transaction is open here."""
    account = client.Account(settings.IVR_API_URL, settings.IVR_API_KEY, settings.IVR_CUST_ID)
    started = time.monotonic()

    def result(outcome: Outcome, reply: str, status: int | None = None, retry_after_s: float = 0.0) -> Result:
        took_ms = round((time.monotonic() - started) * 1000)
        return Result(outcome, took_ms, status, scrubbed(reply), retry_after_s)

    if started > claimed.usable_until:
        return result(Outcome.NOT_SENT, "This process was held up for too long to send it.")
    try:
        answer = client.send(
            account,
            wire_format.parameters(
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


def scrubbed(reply: str) -> str:
    """The provider's words for the screen: one line, at most 300 characters, without our key and customer id."""
    for secret in (settings.IVR_API_KEY, settings.IVR_CUST_ID):
        if secret:
            reply = reply.replace(secret, "[secret]")
    return " ".join("".join(sign if sign.isprintable() else " " for sign in reply).split())[:300]


def complete(claimed: Claim, result: Result) -> bool:
    """Record what became of a request. False: the lease was lost meanwhile, and only the attempt was noted."""
    metrics.count("ivrportal_attempts", result.outcome)
    metrics.observe("ivrportal_attempt_seconds", result.duration_ms / 1000)
    with transaction.atomic():
        Circuit.take_turn()
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
            if result.outcome == Outcome.CONFIRMED or outcomes.ACTIONS[result.outcome].settle:
                _doubt(claimed.address, now)
            return False
        setting.lease_token = setting.lease_until = None
        setting.last_reply = result.reply
        if result.outcome == Outcome.CONFIRMED:
            _confirm(setting, claimed, now)
        else:
            _fail(setting, result, now)
            if setting.address == setting_address.DAILY and outcomes.ACTIONS[result.outcome].settle:
                reconcile.mark_week_unconfirmed(now)
        if setting.desired == "":
            setting.state, setting.next_attempt_at, setting.reassert_after = State.WITHDRAWN, None, None
        elif setting.generation != claimed.generation:
            setting.state, setting.next_attempt_at = State.WAITING, now
        setting.save(update_fields=_RECORDED)
        if setting.address == setting_address.DAILY:
            reconcile.forget_dropped_daily()
        return True


def _doubt(address: str, now: dt.datetime) -> None:
    """A request outside its lease told something, perhaps after a newer one: assert the current value once more."""
    if address == setting_address.DAILY:
        reconcile.mark_week_unconfirmed(now)
    after = now + dt.timedelta(seconds=settings.IVR_SETTLE_S)
    rows = ProviderSetting.objects.filter(address=address).exclude(state=State.WITHDRAWN)
    rows.filter(state=State.IN_FORCE).update(state=State.UNSURE)
    rows.update(reassert_after=after, next_attempt_at=Coalesce("next_attempt_at", Value(after)))


_RECORDED = [
    "lease_token", "lease_until", "last_reply", "confirmed", "confirmed_at", "confirmed_generation", "state",
    "next_attempt_at", "attempts", "reassert_after", "first_failed_at",
]  # fmt: skip


def _confirm(setting: ProviderSetting, claimed: Claim, now: dt.datetime) -> None:
    setting.confirmed, setting.confirmed_at = claimed.value, now
    setting.confirmed_generation = claimed.generation
    setting.attempts, setting.first_failed_at = 0, None
    if setting.reassert_after and claimed.started_at < setting.reassert_after:
        # An older request may still be acting: true now, but not yet for good.
        setting.state, setting.next_attempt_at = State.UNSURE, setting.reassert_after
    else:
        setting.state, setting.next_attempt_at, setting.reassert_after = State.IN_FORCE, None, None


def _fail(setting: ProviderSetting, result: Result, now: dt.datetime) -> None:
    action = outcomes.ACTIONS[result.outcome]
    setting.attempts += 1
    setting.first_failed_at = setting.first_failed_at or now
    setting.state = State(action.state)
    if action.settle:
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
    """Full jitter: anything between nothing and the doubled delay, up to the cap."""
    longest = min(settings.IVR_BACKOFF_CAP_S, settings.IVR_BACKOFF_BASE_S * 2 ** min(attempts, 30))
    return random.uniform(0, longest)  # noqa: S311  (spreads load, keeps no secret)
