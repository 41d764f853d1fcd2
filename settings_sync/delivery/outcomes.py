"""Outcomes of a request and the action for each, in one table.

The provider may act after our deadline and may answer 200 to anything. So exactly one answer confirms. After every
ambiguous answer the value is retried with back-off, and sent once more after the settle window.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    NOT_SENT = "not_sent"  # no connection: the provider cannot have acted
    UNKNOWN = "unknown"  # it may have acted, or may still act
    THROTTLED = "throttled"  # 429
    ACCOUNT = "account"  # key, customer or address of the account refused
    CONFIG = "config"  # TLS failure or redirect: our configuration or the network's is wrong
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    UNRECOGNISED = "unrecognised"  # a 2xx whose body is neither a confirmation nor a known refusal


class NextTry(StrEnum):
    NONE = "none"  # only a new save or “Send now” sends again
    BACKOFF = "backoff"
    SLOW = "slow"  # after the longest back-off
    GATE = "gate"  # as soon as the account's gate opens


@dataclass(frozen=True, slots=True)
class OutcomeAction:
    state: str
    next_try: NextTry
    is_sent_again: bool = False  # send the value again after the settle window
    pauses_account: bool = False  # close the gate until a user or a new key opens it
    counts_as_failure: bool = False  # for the circuit breaker


ACTIONS: dict[Outcome, OutcomeAction] = {
    Outcome.NOT_SENT: OutcomeAction("RETRYING", NextTry.BACKOFF, counts_as_failure=True),
    Outcome.UNKNOWN: OutcomeAction("UNSURE", NextTry.BACKOFF, is_sent_again=True, counts_as_failure=True),
    Outcome.THROTTLED: OutcomeAction("RETRYING", NextTry.BACKOFF),
    Outcome.ACCOUNT: OutcomeAction("PAUSED", NextTry.GATE, pauses_account=True),
    Outcome.CONFIG: OutcomeAction("PAUSED", NextTry.GATE, pauses_account=True),
    Outcome.CONFIRMED: OutcomeAction("IN_FORCE", NextTry.NONE),
    Outcome.REFUSED: OutcomeAction("REFUSED", NextTry.NONE),
    Outcome.UNRECOGNISED: OutcomeAction("NEEDS_PERSON", NextTry.SLOW, is_sent_again=True),
}

SUCCESS = "success"
INVALID_TIME = "invalid time"
# The provider's document names no reply for a wrong key; these are the phrases that such services use.
_ACCOUNT_REFUSAL = re.compile(
    r"(invalid|wrong|incorrect|unknown|expired)\W+(api\W?key|key|cust\w*(\W?id)?|credentials?)\b"
    r"|unauthori[sz]ed|authentication\W+fail|access\W+denied|not\W+authori[sz]ed"
)


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """HTTP status, the first 4 KiB of the body as text, and `Retry-After` in seconds."""

    status: int
    body: str
    retry_after_s: float | None = None


def classify(answer: ProviderResponse) -> Outcome:
    """Return the outcome of a request that got a response."""
    if 200 <= answer.status < 300:
        return _classify_body(answer.body)
    if 300 <= answer.status < 400:
        return Outcome.CONFIG
    if answer.status in {401, 403, 404}:
        return Outcome.ACCOUNT
    if answer.status == 429:
        return Outcome.THROTTLED
    if answer.status == 408 or not 400 <= answer.status < 500:
        return Outcome.UNKNOWN
    return Outcome.REFUSED


def _classify_body(body: str) -> Outcome:
    text = body.strip().casefold()
    if text == SUCCESS:
        return Outcome.CONFIRMED
    if text == INVALID_TIME:
        return Outcome.REFUSED
    # Markup comes from something between us and the provider, whatever its text says.
    if "<" not in text and _ACCOUNT_REFUSAL.search(text):
        return Outcome.ACCOUNT
    return Outcome.UNRECOGNISED
